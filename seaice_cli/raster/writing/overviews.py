"""Overviews: smaller and smaller pictures of a raster, made while its rows come.

Every level halves the one before: of classes it takes the most frequent of four pixels, because means would invent classes, of
quantities the mean. A row of blocks is a power of two high, so all its levels come from it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seaice_cli.raster.writing.blocks import BLOCK, BlockFile, BlockWriter, Pixels, RowGatherer

VOID = 255
"""Nodata: it counts only where there is nothing else."""
MOST = BLOCK.bit_length() - 1
"""Levels: the last one has a single row for a row of blocks."""
_STRIP = 64
"""Rows that are halved at once: what is made on the way stays in the processor's cache, which is twice as fast."""


def level_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Return (height, width) of all levels: each half as large, until one fits in a block."""
    shapes: list[tuple[int, int]] = []
    while max(height, width) > BLOCK and len(shapes) < MOST:
        height, width = -(-height // 2), -(-width // 2)
        shapes.append((height, width))
    return shapes


def shrink(rows: Pixels, levels: int, *, continuous: bool = False) -> list[Pixels]:
    """Return what a row of blocks is in each of so many levels."""
    halve = halve_by_mean if continuous else halve_by_mode
    smaller: list[Pixels] = []
    for _ in range(levels):
        rows = np.concatenate([halve(rows[top : top + _STRIP]) for top in range(0, len(rows), _STRIP)])
        smaller.append(rows)
    return smaller


def halve_by_mode(pixels: Pixels) -> Pixels:
    """Return the most frequent value of every two by two pixels, (height, width).

    As GDAL's mode does: nodata counts only where there is nothing else, and of values that are as frequent the first one to reach
    that number wins. At odd sizes the last row or column stands alone.
    """
    a, b, c, d = _quarters(pixels)
    known_a, known_c, known_d = a != VOID, c != VOID, d != VOID
    mode = _choose(b != VOID, b, _choose(known_c, c, d))  # where no two are alike: the first that is known
    mode = _choose(known_a, a, mode)
    mode = _choose(((d == a) | (d == b) | (d == c)) & known_d, d, mode)
    mode = _choose(((c == a) | (c == b)) & known_c, c, mode)
    return _choose((a == b) & known_a, a, mode)


def _choose(where: npt.NDArray[np.bool_], one: Pixels, other: Pixels) -> Pixels:
    """Return `one` where it is true, else `other`: by bits, several times as fast as `numpy.where` for single bytes."""
    return other ^ ((one ^ other) & np.negative(where.view(np.uint8)))


def halve_by_mean(pixels: Pixels) -> Pixels:
    """Return the mean of every two by two pixels without nodata, rounded half up; nodata where there is nothing else."""
    quarters = _quarters(pixels)
    known = sum((q != VOID).astype(np.uint16) for q in quarters)
    total = sum(np.where(q != VOID, q, 0).astype(np.uint16) for q in quarters)
    mean = (total + known // 2) // np.maximum(known, 1)
    return np.where(known == 0, VOID, mean).astype(np.uint8)


def _quarters(pixels: Pixels) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Return the upper left, upper right, lower left and lower right of every two by two pixels."""
    below, right = pixels.shape[0] % 2, pixels.shape[1] % 2
    if below or right:
        pixels = np.pad(pixels, ((0, below), (0, right)), constant_values=VOID)
    # Two neighbours as one number of 16 bits: parting them so is far quicker than taking every other byte.
    pairs = np.ascontiguousarray(pixels).view("<u2")
    left, right_ones = (pairs & 0xFF).astype(np.uint8), (pairs >> 8).astype(np.uint8)
    return left[::2], right_ones[::2], left[1::2], right_ones[1::2]


class Overviews:
    """The levels of a layer, written to a file of blocks each.

    Args:
        folder: Where the files lie until they are assembled.
        name: Of the layer.
        shape: (height, width) of the raster.
    """

    def __init__(self, folder: Path, name: str, shape: tuple[int, int]) -> None:
        self.shapes = level_shapes(*shape)
        self._gatherers = [RowGatherer(height) for height, _ in self.shapes]
        self._writers = [BlockWriter(folder / f"{name}.{i}.overview") for i in range(1, len(self.shapes) + 1)]

    def add(self, smaller: Sequence[Pixels]) -> list[tuple[Pixels, Callable[[list[bytes]], None]]]:
        """Take what the next row of blocks is in each level.

        Returns:
            Rows of blocks of the levels that are complete now, each with what takes its blocks once they are compressed, in order.
        """
        return [
            (rows, writer.write)
            for gatherer, writer, level in zip(self._gatherers, self._writers, smaller, strict=True)
            for _, rows in gatherer.add(level)
        ]

    def close(self) -> list[BlockFile]:
        """Return the files of all levels, the largest level first."""
        return [writer.close() for writer in self._writers]

    def discard(self) -> None:
        """Give up the files."""
        for writer in self._writers:
            writer.discard()
