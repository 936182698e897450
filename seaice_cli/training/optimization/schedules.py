"""Learning rates by name: `poly(floor=1e-4)`, `warmup(steps=500):cosine`, `plateau(patience=5)`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch.optim import Optimizer

from seaice_cli.errors import OptionError
from seaice_cli.training.expressions import Term, allow, choose, number, parse_chain, word
from seaice_cli.training.optimization.optimizers import make_optimizer

__all__ = ["SCHEDULES", "Schedule", "make_optimizer", "make_schedule"]

Curve = Callable[[float, float], float]
"""From the share of the steps done, 0 to 1, and the first learning rate, to the learning rate."""


class Schedule:
    """Sets the learning rates of an optimiser, step by step.

    Call `step` after every step of the optimiser and `observe` after every validation. Its state goes into the
    checkpoint; loaded again, it goes on at the same step.
    """

    def __init__(self, optimizer: Optimizer, curve: Curve, *, steps: int, plateau: Plateau | None = None) -> None:
        """Set the learning rates of the first step; see `make_schedule`."""
        self.optimizer = optimizer
        self.steps = steps
        self.done = 0
        self._curve = curve
        self._plateau = plateau
        self._base = [float(group.setdefault("initial_lr", group["lr"])) for group in optimizer.param_groups]
        self._apply()

    @property
    def rates(self) -> list[float]:
        """The learning rates now, one per group of parameters."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def step(self) -> None:
        """Go on by one step of the optimiser."""
        self.done += 1
        self._apply()

    def observe(self, score: float) -> None:
        """Take note of a validation score, the larger the better; all but `plateau` ignore it."""
        if self._plateau is not None:
            self._plateau.observe(score)
            self._apply()

    def state_dict(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        plateau = self._plateau.state() if self._plateau else {}
        return {"done": self.done, "plateau": plateau}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the step where the state was taken, at the rates that this schedule was made with."""
        self.done = int(state["done"])
        if self._plateau is not None and state["plateau"]:  # empty where the run had another schedule until now
            self._plateau.restore(state["plateau"])
        self._apply()

    def _apply(self) -> None:
        share = min(self.done / self.steps, 1.0)
        factor = self._plateau.factor if self._plateau else 1.0
        for group, base in zip(self.optimizer.param_groups, self._base, strict=True):
            group["lr"] = factor * self._curve(share, base)


class Plateau:
    """A factor that falls when the score has not risen for a while."""

    def __init__(self, *, drop: float, patience: int, least: float) -> None:
        """Set by how much it falls, after how many scores without a better one, and how low."""
        self.factor, self.best, self.waited = 1.0, -math.inf, 0
        self._drop, self._patience, self._least = drop, patience, least

    def observe(self, score: float) -> None:
        """Take note of a score, the larger the better; NaN is no better."""
        if score > self.best:
            self.best, self.waited = score, 0
            return
        self.waited += 1
        if self.waited > self._patience:
            self.factor, self.waited = max(self.factor * self._drop, self._least), 0

    def state(self) -> dict[str, float]:
        """Return plain values for a checkpoint."""
        return {"factor": self.factor, "best": self.best, "waited": self.waited}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from where the state was taken."""
        self.factor, self.best, self.waited = state["factor"], state["best"], int(state["waited"])


def make_schedule(spec: str, optimizer: Optimizer, *, steps: int, steps_per_epoch: int | None = None) -> Schedule:
    """Return the schedule that a text describes.

    `constant` · `poly(power=0.9,floor=0,by=step)` · `cosine(floor=0)` · `exponential(end=0.01)`, the share of the rate that
    is left in the end · `restarts(first=0.1,factor=2,floor=0)` · `plateau(factor=0.1,patience=10,least=0.001)` ·
    `onecycle(rise=0.3,start=25,end=1e4)`, and `warmup(steps=500)` or
    `warmup(share=0.05)` with a colon in front of any: the rate rises in a straight line, then the rest follows.

    Args:
        spec: The text.
        optimizer: Its learning rate is the one at the start, for `onecycle` the highest.
        steps: Number of steps of the optimiser in the whole training.
        steps_per_epoch: For `poly(by=epoch)`, which changes the rate after each epoch only.

    Raises:
        OptionError: A name or an option is unknown, or a value does not fit.
    """
    if steps < 1:
        raise ValueError(f"a schedule needs a step or more, not {steps}")
    *around, inner = parse_chain(spec)
    curve = choose("schedule", inner, SCHEDULES)(inner, steps, steps_per_epoch)
    floor, lowest = inner.options.get("floor", 0.0), min(group["lr"] for group in optimizer.param_groups)
    if isinstance(floor, float) and floor > lowest:
        raise OptionError(f"{inner.name}: the floor {floor:g} is above the learning rate {lowest:g}")
    for term in around:
        choose("schedule in front of another one", term, {"warmup": None})
        curve = _warmup(term, curve, steps)
    return Schedule(optimizer, curve, steps=steps, plateau=_plateau(inner) if inner.name == "plateau" else None)


def _constant(term: Term, *_: Any) -> Curve:
    allow(term)
    return lambda _, base: base


def _poly(term: Term, steps: int, steps_per_epoch: int | None) -> Curve:
    allow(term, "power", "floor", "by")
    power, floor = number(term, "power", 0.9, low=0, high=10), _floor(term)
    stair = 0.0
    if word(term, "by", "step", known=("step", "epoch")) == "epoch":
        if steps_per_epoch is None:
            raise OptionError("poly: by=epoch needs epochs; train by epochs, or take by=step")
        stair = steps_per_epoch / steps

    def curve(share: float, base: float) -> float:
        # A hair more, so that the first step of an epoch does not fall back into the one before by rounding.
        done = math.floor(share / stair + 1e-9) * stair if stair else share
        return _between(base, floor, max(1 - done, 0.0) ** power)

    return curve


def _cosine(term: Term, *_: Any) -> Curve:
    allow(term, "floor")
    floor = _floor(term)
    return lambda share, base: _between(base, floor, _fall(share))


def _exponential(term: Term, *_: Any) -> Curve:
    allow(term, "end")
    end = number(term, "end", 0.01, low=1e-12, high=1)
    return lambda share, base: base * end**share


def _restarts(term: Term, *_: Any) -> Curve:
    """Cosines one after another (Loshchilov, I., Hutter, F.: SGDR, ICLR 2017), each `factor` times the one before."""
    allow(term, "first", "factor", "floor")
    first, factor = number(term, "first", 0.1, low=1e-6, high=1), number(term, "factor", 2, low=1, high=100)
    floor = _floor(term)

    def curve(share: float, base: float) -> float:
        start, length = 0.0, first
        while share >= start + length - 1e-12:
            start, length = start + length, length * factor
        return _between(base, floor, _fall((share - start) / length))

    return curve


def _one_cycle(term: Term, *_: Any) -> Curve:
    """Up and down again in cosines (Smith, L., Topin, N.: Super-Convergence, 2018); the momentum is left alone."""
    allow(term, "rise", "start", "end")
    rise = number(term, "rise", 0.3, low=0.001, high=0.999)
    start, end = number(term, "start", 25, low=1, high=1e9), number(term, "end", 1e4, low=1, high=1e9)

    def curve(share: float, base: float) -> float:
        if share < rise:
            return _between(base / start, base, _fall(share / rise))
        return _between(base, base / start / end, _fall((share - rise) / (1 - rise)))

    return curve


def _steady(term: Term, *_: Any) -> Curve:
    allow(term, "factor", "patience", "least")
    return lambda _, base: base


SCHEDULES: Mapping[str, Callable[[Term, int, int | None], Curve]] = {
    "constant": _constant,
    "cosine": _cosine,
    "exponential": _exponential,
    "onecycle": _one_cycle,
    "plateau": _steady,
    "poly": _poly,
    "restarts": _restarts,
}
"""What makes a curve of a term, by name; `warmup(...):` goes in front of any."""


def _plateau(term: Term) -> Plateau:
    return Plateau(
        drop=number(term, "factor", 0.1, low=0.001, high=0.999),
        patience=int(number(term, "patience", 10, low=0, high=1e6)),
        least=number(term, "least", 0.001, low=0, high=1),
    )


def _warmup(term: Term, rest: Curve, steps: int) -> Curve:
    allow(term, "steps", "share", "start")
    share_warm = number(term, "share", 0.05, low=0, high=0.99)
    if "steps" in term.options:
        share_warm = number(term, "steps", 0, low=0, high=steps - 1) / steps
    start = number(term, "start", 0.001, low=0, high=1)

    def curve(share: float, base: float) -> float:
        if share < share_warm:
            return rest(0.0, base) * (start + (1 - start) * share / share_warm)
        return rest((share - share_warm) / (1 - share_warm), base)

    return curve


def _floor(term: Term) -> float:
    return number(term, "floor", 0, low=0, high=1)


def _between(high: float, low: float, share: float) -> float:
    """Return `high` where the share is 1 and `low` where it is 0."""
    return (high - low) * share + low


def _fall(share: float) -> float:
    """Return half a cosine, from 1 at 0 to 0 at 1."""
    return (1 + math.cos(math.pi * min(max(share, 0.0), 1.0))) / 2
