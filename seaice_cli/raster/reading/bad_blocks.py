"""Reading around damage: block by block, so that one damaged block costs its own pixels and no others."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from rasterio.windows import Window

from seaice_cli.raster.gdal import FAILURES

FAIL, NODATA_THERE = "fail", "nodata"
"""What a block that cannot be read does: it ends the run, or its pixels hold no data."""


def read_blocks(read: Callable[[Window], None], window: Window, block: tuple[int, int]) -> list[Window]:
    """Read a window one block at a time.

    Args:
        read: Reads a part of the window.
        window: In pixels of the file.
        block: (height, width) of the file's blocks.

    Returns:
        The parts that cannot be read, each within one block.
    """
    damaged = []
    for top, bottom in _spans(window.row_off, window.row_off + window.height, block[0]):
        for left, right in _spans(window.col_off, window.col_off + window.width, block[1]):
            part = Window(col_off=left, row_off=top, width=right - left, height=bottom - top)
            try:
                read(part)
            except FAILURES:
                damaged.append(part)
    return damaged


def _spans(start: int, stop: int, step: int) -> list[tuple[int, int]]:
    """Cut [start, stop) at the multiples of `step`."""
    cuts = [start, *range((start // step + 1) * step, stop, step), stop]
    return list(pairwise(cuts))
