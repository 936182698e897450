"""How well floes are told apart: every true floe against the predicted one that fits it best, by size class.

A true floe is found if a predicted one of its own overlaps it with an IoU of one half or more. A floe that is not found is
*merged* if the predicted object that covers most of it covers most of another true floe too, *broken* if predicted objects
cover most of it, but none of them alone, and *missed* if less than half of it is in any. What is left has an outline that is off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.evaluation.metrics.accumulators import Accumulator
from seaice_cli.evaluation.metrics.objects import Ids

Floats = npt.NDArray[np.float64]

IOU = 0.5
"""From which overlap on a floe is found. Above it there is one partner at most; exactly there, as of halves, could be two."""


@dataclass(frozen=True, slots=True)
class FloeAccumulator(Accumulator):
    """Floes of one or several scenes; every array is one number by size class, smallest first."""

    true: Floats
    """True floes, by their own size, as all but `predicted` and `paired`."""
    found: Floats
    merged: Floats
    broken: Floats
    missed: Floats
    iou: Floats
    """The sum of the IoU of found floes."""
    predicted: Floats
    """Predicted objects, by their own size."""
    paired: Floats
    """Those of them that find a true floe."""
    intersection: float = 0.0
    """Pixels that true floes share with the predicted objects that fit them best."""
    union: float = 0.0
    """Pixels of the two together, and of the predicted objects that fit none."""

    @classmethod
    def empty(cls, classes: int) -> FloeAccumulator:
        """Return the sums of nothing yet."""
        counts: Any = [np.zeros(classes) for _ in _COUNTS]
        return cls(*counts)

    @classmethod
    def of(cls, overlaps: Ids, sizes: tuple[int, ...], *, incomplete: bool, smallest: int = 1) -> FloeAccumulator:
        """Compare the floes of a scene.

        Args:
            overlaps: (n, 3) true object, predicted object and the pixels they share, as `Overlaps` gives them.
            sizes: Pixels from which on a floe is of the next size class, ascending.
            incomplete: Whether only some floes are outlined: then no predicted object counts as false.
            smallest: Predicted objects of fewer pixels count as false in nothing, though they may find a floe.
        """
        true, predicted, shared = overlaps.T
        true_sizes, predicted_sizes = _sizes(true, shared), _sizes(predicted, shared)
        inside = (true > 0) & (predicted > 0)
        t, p, both = true[inside], predicted[inside], shared[inside]
        iou = both / (true_sizes[t] + predicted_sizes[p] - both)
        best = np.zeros(true_sizes.size)
        np.maximum.at(best, t, iou)
        found, paired = np.zeros(true_sizes.size, bool), np.zeros(predicted_sizes.size, bool)
        pairs = _one_to_one(t, p, iou)
        found[t[pairs]] = paired[p[pairs]] = True
        covered = _sizes(t, both, true_sizes.size)
        most = both > true_sizes[t] / 2
        held = np.zeros(true_sizes.size, np.int64)
        held[t[most]] = p[most]
        several = np.bincount(held[1:], minlength=predicted_sizes.size) > 1
        several[:1] = False
        lost = ~found & (held == 0)
        broken = lost & (covered > true_sizes / 2)
        groups = {
            "true": true_sizes > 0, "found": found, "merged": ~found & several[held], "broken": broken,
            "missed": lost & ~broken,
        }  # fmt: skip
        intersection, union = _sum_jaccard(
            (t, p, both), iou, true_sizes, predicted_sizes, incomplete=incomplete, smallest=smallest
        )
        levels, predicted_levels = np.digitize(true_sizes, sizes), np.digitize(predicted_sizes, sizes)
        by_size = {name: _count(levels, chosen & (true_sizes > 0), sizes) for name, chosen in groups.items()}
        kept = (predicted_sizes > 0) & (paired | (predicted_sizes >= smallest))
        return cls(
            **by_size,
            iou=np.bincount(levels, np.where(found, best, 0.0), minlength=len(sizes) + 1).astype(np.float64),
            predicted=_count(predicted_levels, kept, sizes), paired=_count(predicted_levels, kept & paired, sizes),
            intersection=intersection, union=union,
        )  # fmt: skip

    def scores(self, *, incomplete: bool) -> dict[str, float]:
        """Return the scores of all sizes together."""
        counts: Any = [np.array([getattr(self, name).sum()]) for name in _COUNTS]
        total = FloeAccumulator(*counts)
        return total.scores_of(0, incomplete=incomplete) | {"aji": _share(self.intersection, self.union)}

    def scores_of(self, level: int, *, incomplete: bool) -> dict[str, float]:
        """Return the scores of a size class; NaN where there is nothing to count, or where the reference is incomplete."""
        true, found, merged, broken, missed, iou, predicted, paired = (
            float(getattr(self, name)[level]) for name in _COUNTS
        )
        recall = _share(found, true)
        precision = math.nan if incomplete else _share(paired, predicted)
        quality = math.nan if incomplete else _share(iou, found + (true - found) / 2 + (predicted - paired) / 2)
        return {
            "floes": true, "recall": recall, "precision": precision,
            "f1": math.nan if incomplete else _share(found + paired, true + predicted), "pq": quality, "sq": _share(iou, found),
            "merged": _share(merged, true), "broken": _share(broken, true), "missed": _share(missed, true),
        }  # fmt: skip


_COUNTS = ("true", "found", "merged", "broken", "missed", "iou", "predicted", "paired")


def _one_to_one(true: Ids, predicted: Ids, iou: Floats) -> npt.NDArray[np.intp]:
    """Return which overlaps pair a true floe with a predicted one, no floe twice."""
    enough = np.flatnonzero(iou >= IOU)
    enough = enough[np.lexsort((predicted[enough], true[enough], -iou[enough]))]
    enough = enough[np.unique(true[enough], return_index=True)[1]]
    return enough[np.unique(predicted[enough], return_index=True)[1]]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _sizes(ids: Ids, shared: Ids, count: int = 1) -> Ids:
    """Return the pixels of every object, 0 for what lies outside of all."""
    sizes = np.bincount(ids, shared, minlength=count).astype(np.int64)
    sizes[:1] = 0
    return sizes


def _count(levels: npt.NDArray[np.intp], chosen: npt.NDArray[np.bool_], sizes: tuple[int, ...]) -> Floats:
    return np.bincount(levels[chosen], minlength=len(sizes) + 1).astype(np.float64)


def _sum_jaccard(
    pairs: tuple[Ids, Ids, Ids], iou: Floats, true_sizes: Ids, predicted_sizes: Ids, *, incomplete: bool, smallest: int
) -> tuple[float, float]:
    """Return intersection and union of the aggregated Jaccard index (Kumar and others 2017)."""
    true, predicted, shared = pairs
    order = np.lexsort((predicted, -iou, true))
    firsts = order[np.unique(true[order], return_index=True)[1]]
    partner = np.zeros(true_sizes.size, np.int64)
    common = np.zeros(true_sizes.size, np.int64)
    partner[true[firsts]], common[true[firsts]] = predicted[firsts], shared[firsts]
    union = float((true_sizes + predicted_sizes[partner] - common).sum())
    if not incomplete:
        alone = predicted_sizes >= smallest
        alone[partner] = False
        union += float(predicted_sizes[alone].sum())
    return float(common.sum()), union
