"""How many floes, leads or ponds are found: objects of truth and prediction that overlap with an IoU above one half.

With a threshold of one half an object has at most one partner, so there is nothing to choose. Precision is the share of
predicted objects with a partner, recall the share of true ones.

Objects are connected pixels (of four neighbours, as polygons are outlined), or what a vector reference holds: its
features stay apart even where they touch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

from seaice_cli.evaluation.metrics.accumulators import Accumulator
from seaice_cli.evaluation.metrics.boundaries import Booleans

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ObjectAccumulator(Accumulator):
    """Objects of one or several scenes."""

    true: float = 0.0
    predicted: float = 0.0
    matched: float = 0.0
    iou: float = 0.0
    """The sum of the IoU of matched pairs."""

    def scores(self) -> dict[str, float]:
        """Return precision, recall, F1 and the mean IoU of matched pairs; NaN where there is no object to count."""
        both = self.true + self.predicted
        return {
            "object_precision": self.matched / self.predicted if self.predicted else math.nan,
            "object_recall": self.matched / self.true if self.true else math.nan,
            "object_f1": 2 * self.matched / both if both else math.nan,
            "object_iou": self.iou / self.matched if self.matched else math.nan,
        }


class Labels:
    """Numbers connected pixels while the rows of a scene come in; only the last row and the joints are kept."""

    def __init__(self) -> None:
        self._count = 0
        self._last: Ids | None = None
        self._joints: list[Ids] = []

    def add(self, mask: Booleans) -> Ids:
        """Return numbers from 1 for the next rows (rows, width), 0 outside; objects may still turn out to be one."""
        labels, count = ndimage.label(mask, output=np.int64)
        labels[labels > 0] += self._count
        self._count += count
        if self._last is not None:
            touching = (self._last > 0) & (labels[0] > 0)
            self._joints.append(np.unique(np.stack([self._last[touching], labels[0][touching]], axis=1), axis=0))
        self._last = labels[-1].copy()
        return np.asarray(labels)

    def finish(self) -> Ids:
        """Return the object of every number, (numbers + 1,); 0 stays 0."""
        joints = np.concatenate([np.zeros((0, 2), np.int64), *self._joints])
        size = self._count + 1
        graph = sparse.coo_matrix((np.ones(len(joints), bool), (joints[:, 0], joints[:, 1])), shape=(size, size))
        # 0 is joined to nothing and is looked at first: its component is 0 as well.
        return np.asarray(sparse.csgraph.connected_components(graph, directed=False)[1], dtype=np.int64)


class Features:
    """Takes the numbers that rasterised features bring along, instead of `Labels`."""

    def __init__(self) -> None:
        self._largest = 0

    def add(self, ids: Ids) -> Ids:
        """Return the numbers as they are, (rows, width), 0 outside."""
        self._largest = max(self._largest, int(ids.max(initial=0)))
        return ids

    def finish(self) -> Ids:
        """Return the object of every number: itself."""
        return np.arange(self._largest + 1)


class Overlaps:
    """Counts how many pixels true and predicted objects share while the rows of a scene come in; memory grows with objects.

    Args:
        true: What numbers the true objects.
        predicted: The same of the prediction.
    """

    def __init__(self, true: Labels | Features, predicted: Labels | Features) -> None:
        self._true, self._predicted = true, predicted
        self._counts: list[Ids] = []

    def add(self, truth: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> None:
        """Take the next rows, masks or numbers, (rows, width) each."""
        pairs = np.stack([self._true.add(truth).ravel(), self._predicted.add(predicted).ravel()], axis=1)
        pairs = pairs[pairs.any(axis=1)]
        self._counts.append(_counted(pairs, np.ones(len(pairs), np.int64)))

    def finish(self) -> Ids:
        """Return (n, 3): a true object, a predicted one and the pixels they share, every pair once; 0 is outside of all."""
        counts = np.concatenate([np.zeros((0, 3), np.int64), *self._counts])
        pairs = np.stack([self._true.finish()[counts[:, 0]], self._predicted.finish()[counts[:, 1]]], axis=1)
        return _counted(pairs, counts[:, 2])


class ObjectCollector:
    """Takes a scene row by row and matches its objects in the end; what is kept grows with their number.

    Args:
        features: Whether the truth comes with the numbers of its objects.
        smallest: Objects of fewer pixels are left out, on both sides.
    """

    def __init__(self, *, features: bool = False, smallest: int = 1) -> None:
        self._overlaps = Overlaps(Features() if features else Labels(), Labels())
        self._smallest = smallest

    def add(self, truth: npt.NDArray[Any], predicted: Booleans) -> None:
        """Take the next rows: truth as a mask, or as numbers of features, and the predicted mask, both (rows, width)."""
        self._overlaps.add(truth, predicted)

    def finish(self) -> ObjectAccumulator:
        """Return the sums of the scene."""
        true, predicted, shared = self._overlaps.finish().T
        true_sizes, predicted_sizes = (np.bincount(ids, shared).astype(np.int64) for ids in (true, predicted))
        true_kept, predicted_kept = (_kept(sizes, self._smallest) for sizes in (true_sizes, predicted_sizes))
        both = true_kept[true] & predicted_kept[predicted]
        iou = (shared / np.maximum(true_sizes[true] + predicted_sizes[predicted] - shared, 1))[both]
        matched = iou > 0.5
        return ObjectAccumulator(
            float(true_kept.sum()), float(predicted_kept.sum()), float(matched.sum()), float(iou[matched].sum())
        )


def _kept(sizes: Ids, smallest: int) -> Booleans:
    kept = sizes >= max(smallest, 1)
    kept[:1] = False
    return np.asarray(kept)


def _counted(pairs: Ids, weights: Ids) -> Ids:
    """Return (n, 3): every pair once, with the sum of its weights."""
    if not len(pairs):
        return np.zeros((0, 3), np.int64)
    base = int(pairs[:, 1].max()) + 1
    keys, where = np.unique(pairs[:, 0] * base + pairs[:, 1], return_inverse=True)
    totals = np.bincount(where, weights).astype(np.int64)
    return np.stack([keys // base, keys % base, totals], axis=1)
