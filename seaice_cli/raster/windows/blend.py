"""Blending: the probabilities of overlapping windows become pieces that cover the raster exactly once.

Only where windows hand over to each other is anything computed: there the weighted sum makes a piece of its own, and what is left of
a window is a piece as it came. Written with operators that NumPy arrays and torch tensors share, so that on a GPU nothing but
finished classes has to leave the device. Only two things are carried: the hand-over columns to the next window in the row, and
the hand-over rows to the next grid row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.raster.windows.grid import Axis, Chip, Grid


class Blender:
    """Blends the chips of a grid, one grid row after the other.

    Args:
        grid: The windows that the chips come from.
        carry: What `carry` returned after the grid row before the first one that will come; None at the top of the raster.
    """

    def __init__(self, grid: Grid, carry: npt.NDArray[np.float32] | None = None) -> None:
        self.grid = grid
        self._saved = carry
        self._below: dict[tuple[int, int], Any] = {}
        """What is handed down, by grid column and stretch of columns."""
        self._weights: dict[tuple[Axis, int, int], Any] = {}

    def blend(self, chips: Iterable[Chip], first_row: int = 0, stop_row: int | None = None) -> Iterator[Chip]:
        """Yield the pieces, window by window, from the chips of all windows from grid row `first_row` on, up to `stop_row`.

        Chips hold probabilities, (classes, height, width), and may be padded below and to the right; they are left as they are, and
        pieces may be views of them. A chip without pixels weighs nothing: its extent is excluded. Pieces keep the exclusions of
        their chip.
        """
        stream = iter(chips)
        for row in range(first_row, len(self.grid.rows) if stop_row is None else stop_row):
            beside: list[Any] = [None] * len(_stretches(self.grid.rows, row))
            for column in range(len(self.grid.columns)):
                yield from self._pieces(next(stream), row, column, beside)
            self._saved = None
        for _ in stream:
            raise ValueError("more chips came than the grid has windows")

    def carry(self, row: int) -> npt.NDArray[np.float32] | None:
        """Return the rows that grid row `row` hands to the next, (classes, rows, width); None if it hands nothing on."""
        start, stop = self.grid.rows.handovers[row + 1]
        known = {at: pixels for at, pixels in self._below.items() if pixels is not None}
        if start == stop or not known:
            return None
        classes = next(iter(known.values())).shape[0]
        carried = np.zeros((classes, stop - start, self.grid.width), np.float32)
        for (column, number), pixels in known.items():
            first, last = self._columns(column, number)
            carried[:, :, first:last] = to_numpy(pixels)
        return carried

    def _pieces(self, chip: Chip, row: int, column: int, beside: list[Any]) -> Iterator[Chip]:
        """Yield the finished pieces of a chip; `beside` is what its neighbour hands over, and then what it hands over itself."""
        stretches = _stretches(self.grid.columns, column)
        above = [self._above(column, j, chip.pixels) for j in range(len(stretches))]
        # From below, so that all that is handed down is known when the last piece of a grid row leaves.
        for i, down in reversed(list(enumerate(_stretches(self.grid.rows, row)))):
            before, beside[i] = beside[i], None
            for j, across in enumerate(stretches):
                total = self._weighted(chip, (row, i, down), (column, j, across))
                total = _added(total, before, across, down.stop - down.start, axis=2)
                if across.handed:
                    beside[i] = total
                    continue
                total = _added(total, above[j], down, across.stop - across.start, axis=1)
                if down.handed:
                    self._below[column, j] = total
                else:
                    window = _window(self.grid.extent(row, column), down, across)
                    yield Chip(window, total, _excluded(chip, window))

    def _weighted(self, chip: Chip, down: tuple[int, int, _Stretch], across: tuple[int, int, _Stretch]) -> Any:
        """Return where two stretches of a chip cross, times its weights; a view where all of them are one."""
        if chip.pixels is None:
            return None
        rows, columns = self.grid.rows, self.grid.columns
        top, left = (
            rows.extent(down[0])[0] - rows.offsets[down[0]],
            columns.extent(across[0])[0] - columns.offsets[across[0]],
        )
        part = chip.pixels[:, top + down[2].start : top + down[2].stop, left + across[2].start : left + across[2].stop]
        if down[2].ramp:
            part = part * self._ramp(rows, down, part)[:, None]
            if across[2].ramp:
                part *= self._ramp(columns, across, part)
        elif across[2].ramp:
            part = part * self._ramp(columns, across, part)
        return part

    def _ramp(self, axis: Axis, at: tuple[int, int, _Stretch], like: Any) -> Any:
        """Return the weights along a stretch, where the pixels lie."""
        key = (axis, at[0], at[1])
        if key not in self._weights:
            self._weights[key] = _like(like, axis.weights(at[0])[at[2].start : at[2].stop])
        return self._weights[key]

    def _above(self, column: int, number: int, like: Any) -> Any:
        """Return what the grid row above handed down to a stretch of columns."""
        if self._saved is None:
            return self._below.pop((column, number), None)
        first, last = self._columns(column, number)
        above = self._saved[:, :, first:last]
        return above if like is None else _like(like, above)

    def _columns(self, column: int, number: int) -> tuple[int, int]:
        """Return the first column of a stretch, and the one behind it."""
        start, stretch = self.grid.columns.extent(column)[0], _stretches(self.grid.columns, column)[number]
        return start + stretch.start, start + stretch.stop


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part of a window's extent along an axis; pixels count from the start of the extent."""

    start: int
    stop: int
    ramp: bool
    """Whether weights differ from one."""
    handed: bool
    """Whether the next window finishes it."""
    taken: int
    """How many pixels, from the start of the extent on, the window before has handed over."""


def _stretches(axis: Axis, index: int) -> list[_Stretch]:
    """Return what a window's extent consists of: the band before it, what is its own, the band after it.

    Where windows overlap by more than half, the bands overlap too; then nothing is its own.
    """
    start, stop = axis.extent(index)
    rise, fall = axis.handovers[index][1] - start, axis.handovers[index + 1][0] - start
    cuts = [(0, rise, True), (rise, fall, False)] if rise <= fall else [(0, fall, True)]
    found = [_Stretch(a, b, ramp, handed=False, taken=rise) for a, b, ramp in cuts if b > a]
    end = _Stretch(fall, stop - start, ramp=True, handed=True, taken=rise)
    return [*found, end] if end.stop > end.start else found


def _added(total: Any, other: Any, stretch: _Stretch, across: int, *, axis: int) -> Any:
    """Return the sum of a stretch and of what was handed over to it, along an axis; in place, which is never a view then.

    Args:
        total: (classes, height, width); None: nothing, which weighs nothing.
        other: What was handed over to the whole extent, from its start on.
        stretch: Which part of it `total` is.
        across: Pixels along the other axis.
        axis: 1 for rows, 2 for columns.
    """
    number = min(stretch.stop, stretch.taken) - stretch.start
    if other is None or number <= 0:
        return total
    if total is None:
        length = stretch.stop - stretch.start
        total = _zeros(other, (other.shape[0], *((length, across) if axis == 1 else (across, length))))
    if axis == 1:
        total[:, :number] += other[:, stretch.start : stretch.start + number]
    else:
        total[:, :, :number] += other[:, :, stretch.start : stretch.start + number]
    return total


def _window(extent: Window, down: _Stretch, across: _Stretch) -> Window:
    return Window(
        col_off=extent.col_off + across.start, row_off=extent.row_off + down.start,
        width=across.stop - across.start, height=down.stop - down.start,
    )  # fmt: skip


def _excluded(chip: Chip, piece: Window) -> npt.NDArray[np.uint8] | None:
    if chip.excluded is None:
        return None
    top, left = piece.row_off - chip.window.row_off, piece.col_off - chip.window.col_off
    excluded = chip.excluded[top : top + piece.height, left : left + piece.width]
    return excluded if excluded.any() else None


def to_numpy(pixels: Any) -> npt.NDArray[Any]:
    """Return the pixels as a NumPy array, from whatever device they lie on."""
    return pixels if isinstance(pixels, np.ndarray) else pixels.cpu().numpy()


def _like(pixels: Any, values: npt.NDArray[np.float32]) -> Any:
    return values if isinstance(pixels, np.ndarray) else pixels.new_tensor(values)


def _zeros(pixels: Any, shape: tuple[int, ...]) -> Any:
    return np.zeros(shape, np.float32) if isinstance(pixels, np.ndarray) else pixels.new_zeros(shape)
