"""The store: the points of everything that is still open, in slices that are tied to one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vectorization.tracing.compilation import compiled

Array = npt.NDArray[Any]

_NONE = -1
_SPARE = 1 << 20
"""Points that may lie unused before the store is packed, at least."""


class Store:
    """Points in slices, each of which may be followed by another of the same chain."""

    def __init__(self) -> None:
        self._points = np.empty((_SPARE, 2), np.int32)
        self._slices = np.empty((1024, 3), np.int64)  # first point, last point + 1, next slice of the same chain
        self._used = 0  # points
        self._count = 0  # slices
        self._living = 0  # points that belong to something still open

    def add(self, points: Array, offsets: Array) -> int:
        """Append points; return the first of the new slices.

        Args:
            points: (count, 2).
            offsets: Where each slice begins in them, and the end.
        """
        first, more = self._count, offsets.size - 1
        _grow(self._points, self._used + points.shape[0])
        _grow(self._slices, first + more)
        self._points[self._used : self._used + points.shape[0]] = points
        new = self._slices[first : first + more]
        new[:, 0], new[:, 1], new[:, 2] = offsets[:-1] + self._used, offsets[1:] + self._used, _NONE
        self._used += points.shape[0]
        self._living += points.shape[0]
        self._count += more
        return first

    def tie(self, slices: Array, following: Array) -> None:
        """Let slices be followed by others."""
        self._slices[slices, 2] = following

    def cut(self, slices: Array) -> None:
        """Let slices be followed by nothing."""
        self._slices[slices, 2] = _NONE

    def copy(self, heads: Array) -> tuple[Array, Array]:
        """Return the points of chains, given by their first slices, and where each chain begins in them, and the end."""
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(self._measure(heads))])
        points = np.empty((offsets[-1], 2), np.int32)
        _copy_chains(self._points, self._slices, heads, points)
        return points, offsets

    def drop(self, heads: Array) -> None:
        """Forget chains, given by their first slices."""
        self._living -= int(self._measure(heads).sum())

    @property
    def wasteful(self) -> bool:
        """Whether much of the store belongs to nothing any more."""
        return self._used > self._living + self._living // 2 + _SPARE

    def pack(self, heads: Array) -> Array:
        """Keep the points of these chains only; return the slice that each has become."""
        points, offsets = self.copy(heads)
        self._points, self._slices = np.empty((_SPARE, 2), np.int32), np.empty((1024, 3), np.int64)
        self._used = self._count = self._living = 0
        return self.add(points, offsets) + np.arange(heads.size)

    def _measure(self, heads: Array) -> Array:
        lengths = np.empty(heads.size, np.int64)
        _measure_chains(self._slices, heads, lengths)
        return lengths


def _grow(array: Array, size: int) -> None:
    """Make room in place, which moves no bytes of a large array."""
    if size > array.shape[0]:
        array.resize((size + size // 8, array.shape[1]), refcheck=False)


@compiled
def _measure_chains(slices: Array, heads: Array, lengths: Array) -> None:
    for k in range(heads.size):
        lengths[k], part = 0, heads[k]
        while part != _NONE:
            lengths[k] += slices[part, 1] - slices[part, 0]
            part = slices[part, 2]


@compiled
def _copy_chains(points: Array, slices: Array, heads: Array, target: Array) -> None:
    at = 0
    for k in range(heads.size):
        part = heads[k]
        while part != _NONE:
            for point in range(slices[part, 0], slices[part, 1]):
                target[at, 0], target[at, 1] = points[point, 0], points[point, 1]
                at += 1
            part = slices[part, 2]
