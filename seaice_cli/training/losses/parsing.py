"""From `ce:1,dice:1,boundary:0.5` to a function of logits and target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seaice_cli.errors import OptionError
from seaice_cli.training.expressions import Term, allow, choose, number, parse_term, split, word
from seaice_cli.training.losses import boundary, overlap, pixelwise

Function = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Part:
    """One summand of a loss."""

    name: str
    factor: float
    function: Function


@dataclass(frozen=True, slots=True)
class Loss:
    """A weighted sum of losses, computed in float32 even under autocast."""

    parts: tuple[Part, ...]
    ignore: int
    """The id of pixels that do not count."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the sum, a scalar.

        Args:
            logits: (N, classes, H, W), any floating type.
            target: Class ids (N, H, W), any integer type, `ignore` where a pixel does not count.
        """
        return torch.stack(
            [p.factor * value for p, value in zip(self.parts, self._values(logits, target), strict=True)]
        ).sum()

    def _values(self, logits: Tensor, target: Tensor) -> list[Tensor]:
        with torch.autocast(logits.device.type, enabled=False):
            return [part.function(logits.float(), target.long()) for part in self.parts]


@dataclass(frozen=True, slots=True)
class LossContext:
    """The classes, the ignored id and the class weights that a loss is built for."""

    classes: int
    ignore: int
    weights: Tensor | None


def parse_loss(spec: str, *, classes: int, ignore: int = 255, class_weights: Tensor | None = None) -> Loss:
    """Return the loss that a text describes.

    A text is a list of names with factors, `ce:1,dice:1,boundary:0.5`; a factor of 1 may be left out, and options stand
    in brackets: `focal(gamma=2):0.5,tversky(alpha=0.3,beta=0.7)`.

    Args:
        spec: The text.
        classes: Number of classes, at least 2.
        ignore: The id of pixels that do not count.
        class_weights: One weight per class for `ce`, `weighted-ce`, `bce`, `focal` and `ohem`.

    Raises:
        OptionError: A name or an option is unknown, or a value does not fit.
    """
    if classes < 2:
        raise ValueError(f"a loss needs two or more classes, not {classes}")
    if class_weights is not None and class_weights.shape != (classes,):
        raise OptionError(f"{classes} classes need as many weights, not {tuple(class_weights.shape)}")
    weights = None if class_weights is None else class_weights.float()
    context = LossContext(classes, ignore, weights)
    parts = tuple(_part(text, context) for text in split(spec, ","))
    if not parts:
        raise OptionError(f"the loss is empty; known: {', '.join(sorted(LOSSES))}")
    return Loss(parts, ignore)


def _part(text: str, context: LossContext) -> Part:
    name, *factors = split(text, ":") or [text]
    term = parse_term(name)
    make = choose("loss", term, LOSSES)
    try:
        factor = float(factors[0]) if factors else 1.0
    except ValueError as error:
        raise OptionError(f"{text.strip()!r}: the factor after the colon must be a number") from error
    if len(factors) > 1 or not 0 <= factor < float("inf"):
        raise OptionError(f"{text.strip()!r}: one factor of 0 or more may follow, as in {term.name}:0.5")
    return Part(term.name, factor, make(term, context))


def _weighted(function: Callable[..., Tensor], context: LossContext, **options: Any) -> Function:
    def compute(logits: Tensor, target: Tensor) -> Tensor:
        weight = None if context.weights is None else context.weights.to(logits.device)
        return function(logits, target, ignore=context.ignore, weight=weight, **options)

    return compute


def _ce(term: Term, context: LossContext) -> Function:
    allow(term, "smoothing")
    return _weighted(pixelwise.cross_entropy, context, smoothing=number(term, "smoothing", 0, low=0, high=0.9))


def _weighted_ce(term: Term, context: LossContext) -> Function:
    if context.weights is None:
        raise OptionError("weighted-ce needs class weights; give them (softmax, inverse or median), or take ce")
    return _ce(term, context)


def _bce(term: Term, context: LossContext) -> Function:
    allow(term)
    return _weighted(pixelwise.binary_cross_entropy, context)


def _focal(term: Term, context: LossContext) -> Function:
    allow(term, "gamma", "alpha")
    alpha = number(term, "alpha", 0, low=0, high=1) if "alpha" in term.options else None
    if alpha is not None and context.classes != 2:
        raise OptionError("focal: alpha is for two classes; for more give class weights")
    return _weighted(pixelwise.focal, context, gamma=number(term, "gamma", 2, low=0, high=10), alpha=alpha)


def _ohem(term: Term, context: LossContext) -> Function:
    allow(term, "threshold", "keep")
    threshold, keep = number(term, "threshold", 0.7, low=0, high=1), number(term, "keep", 10000, low=1, high=1e9)
    return _weighted(pixelwise.hard_cross_entropy, context, threshold=threshold, keep=int(keep))


def _classwise_dice(term: Term, context: LossContext) -> Function:
    allow(term, "absent")
    absent = word(term, "absent", "count", known=("count", "mask"))
    return partial(overlap.classwise_dice, ignore=context.ignore, absent=absent)


def _pgdice(term: Term, context: LossContext) -> Function:
    allow(term, "k")
    return partial(overlap.penalised_dice, ignore=context.ignore, k=number(term, "k", 0.75, low=0, high=100))


def _tversky(term: Term, context: LossContext) -> Function:
    allow(term, "alpha", "beta")
    alpha, beta = (number(term, option, 0.5, low=0, high=10) for option in ("alpha", "beta"))
    return partial(overlap.tversky, ignore=context.ignore, alpha=alpha, beta=beta)


def _boundary(term: Term, context: LossContext) -> Function:
    allow(term, "width", "reach")
    width, reach = (int(number(term, o, default, low=3, high=99)) for o, default in (("width", 3), ("reach", 5)))
    if width % 2 == 0 or reach % 2 == 0:
        raise OptionError("boundary: width and reach must be odd")
    return partial(boundary.boundary, ignore=context.ignore, width=width, reach=reach)


def _plain(function: Callable[..., Tensor]) -> Callable[[Term, LossContext], Function]:
    def make(term: Term, context: LossContext) -> Function:
        allow(term)
        return partial(function, ignore=context.ignore)

    return make


LOSSES: Mapping[str, Callable[[Term, LossContext], Function]] = {
    "bce": _bce,
    "boundary": _boundary,
    "ce": _ce,
    "classwise-dice": _classwise_dice,
    "dice": _plain(overlap.dice),
    "focal": _focal,
    "gdice": _plain(overlap.generalised_dice),
    "jaccard": _plain(overlap.jaccard),
    "lovasz": _plain(overlap.lovasz),
    "ohem": _ohem,
    "pgdice": _pgdice,
    "tversky": _tversky,
    "weighted-ce": _weighted_ce,
}
"""What makes a loss of a term, by name."""
