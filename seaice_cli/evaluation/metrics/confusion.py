"""The confusion matrix, streamed, and every score that is a function of it.

Rows are the truth, columns the prediction. Counts are summed over the whole set before a score is taken (never a mean
of per-image scores), so that the order, the cutting into strips and the size of the images do not matter.

Scores are undefined, NaN, where their denominator is zero. A class is *present* where the truth or the prediction has
it: a class that is predicted but never true has the IoU 0 and pulls the mean down, a class in neither is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.raster.reading.region import LAND, NODATA, UNSURE

Floats = npt.NDArray[np.float64]
_VALUES = 256
"""Labels and masks are bytes: ids below 200, 253 for unsure, 254 for land, 255 for nodata."""


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How often each true class was predicted as each class."""

    counts: Floats
    """(classes, classes), rows truth, columns prediction; pixels, or km2 where they were weighted by their area."""
    missing: float = 0.0
    """Pixels (or km2) with a true class but no prediction; they are in no score, so a report has to show them."""

    def __post_init__(self) -> None:
        if self.counts.ndim != 2 or self.counts.shape[0] != self.counts.shape[1]:
            raise ValueError(f"a confusion matrix is square, not {self.counts.shape}")

    @classmethod
    def empty(cls, classes: int) -> Confusion:
        """Return the matrix of nothing yet, for that many classes."""
        return cls(np.zeros((classes, classes)))

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.counts)

    @property
    def total(self) -> float:
        """Pixels (or km2) that were compared."""
        return float(self.counts.sum())

    def add(
        self,
        truth: npt.NDArray[Any],
        predicted: npt.NDArray[Any],
        ignore: int | Collection[int] = (NODATA, LAND, UNSURE),
        *,
        weights: npt.NDArray[Any] | None = None,
    ) -> Confusion:
        """Return this matrix with further pixels counted in.

        Args:
            truth: Class ids of any shape, integers from 0 to 255.
            predicted: Class ids of the same shape.
            ignore: Values that are no class: such pixels of `truth` are left out, such pixels of `predicted` are
                counted as missing.
            weights: Of the shape of `truth`, such as the area of every pixel; None: each counts one.

        Raises:
            ValueError: The shapes differ, or there are values that are neither a class nor ignored.
        """
        joint = _joint(truth, predicted, weights)
        nothing = np.zeros(_VALUES, dtype=bool)
        nothing[[ignore] if isinstance(ignore, int) else list(ignore)] = True
        known = np.arange(_VALUES) < self.classes
        strange_truth = np.flatnonzero(joint.any(axis=1) & ~known & ~nothing)
        strange = np.flatnonzero(joint[known & ~nothing].any(axis=0) & ~known & ~nothing)
        if strange_truth.size or strange.size:
            who, values = ("truth", strange_truth) if strange_truth.size else ("prediction", strange)
            raise ValueError(f"the {who} holds {_listed(values)}, which is none of the {self.classes} classes")
        joint[nothing] = 0
        missing = float(joint[: self.classes, nothing].sum())
        joint[:, nothing] = 0
        return Confusion(self.counts + joint[: self.classes, : self.classes], self.missing + missing)

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.counts + other.counts, self.missing + other.missing)

    def against_rest(self, class_id: int) -> Confusion:
        """Return the matrix of two classes: 0 is every other class, 1 is `class_id`."""
        groups = np.eye(2)[(np.arange(self.classes) == class_id).astype(int)]
        return Confusion(groups.T @ self.counts @ groups, self.missing)


def _joint(truth: npt.NDArray[Any], predicted: npt.NDArray[Any], weights: npt.NDArray[Any] | None) -> Floats:
    """Count every pair of values, (256, 256): one pass without a mask, however many values are ignored."""
    if truth.shape != predicted.shape or (weights is not None and weights.shape != truth.shape):
        raise ValueError(f"truth {truth.shape} and prediction {predicted.shape} (and weights) must be of one shape")
    for values in (truth, predicted):
        if values.dtype != np.uint8 and values.size and not 0 <= values.min() <= values.max() < _VALUES:
            raise ValueError(f"class ids are 0 to 255, not {values.min()} to {values.max()}")
    pairs = truth.astype(np.uint16).ravel() * np.uint16(_VALUES) + predicted.astype(np.uint16).ravel()
    counts: Floats = np.bincount(
        pairs, None if weights is None else weights.ravel(), minlength=_VALUES * _VALUES
    ).astype(np.float64)
    return counts.reshape(_VALUES, _VALUES)


def _listed(values: npt.NDArray[np.intp]) -> str:
    shown = ", ".join(str(v) for v in values[:5])
    return f"{shown} and more" if len(values) > 5 else shown


def _share(part: Floats, whole: Floats) -> Floats:
    """Divide, with NaN where the whole is zero."""
    share: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return share


def _mean(values: Floats) -> float:
    """Return the mean of what is defined, NaN if nothing is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _hits(c: Confusion) -> Floats:
    return np.diagonal(c.counts).astype(np.float64)


def _true(c: Confusion) -> Floats:
    return np.asarray(c.counts.sum(axis=1))


def _predicted(c: Confusion) -> Floats:
    return np.asarray(c.counts.sum(axis=0))


def iou(c: Confusion) -> Floats:
    """Return TP / (TP + FP + FN) per class."""
    return _share(_hits(c), _true(c) + _predicted(c) - _hits(c))


def precision(c: Confusion) -> Floats:
    """Return TP / (TP + FP) per class."""
    return _share(_hits(c), _predicted(c))


def recall(c: Confusion) -> Floats:
    """Return TP / (TP + FN) per class, also called class accuracy."""
    return _share(_hits(c), _true(c))


def f1(c: Confusion) -> Floats:
    """Return 2 TP / (2 TP + FP + FN) per class, also called Dice."""
    return _share(2 * _hits(c), _true(c) + _predicted(c))


def frequency(c: Confusion) -> Floats:
    """Return the share of every class in the truth."""
    return _share(_true(c), np.full(c.classes, c.total))


def mean_iou(c: Confusion) -> float:
    """Return the mean IoU over the classes that are present."""
    return _mean(iou(c))


def fw_iou(c: Confusion) -> float:
    """Return the IoU weighted by how frequent each class is in the truth."""
    return _weighted(c, iou(c))


def overall_accuracy(c: Confusion) -> float:
    """Return the share of pixels with the right class."""
    return float(_hits(c).sum() / c.total) if c.total else float("nan")


def mean_accuracy(c: Confusion) -> float:
    """Return the mean recall over the classes in the truth."""
    return _mean(recall(c))


def mean_f1(c: Confusion) -> float:
    """Return the mean F1 over the classes that are present."""
    return _mean(f1(c))


def weighted_f1(c: Confusion) -> float:
    """Return the F1 weighted by how frequent each class is in the truth."""
    return _weighted(c, f1(c))


def _weighted(c: Confusion, values: Floats) -> float:
    # A class with a frequency above zero has an IoU and an F1; the others weigh nothing.
    return float(np.nansum(frequency(c) * values)) if c.total else float("nan")


def kappa(c: Confusion) -> float:
    """Return Cohen's kappa, (p_o - p_e) / (1 - p_e)."""
    if not c.total:
        return float("nan")
    chance = float(_true(c) @ _predicted(c)) / c.total**2
    return (overall_accuracy(c) - chance) / (1 - chance) if chance < 1 else float("nan")


def mcc(c: Confusion) -> float:
    """Return Matthews' correlation; for several classes as Gorodkin (2004) defines it."""
    true, predicted, n = _true(c), _predicted(c), c.total
    spread = (n**2 - true @ true) * (n**2 - predicted @ predicted)
    return float((_hits(c).sum() * n - true @ predicted) / np.sqrt(spread)) if spread > 0 else float("nan")


CLASS_SCORES: Mapping[str, Callable[[Confusion], Floats]] = {
    "iou": iou, "precision": precision, "recall": recall, "f1": f1,
}  # fmt: skip
"""What is said of every class, by the name it has in tables, in `--fail-under` and as a metric of training."""

SCORES: Mapping[str, Callable[[Confusion], float]] = {
    "miou": mean_iou, "fwiou": fw_iou, "oa": overall_accuracy, "macc": mean_accuracy, "mf1": mean_f1,
    "wf1": weighted_f1, "kappa": kappa, "mcc": mcc,
}  # fmt: skip
"""What is said of all classes together, by the same names."""


def scores(c: Confusion, names: Collection[str]) -> dict[str, float]:
    """Return all scores by name: "miou" and its like, then "iou:ice" and its like for every class.

    Args:
        c: The counts.
        names: The names of the classes, by id.
    """
    found = {name: score(c) for name, score in SCORES.items()}
    for score_name, score in CLASS_SCORES.items():
        found |= {f"{score_name}:{name}": float(v) for name, v in zip(names, score(c), strict=True)}
    return found
