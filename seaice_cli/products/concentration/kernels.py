"""The kernel that shares pixels out among cells. Compiled by numba at its first use."""

from __future__ import annotations

import math

import numpy as np

from seaice_cli.products.concentration.binning import ICE, NODATA, WATER, Array
from seaice_cli.vectorization.tracing.compilation import compiled, inlined

_ICE, _WATER, _NODATA = np.int64(ICE), np.int64(WATER), np.int64(NODATA)
_MAX_SPAN = 4096
"""Cells along a side that one pixel may cover; more is a place where the projection tears."""


@compiled
def bin_rows(
    kinds: Array, percent: Array, u: Array, v: Array, area: Array, nodes: Array, offset: int, band: int,
    sums: Array, variance: Array, pixels: Array,
) -> None:  # fmt: skip
    """Add rows of pixels, between two rows of nodes, to the sums of cells.

    Args:
        kinds: (rows, width) what the pixels are.
        percent: (rows, width) probability of ice in per cent, 255 unknown; empty where there is none.
        u: (2, nodes) grid columns of the nodes above and below the rows.
        v: (2, nodes) grid rows, likewise.
        area: (2, nodes) true areas of pixels, likewise.
        nodes: (nodes,) columns of the raster at which nodes lie, from 0 to the width.
        offset: How many rows below the upper nodes the first row lies.
        band: Rows between the upper and the lower nodes.
        sums: (height, width, kinds) is added to.
        variance: (height, width) is added to.
        pixels: (height, width) is added to.
    """
    quad = np.empty((4, 2))
    spare = np.empty((2, 12, 2))
    for row in range(kinds.shape[0]):
        upper, lower = (offset + row) / band, (offset + row + 1) / band
        for span in range(nodes.shape[0] - 1):
            first, length = int(nodes[span]), int(nodes[span + 1] - nodes[span])
            for step in range(length):
                kind = kinds[row, first + step]
                if kind == _NODATA:
                    continue
                left, right = step / length, (step + 1) / length
                _corner(quad, 0, u, v, span, left, upper)
                _corner(quad, 1, u, v, span, right, upper)
                _corner(quad, 2, u, v, span, right, lower)
                _corner(quad, 3, u, v, span, left, lower)
                middle = _between(area, span, (left + right) / 2, (upper + lower) / 2)
                share = -1.0
                if percent.shape[0] and percent[row, first + step] != 255:
                    share = percent[row, first + step] / 100.0
                _share_out(quad, spare, kind, middle, share, sums, variance, pixels)


@inlined
def _between(values: Array, span: int, across: float, down: float) -> float:
    above = values[0, span] * (1 - across) + values[0, span + 1] * across
    below = values[1, span] * (1 - across) + values[1, span + 1] * across
    return above * (1 - down) + below * down


@inlined
def _corner(quad: Array, corner: int, u: Array, v: Array, span: int, across: float, down: float) -> None:
    quad[corner, 0] = _between(u, span, across, down)
    quad[corner, 1] = _between(v, span, across, down)


@inlined
def _share_out(
    quad: Array, spare: Array, kind: int, area: float, share: float, sums: Array, variance: Array, pixels: Array
) -> None:
    low_u = min(min(quad[0, 0], quad[1, 0]), min(quad[2, 0], quad[3, 0]))
    high_u = max(max(quad[0, 0], quad[1, 0]), max(quad[2, 0], quad[3, 0]))
    low_v = min(min(quad[0, 1], quad[1, 1]), min(quad[2, 1], quad[3, 1]))
    high_v = max(max(quad[0, 1], quad[1, 1]), max(quad[2, 1], quad[3, 1]))
    if not (high_u - low_u < _MAX_SPAN and high_v - low_v < _MAX_SPAN) or not math.isfinite(area):
        return
    left, right = int(math.floor(low_u)), int(math.ceil(high_u))
    top, bottom = int(math.floor(low_v)), int(math.ceil(high_v))
    height, width = sums.shape[0], sums.shape[1]
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return
    if kind == _ICE or kind == _WATER:
        middle_u = int(math.floor((quad[0, 0] + quad[2, 0]) / 2))
        middle_v = int(math.floor((quad[0, 1] + quad[2, 1]) / 2))
        if 0 <= middle_u < width and 0 <= middle_v < height:
            pixels[middle_v, middle_u] += 1
    if right - left <= 1 and bottom - top <= 1:
        _put(sums, variance, top, left, kind, area, share)
        return
    whole = abs(_area_of(quad, 4))
    if whole == 0:
        return
    for cell_row in range(max(0, top), min(height, bottom)):
        for cell_column in range(max(0, left), min(width, right)):
            part = _clipped(quad, spare, cell_column, cell_row) / whole
            if part > 0:
                _put(sums, variance, cell_row, cell_column, kind, area * part, share)


@inlined
def _put(sums: Array, variance: Array, row: int, column: int, kind: int, area: float, share: float) -> None:
    if share >= 0 and (kind == _ICE or kind == _WATER):
        sums[row, column, _ICE] += area * share
        sums[row, column, _WATER] += area * (1 - share)
        variance[row, column] += area * area * share * (1 - share)
    else:
        sums[row, column, kind] += area


@inlined
def _area_of(points: Array, count: int) -> float:
    """Return the signed area of a polygon (the shoelace formula)."""
    total = 0.0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        total += points[i, 0] * points[j, 1] - points[j, 0] * points[i, 1]
    return total / 2


@inlined
def _clipped(quad: Array, spare: Array, column: int, row: int) -> float:
    """Return the area of a quadrilateral inside a cell (Sutherland and Hodgman 1974, edge by edge)."""
    count = 4
    for i in range(4):
        spare[0, i, 0], spare[0, i, 1] = quad[i, 0], quad[i, 1]
    source = 0
    for edge in range(4):
        axis = edge // 2
        sign = 1.0 if edge % 2 == 0 else -1.0
        place = float(column if axis == 0 else row) + (0.0 if edge % 2 == 0 else 1.0)
        kept = 0
        for i in range(count):
            j = i + 1 if i + 1 < count else 0
            here = sign * (spare[source, i, axis] - place)
            there = sign * (spare[source, j, axis] - place)
            if here >= 0:
                spare[1 - source, kept, 0], spare[1 - source, kept, 1] = spare[source, i, 0], spare[source, i, 1]
                kept += 1
            if (here > 0 and there < 0) or (here < 0 and there > 0):
                t = here / (here - there)
                for k in range(2):
                    spare[1 - source, kept, k] = spare[source, i, k] + t * (spare[source, j, k] - spare[source, i, k])
                kept += 1
        count, source = kept, 1 - source
        if count == 0:
            return 0.0
    return abs(_area_of(spare[source], count))
