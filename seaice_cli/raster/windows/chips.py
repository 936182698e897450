"""The reading stage: a scene's rows, each read once from top to bottom, cut into chips.

The rows under one grid row are held together; the rows that the next grid row shares with it are copied from there and only the
new ones are read, so no block of the file is decoded twice. Chips are views, not copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.raster.reading.quicklook import Quicklook
from seaice_cli.raster.reading.radiometry import Radiometry
from seaice_cli.raster.reading.region import Region
from seaice_cli.raster.reading.scene import Scene
from seaice_cli.raster.windows.grid import Chip, Grid


def read_chips(
    scene: Scene,
    grid: Grid,
    *,
    radiometry: Radiometry,
    region: Region,
    first_row: int = 0,
    stop_row: int | None = None,
    quicklook: Quicklook | None = None,
) -> Iterator[Chip]:
    """Yield a chip for every window from grid row `first_row` on, row by row, up to the one before `stop_row` or to the last.

    A chip whose extent holds nothing to classify has no pixels: it needs no network. The others are padded by reflection to the
    grid's shape where the scene is smaller than a window. A `quicklook` takes from the rows what it needs.
    """
    strip = _Strip(scene, radiometry, region, quicklook)
    for row in range(first_row, len(grid.rows) if stop_row is None else stop_row):
        strip.move_to(grid.rows.offsets[row], min(grid.rows.offsets[row] + grid.rows.size, scene.height))
        for column in range(len(grid.columns)):
            window, extent = grid.window(row, column), grid.extent(row, column)
            excluded = strip.excluded_in(window)
            if excluded is not None and excluded[_within(extent, window)].all():
                yield Chip(window, None, excluded)
            else:
                yield Chip(window, _padded(strip.pixels_in(window), grid.shape), excluded)


def count_filled(scene: Scene, grid: Grid, *, region: Region) -> int:
    """Count the windows that hold something to classify, reading the scene once but running nothing."""
    if scene.all_valid and region.aoi is None and not region.land:
        return len(grid)
    filled = 0
    for row in range(len(grid.rows)):
        start, stop = grid.rows.extent(row)
        excluded = region.excluded((start, stop), scene.width, scene.transform, scene.read(start, stop).valid)
        extents = [grid.columns.extent(c) for c in range(len(grid.columns))]
        filled += sum(excluded is None or not excluded[:, a:b].all() for a, b in extents)
    return filled


class _Strip:
    """The rows under one grid row, over the full width. Chips are views of them: every grid row has rows of its own."""

    def __init__(self, scene: Scene, radiometry: Radiometry, region: Region, quicklook: Quicklook | None) -> None:
        self._scene, self._radiometry, self._region, self._quicklook = scene, radiometry, region, quicklook
        self._start = self._stop = 0
        self._pixels = np.empty((len(scene.bands), 0, scene.width), radiometry.dtype)
        self._excluded: npt.NDArray[np.uint8] | None = None

    def move_to(self, start: int, stop: int) -> None:
        """Hold the rows from `start` to `stop`; those held already are not read again."""
        fresh_from = self._stop if self._start <= start < self._stop else start
        kept = fresh_from - start
        pixels = np.empty((len(self._scene.bands), stop - start, self._scene.width), self._radiometry.dtype)
        if kept:
            pixels[:, :kept] = self._pixels[:, start - self._start : fresh_from - self._start]
        fresh = self._read(fresh_from, stop, pixels[:, kept:])
        self._excluded = self._joined(slice(start - self._start, fresh_from - self._start), fresh, stop - start)
        self._pixels, self._start, self._stop = pixels, start, stop

    def _read(self, start: int, stop: int, into: npt.NDArray[Any]) -> npt.NDArray[np.uint8] | None:
        """Read rows into their place; return what of them is excluded."""
        rows = self._scene.read(start, stop, into)
        if self._quicklook is not None:
            self._quicklook.take(start, rows)
        converted = self._radiometry.convert(rows)
        if converted is not into:
            into[:] = converted
        return self._region.excluded((start, stop), self._scene.width, self._scene.transform, rows.valid)

    def _joined(self, kept: slice, fresh: npt.NDArray[np.uint8] | None, height: int) -> npt.NDArray[np.uint8] | None:
        """Return what of the rows is excluded: of those kept, then of fresh ones; None: nothing."""
        if self._excluded is None and fresh is None:
            return None
        excluded = np.zeros((height, self._scene.width), np.uint8)
        if self._excluded is not None:
            excluded[: kept.stop - kept.start] = self._excluded[kept]
        if fresh is not None:
            excluded[height - len(fresh) :] = fresh
        return excluded

    def pixels_in(self, window: Window) -> npt.NDArray[Any]:
        columns = slice(window.col_off, window.col_off + window.width)
        return self._pixels[:, : window.height, columns]

    def excluded_in(self, window: Window) -> npt.NDArray[np.uint8] | None:
        if self._excluded is None:
            return None
        excluded = self._excluded[: window.height, window.col_off : window.col_off + window.width]
        return excluded if excluded.any() else None


def _within(part: Window, whole: Window) -> tuple[slice, slice]:
    top, left = part.row_off - whole.row_off, part.col_off - whole.col_off
    return slice(top, top + part.height), slice(left, left + part.width)


def _padded(pixels: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[Any]:
    below, right = shape[0] - pixels.shape[1], shape[1] - pixels.shape[2]
    return np.pad(pixels, ((0, 0), (0, below), (0, right)), mode="reflect") if below or right else pixels
