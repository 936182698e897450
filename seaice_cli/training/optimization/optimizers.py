"""Optimisers by name: `sgd(nesterov=no)`, `adamw`, `lookahead(k=6):radam`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from seaice_cli.errors import OptionError
from seaice_cli.training.expressions import Term, allow, choose, flag, number, parse_chain

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]


def make_optimizer(spec: str, parameters: Parameters, *, lr: float, weight_decay: float) -> Optimizer:
    """Return the optimiser that a text describes.

    `sgd(momentum=0.9,nesterov=yes)`, `adam`, `adamw` and `radam` (with `beta1`, `beta2`), and
    `lookahead(k=6,alpha=0.5):` in front of any of them: every k steps the weights go back a share of 1 - alpha
    (Zhang, M. et al.: Lookahead Optimizer, NeurIPS 2019). Weight decay is the L2 term of the gradient but for adamw.

    Args:
        spec: The text.
        parameters: Of the network, or groups of them.
        lr: The learning rate at the start.
        weight_decay: Its strength.

    Raises:
        OptionError: A name or an option is unknown, or a value does not fit.
    """
    *around, inner = parse_chain(spec)
    if lr <= 0 or weight_decay < 0:
        raise OptionError(f"the learning rate must be above 0 and the weight decay not below: {lr:g}, {weight_decay:g}")
    optimizer = choose("optimiser", inner, OPTIMIZERS)(inner, parameters, lr, weight_decay)
    for term in around:
        choose("optimiser in front of another one", term, {"lookahead": None})
        optimizer = _lookahead(term, optimizer)
    return optimizer


def _sgd(term: Term, parameters: Parameters, lr: float, weight_decay: float) -> Optimizer:
    allow(term, "momentum", "nesterov")
    momentum = number(term, "momentum", 0.9, low=0, high=0.9999)
    nesterov = flag(term, "nesterov", default=True) and momentum > 0
    return torch.optim.SGD(parameters, lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov)


def _adaptive(kind: type[Optimizer]) -> Callable[[Term, Parameters, float, float], Optimizer]:
    def make(term: Term, parameters: Parameters, lr: float, weight_decay: float) -> Optimizer:
        allow(term, "beta1", "beta2")
        betas = (
            number(term, "beta1", 0.9, low=0, high=0.999999),
            number(term, "beta2", 0.999, low=0, high=0.999999),
        )
        return kind(parameters, lr=lr, weight_decay=weight_decay, betas=betas)  # type: ignore[call-arg]  # all have them

    return make


def _lookahead(term: Term, optimizer: Optimizer) -> Optimizer:
    from timm.optim import Lookahead

    allow(term, "k", "alpha")
    alpha, k = number(term, "alpha", 0.5, low=0, high=1), number(term, "k", 6, low=1, high=10000)
    around: Optimizer = Lookahead(optimizer, alpha=alpha, k=int(k))
    return around


OPTIMIZERS: Mapping[str, Callable[[Term, Parameters, float, float], Optimizer]] = {
    "adam": _adaptive(torch.optim.Adam),
    "adamw": _adaptive(torch.optim.AdamW),
    "radam": _adaptive(torch.optim.RAdam),
    "sgd": _sgd,
}
"""What makes an optimiser of a term, by name; `lookahead:` goes in front of any."""
