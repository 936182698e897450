"""Which windows cover a raster, and where neighbours hand over to each other.

Along an axis of length L, windows of size s that share an overlap o are laid from 0 in strides of s - o; the last one
is moved inwards so that it ends with the raster. That takes ceil((L - o) / (s - o)) windows, the fewest that can do it. A
grid then makes its windows as small as that number of them allows: the last one would else see again what the one before
it has seen (of 1025 pixels, two windows of 672 in place of two of 1024).

Two neighbours hand over inside a *band* in the middle of the pixels they share: half as wide as the overlap, so that a
quarter of the overlap on either side is pure context. A network is least sure at the edge of a window, and those pixels
never reach the mask. With U_i rising from 0 to 1 across the band before window i (U_0 = 1, U_n = 0), window i has the
weight U_i - U_(i+1): the weights of all windows sum to one at every pixel by telescoping, for any overlap, so nobody
has to keep a weight buffer or divide by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window


@dataclass(frozen=True, slots=True)
class Chip:
    """A window and its pixels."""

    window: Window
    """Where the pixels lie in the scene, in whole pixels."""
    pixels: Any
    """(bands or classes, height, width); a NumPy array, or a torch tensor on the device of the engine. None where
    nothing is to be classified: such a chip passes the engine unseen."""
    excluded: npt.NDArray[np.uint8] | None = None
    """(height, width): 0 where the pixel is to be classified, else the value that the mask gets; None: all are."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The windows along one axis, and the weights with which they are blended."""

    length: int
    """Pixels of the raster along this axis."""
    size: int
    """Pixels of a window; may exceed `length`, then the one window is padded."""
    overlap: int
    """Pixels that two neighbours share, both sides counted once; at least, for the last pair."""
    offsets: tuple[int, ...] = field(init=False)
    """First pixel of every window."""
    handovers: tuple[tuple[int, int], ...] = field(init=False)
    """(start, stop) of the band before every window, and of an empty band after the last."""

    def __post_init__(self) -> None:
        if self.length < 1 or self.size < 1 or not 0 <= self.overlap < self.size:
            raise ValueError(f"length {self.length}, size {self.size} and overlap {self.overlap} make no axis")
        stride = self.size - self.overlap
        count = max(1, -(-(self.length - self.overlap) // stride))
        last = max(0, self.length - self.size)
        offsets = tuple(min(i * stride, last) for i in range(count))
        object.__setattr__(self, "offsets", offsets)
        bands = [_band(before + self.size, after, self.overlap // 2) for before, after in pairwise(offsets)]
        object.__setattr__(self, "handovers", ((0, 0), *bands, (self.length, self.length)))

    def __len__(self) -> int:
        return len(self.offsets)

    def extent(self, index: int) -> tuple[int, int]:
        """Return (start, stop) of the pixels that window `index` has a weight at."""
        return self.handovers[index][0], self.handovers[index + 1][1]

    def finished(self, index: int) -> tuple[int, int]:
        """Return (start, stop) of the pixels that no window after `index`, and none before it alone, touches."""
        return self.handovers[index][0], self.handovers[index + 1][0]

    def weights(self, index: int) -> npt.NDArray[np.float32]:
        """Return the weights of window `index` over its extent; over all windows they sum to one at every pixel."""
        at = np.arange(*self.extent(index), dtype=np.float64) + 0.5
        return (_rise(at, self.handovers[index]) - _rise(at, self.handovers[index + 1])).astype(np.float32)


def _band(stop_before: int, start_after: int, width: int) -> tuple[int, int]:
    start = (start_after + stop_before - width) // 2
    return start, start + width


def _rise(at: npt.NDArray[np.float64], band: tuple[int, int]) -> npt.NDArray[np.float64]:
    start, stop = band
    return np.clip((at - start) / max(stop - start, 1e-9), 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Grid:
    """The windows that cover a raster, row by row."""

    height: int
    width: int
    size: int
    """Pixels along the side of a window, at most."""
    overlap: int
    stride: int = 32
    """Chips are padded to multiples of this, what a network with five stages needs."""
    rows: Axis = field(init=False)
    columns: Axis = field(init=False)

    def __post_init__(self) -> None:
        if self.size % self.stride:
            raise ValueError(f"a window of {self.size} pixels is no multiple of {self.stride}")
        object.__setattr__(self, "rows", self._axis(self.height))
        object.__setattr__(self, "columns", self._axis(self.width))

    def _axis(self, length: int) -> Axis:
        """Return the fewest windows that cover the length, each as small as it can be."""
        if length <= self.size:
            return Axis(length, _up(length, self.stride), 0)
        count = len(Axis(length, self.size, self.overlap))
        least = -(-(length + (count - 1) * self.overlap) // count)
        return Axis(length, _up(least, self.stride), self.overlap)

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of every chip, padding included."""
        return self.rows.size, self.columns.size

    def __iter__(self) -> Iterator[Window]:
        """Yield the windows, clipped to the raster, row by row."""
        for row in range(len(self.rows)):
            for column in range(len(self.columns)):
                yield self.window(row, column)

    def window(self, row: int, column: int) -> Window:
        """Return the window in grid row `row` and grid column `column`, clipped to the raster."""
        top, left = self.rows.offsets[row], self.columns.offsets[column]
        height, width = min(self.rows.size, self.height), min(self.columns.size, self.width)
        return Window(col_off=left, row_off=top, width=width, height=height)

    def extent(self, row: int, column: int) -> Window:
        """Return the part of a window that reaches the mask: where its weights are not all zero."""
        return _window(self.rows.extent(row), self.columns.extent(column))

    def piece(self, row: int, column: int) -> Window:
        """Return what is finished once this window has come; the pieces cover the raster exactly once."""
        return _window(self.rows.finished(row), self.columns.finished(column))


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


def _window(rows: tuple[int, int], columns: tuple[int, int]) -> Window:
    return Window(col_off=columns[0], row_off=rows[0], width=columns[1] - columns[0], height=rows[1] - rows[0])
