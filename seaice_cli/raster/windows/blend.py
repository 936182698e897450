"""Blending: the probabilities of overlapping windows become pieces that cover the raster exactly once.

Works in place on what the engine hands out, with operators that NumPy arrays and torch tensors share, so that on a GPU nothing but
finished classes has to leave the device. Only two things are carried: the hand-over columns to the next window in the row, and
the hand-over rows to the next grid row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
        self._below: dict[int, Any] = {}

    def blend(self, chips: Iterable[Chip], first_row: int = 0) -> Iterator[Chip]:
        """Yield the pieces, row by row, from the chips of all windows from grid row `first_row` on.

        Chips hold probabilities, (classes, height, width), and may be padded below and to the right; they are overwritten. A chip
        without pixels weighs nothing: its extent is excluded. Pieces keep the exclusions of their chip.
        """
        stream = iter(chips)
        for row in range(first_row, len(self.grid.rows)):
            beside = None
            for column in range(len(self.grid.columns)):
                chip = next(stream)
                piece, beside = self._hand_over(chip, row, column, beside)
                yield Chip(self.grid.piece(row, column), piece, self._excluded(chip, row, column))
        for _ in stream:
            raise ValueError("more chips came than the grid has windows")

    def carry(self, row: int) -> npt.NDArray[np.float32] | None:
        """Return the rows that grid row `row` hands to the next, (classes, rows, width); None if it hands nothing on."""
        start, stop = self.grid.rows.handovers[row + 1]
        known = [p for p in self._below.values() if p is not None]
        if start == stop or not known:
            return None
        carried = np.zeros((known[0].shape[0], stop - start, self.grid.width), np.float32)
        for column, pixels in self._below.items():
            if pixels is not None:
                first, last = self.grid.columns.finished(column)
                carried[:, :, first:last] = to_numpy(pixels)
        return carried

    def _hand_over(self, chip: Chip, row: int, column: int, beside: Any) -> tuple[Any, Any]:
        """Return the finished piece of a chip, and the columns that it hands to the next window."""
        grid = self.grid
        across = self._weighted(chip, row, column)
        first, last = grid.columns.finished(column)
        start, stop = grid.columns.extent(column)
        if across is None and beside is not None:
            # This window was not run, but its neighbour hands over pixels of weight zero: keep the sum's shape.
            shape = (beside.shape[0], beside.shape[1], stop - start)
            across = _zeros(beside, shape)
        if across is not None and beside is not None:
            across[:, :, : beside.shape[2]] += beside
        if across is None:
            return self._finish(None, row, column), None
        to_right = across[:, :, last - first :]
        piece = self._finish(across[:, :, : last - first], row, column)
        return piece, _copy(to_right) if to_right.shape[2] else None

    def _weighted(self, chip: Chip, row: int, column: int) -> Any:
        """Return the chip's extent times its weights, in place."""
        if chip.pixels is None:
            return None
        rows, columns = self.grid.rows, self.grid.columns
        top, left = rows.extent(row)[0] - rows.offsets[row], columns.extent(column)[0] - columns.offsets[column]
        height, width = _length(rows.extent(row)), _length(columns.extent(column))
        extent = chip.pixels[:, top : top + height, left : left + width]
        for part in _ramps(rows, row):
            extent[:, part] *= _like(extent, rows.weights(row)[part])[:, None]
        for part in _ramps(columns, column):
            extent[:, :, part] *= _like(extent, columns.weights(column)[part])
        return extent

    def _finish(self, across: Any, row: int, column: int) -> Any:
        """Add what the grid row above handed down, keep what goes to the row below, return what is finished."""
        above = self._from_above(column, across)
        first, last = self.grid.rows.finished(row)
        start, stop = self.grid.rows.extent(row)
        if across is None and above is not None:
            across = _zeros(above, (above.shape[0], stop - start, above.shape[2]))
        if across is not None and above is not None:
            across[:, : above.shape[1]] += above
        if across is None:
            self._below[column] = None
            return None
        below = across[:, last - first :]
        self._below[column] = _copy(below) if below.shape[1] else None
        return across[:, : last - first]

    def _from_above(self, column: int, like: Any) -> Any:
        if self._saved is None:
            return self._below.pop(column, None)
        first, last = self.grid.columns.finished(column)
        above = self._saved[:, :, first:last]
        if column == len(self.grid.columns) - 1:
            self._saved = None
        return above if like is None else _like(like, above)

    def _excluded(self, chip: Chip, row: int, column: int) -> npt.NDArray[np.uint8] | None:
        if chip.excluded is None:
            return None
        piece: Window = self.grid.piece(row, column)
        top, left = piece.row_off - chip.window.row_off, piece.col_off - chip.window.col_off
        excluded = chip.excluded[top : top + piece.height, left : left + piece.width]
        return excluded if excluded.any() else None


def to_numpy(pixels: Any) -> npt.NDArray[Any]:
    """Return the pixels as a NumPy array, from whatever device they lie on."""
    return pixels if isinstance(pixels, np.ndarray) else pixels.cpu().numpy()


def _ramps(axis: Axis, index: int) -> list[slice]:
    """Return the parts of an extent where the weight is not simply one."""
    start, stop = axis.extent(index)
    rise, fall = axis.handovers[index][1] - start, axis.handovers[index + 1][0] - start
    if fall < rise:
        return [slice(0, stop - start)]
    return [s for s in (slice(0, rise), slice(fall, stop - start)) if s.stop > s.start]


def _length(span: tuple[int, int]) -> int:
    return span[1] - span[0]


def _like(pixels: Any, values: npt.NDArray[np.float32]) -> Any:
    return values if isinstance(pixels, np.ndarray) else pixels.new_tensor(values)


def _zeros(pixels: Any, shape: tuple[int, ...]) -> Any:
    return np.zeros(shape, np.float32) if isinstance(pixels, np.ndarray) else pixels.new_zeros(shape)


def _copy(pixels: Any) -> Any:
    return pixels.copy() if isinstance(pixels, np.ndarray) else pixels.clone()
