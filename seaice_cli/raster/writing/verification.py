"""A published raster is looked at once more: GDAL's compressing threads report what they could not write to nobody."""

from __future__ import annotations

import errno
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window

CELL = 64
"""Pixels along the side of what is looked at in an overview."""
LEAST = 0.15
"""Where every pixel of an overview has one value, at least a quarter of the pixels below have it; less at odd sizes."""
MARGIN = 8
"""Narrower cells, at the edges of odd sizes, say nothing."""


def verify_cog(path: Path, *, continuous: bool) -> None:
    """Refuse a cloud-optimised GeoTIFF of which a part, or a part of an overview, could not be compressed.

    A block that could not be compressed is missing in the file. In an overview, which GDAL makes in a file of its own first, the
    place is blank: one value where the pixels below have others.

    Args:
        path: The file, uint8 with nodata 255.
        continuous: Whether overviews hold means; else they hold the most frequent values.

    Raises:
        OSError: There is one.
    """
    with ExitStack() as stack:
        levels = [stack.enter_context(rasterio.open(path))]
        levels += [
            stack.enter_context(rasterio.open(path, overview_level=level))
            for level in range(len(levels[0].overviews(1)))
        ]
        for level in levels:
            _refuse_gaps(level)
        for fine, coarse in pairwise(levels):
            _refuse_blanks(fine, coarse, continuous=continuous)


def _refuse_gaps(dataset: Any) -> None:
    for (row, column), _ in dataset.block_windows(1):
        if not dataset.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=1):
            raise OSError(errno.ENOMEM, "a block could not be compressed")


def _refuse_blanks(fine: Any, coarse: Any, *, continuous: bool) -> None:
    step = fine.block_shapes[0][0]
    for top in range(0, coarse.height, step):
        height = min(step, coarse.height - top)
        above = coarse.read(1, window=Window(0, top, coarse.width, height))
        below = fine.read(1, window=Window(0, 2 * top, fine.width, min(2 * height, fine.height - 2 * top)))
        for row, column in _constant_cells(above):
            value = above[row, column]
            cell = below[2 * row : 2 * (row + CELL), 2 * column : 2 * (column + CELL)]
            if min(cell.shape) >= MARGIN and not _explained(int(value), cell, continuous=continuous):
                raise OSError(errno.ENOMEM, "an overview could not be compressed")


def _constant_cells(pixels: npt.NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Return the corners of the cells in which every pixel has the same value."""
    rows, columns = np.arange(0, pixels.shape[0], CELL), np.arange(0, pixels.shape[1], CELL)
    low = np.minimum.reduceat(np.minimum.reduceat(pixels, rows, axis=0), columns, axis=1)
    high = np.maximum.reduceat(np.maximum.reduceat(pixels, rows, axis=0), columns, axis=1)
    return [(int(rows[i]), int(columns[j])) for i, j in np.argwhere(low == high)]


def _explained(value: int, below: npt.NDArray[np.uint8], *, continuous: bool) -> bool:
    """Tell whether pixels whose most frequent, or mean, value is everywhere the same may be these."""
    if np.count_nonzero(below == value) >= LEAST * below.size:
        return True
    known = below[below != 255]
    return continuous and value != 255 and known.size > 0 and abs(float(known.mean()) - value) <= 1.5
