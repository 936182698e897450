"""The kernel that shares pixels out among cells. Compiled by numba at its first use."""

# Kernels take many plain arguments, and are written as numba compiles them best.
# ruff: noqa: PLR0913, PLR0917, PLR1714, PLW3301, RUF046, SIM109

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.products.meanings import ICE, KINDS, NODATA, WATER
from seaice_cli.vectorization.tracing.compilation import compiled, inlined, whole

Array = npt.NDArray[Any]

_ICE, _WATER, _NODATA, _KINDS = whole(ICE), whole(WATER), whole(NODATA), whole(KINDS)
_FIRST, _LOWER, _FOUR = whole(0), whole(2), whole(4)
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
    quad = np.empty((1, 4, 2))
    spare = np.empty((2, 12, 2))
    counts = np.empty((_KINDS, 2), np.int64)
    edge = np.empty((5, 2))
    for row in range(kinds.shape[0]):
        upper, lower = (offset + row) / band, (offset + row + 1) / band
        for span in range(nodes.shape[0] - 1):
            first, length = int(nodes[span]), int(nodes[span + 1] - nodes[span])
            _place_row(edge, u, v, area, span, upper, lower)
            step = 0
            while step < length:
                run = _run_length(edge, step, length, sums.shape[0], sums.shape[1])
                if run > 0:
                    _add_run(kinds, percent, row, first, step, run, length, edge, counts, sums, variance, pixels)
                    step += run
                    continue
                kind = kinds[row, first + step]
                if kind != _NODATA:
                    for k in range(2):
                        _corner(quad, k, edge, (step + k) / length, _FIRST)
                        _corner(quad, 3 - k, edge, (step + k) / length, _LOWER)
                    middle = edge[4, 0] + (edge[4, 1] - edge[4, 0]) * (step + 0.5) / length
                    share = -1.0
                    if percent.shape[0] and percent[row, first + step] != 255:
                        share = percent[row, first + step] / 100.0
                    _share_out(quad, spare, kind, middle, share, sums, variance, pixels)
                step += 1


@inlined
def _place_row(edge: Array, u: Array, v: Array, area: Array, span: int, upper: float, lower: float) -> None:
    """Place a row between two nodes: grid columns and rows of its upper and lower edge, and areas, at its ends."""
    for k in range(2):
        edge[0, k] = u[0, span + k] * (1 - upper) + u[1, span + k] * upper
        edge[1, k] = v[0, span + k] * (1 - upper) + v[1, span + k] * upper
        edge[2, k] = u[0, span + k] * (1 - lower) + u[1, span + k] * lower
        edge[3, k] = v[0, span + k] * (1 - lower) + v[1, span + k] * lower
        middle = (upper + lower) / 2
        edge[4, k] = area[0, span + k] * (1 - middle) + area[1, span + k] * middle


@inlined
def _corner(quad: Array, corner: int, edge: Array, across: float, first: int) -> None:
    quad[0, corner, 0] = edge[first, 0] * (1 - across) + edge[first, 1] * across
    quad[0, corner, 1] = edge[first + 1, 0] * (1 - across) + edge[first + 1, 1] * across


@inlined
def _run_length(edge: Array, step: int, length: int, height: int, width: int) -> int:
    """Return how many pixels from a step on lie in one cell as a whole; 0 where the first does not, or where nothing is defined.

    Edges are straight lines, so where they leave the cell is solved for, not searched.
    """
    start, reach = step / length, 1.0
    for axis in range(2):
        here = math.floor(edge[axis, 0] * (1 - start) + edge[axis, 1] * start)
        if not 0 <= here < (width if axis == 0 else height):
            return 0
        for line in (axis, axis + 2):
            slope = edge[line, 1] - edge[line, 0]
            at = edge[line, 0] + slope * start
            if not here <= at <= here + 1:
                return 0
            if slope > 0:
                reach = min(reach, (here + 1 - edge[line, 0]) / slope)
            elif slope < 0:
                reach = min(reach, (here - edge[line, 0]) / slope)
    if not math.isfinite(edge[4, 0] + edge[4, 1]):
        return 0
    return min(length, int(math.floor(reach * length + 1e-9))) - step


@inlined
def _add_run(
    kinds: Array, percent: Array, row: int, first: int, step: int, run: int, length: int, edge: Array, counts: Array,
    sums: Array, variance: Array, pixels: Array,
) -> None:  # fmt: skip
    """Add pixels that lie in one cell as a whole."""
    middle = (step + run / 2) / length
    column = int(math.floor(_middle_of(edge, 0, middle)))
    cell_row = int(math.floor(_middle_of(edge, 1, middle)))
    for kind in range(_KINDS):
        counts[kind, 0], counts[kind, 1] = 0, 0
    base, slope = edge[4, 0], (edge[4, 1] - edge[4, 0]) / length
    for i in range(step, step + run):
        kind = kinds[row, first + i]
        if percent.shape[0] and percent[row, first + i] != 255 and (kind == _ICE or kind == _WATER):
            share = percent[row, first + i] / 100.0
            _put(sums, variance, cell_row, column, kind, base + slope * (i + 0.5), share)
            pixels[cell_row, column] += 1
        else:
            counts[kind, 0] += 1
            counts[kind, 1] += i
    pixels[cell_row, column] += counts[_ICE, 0] + counts[_WATER, 0]
    for kind in range(_KINDS):
        if kind != _NODATA and counts[kind, 0]:
            sums[cell_row, column, kind] += counts[kind, 0] * (base + slope * 0.5) + slope * counts[kind, 1]


@inlined
def _middle_of(edge: Array, axis: int, across: float) -> float:
    above = edge[axis, 0] * (1 - across) + edge[axis, 1] * across
    below = edge[axis + 2, 0] * (1 - across) + edge[axis + 2, 1] * across
    return float((above + below) / 2)


@inlined
def _share_out(
    quad: Array, spare: Array, kind: int, area: float, share: float, sums: Array, variance: Array, pixels: Array
) -> None:
    """Share a pixel out among the cells that it lies in."""
    low_u = min(min(quad[0, 0, 0], quad[0, 1, 0]), min(quad[0, 2, 0], quad[0, 3, 0]))
    high_u = max(max(quad[0, 0, 0], quad[0, 1, 0]), max(quad[0, 2, 0], quad[0, 3, 0]))
    low_v = min(min(quad[0, 0, 1], quad[0, 1, 1]), min(quad[0, 2, 1], quad[0, 3, 1]))
    high_v = max(max(quad[0, 0, 1], quad[0, 1, 1]), max(quad[0, 2, 1], quad[0, 3, 1]))
    if not (high_u - low_u < _MAX_SPAN and high_v - low_v < _MAX_SPAN) or not math.isfinite(area):
        return
    left, right = int(math.floor(low_u)), int(math.ceil(high_u))
    top, bottom = int(math.floor(low_v)), int(math.ceil(high_v))
    height, width = sums.shape[0], sums.shape[1]
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return
    if kind == _ICE or kind == _WATER:
        _count(quad, pixels)
    total = abs(_area_of(quad, _FIRST, _FOUR))
    if total == 0:
        return
    for cell_row in range(max(0, top), min(height, bottom)):
        for cell_column in range(max(0, left), min(width, right)):
            part = _clipped(quad, spare, cell_column, cell_row) / total
            if part > 0:
                _put(sums, variance, cell_row, cell_column, kind, area * part, share)


@inlined
def _count(quad: Array, pixels: Array) -> None:
    """Count a pixel in the cell that its middle lies in."""
    column = int(math.floor((quad[0, 0, 0] + quad[0, 1, 0] + quad[0, 2, 0] + quad[0, 3, 0]) / 4))
    row = int(math.floor((quad[0, 0, 1] + quad[0, 1, 1] + quad[0, 2, 1] + quad[0, 3, 1]) / 4))
    if 0 <= column < pixels.shape[1] and 0 <= row < pixels.shape[0]:
        pixels[row, column] += 1


@inlined
def _put(sums: Array, variance: Array, row: int, column: int, kind: int, area: float, share: float) -> None:
    if share >= 0 and (kind == _ICE or kind == _WATER):
        sums[row, column, _ICE] += area * share
        sums[row, column, _WATER] += area * (1 - share)
        variance[row, column] += area * area * share * (1 - share)
    else:
        sums[row, column, kind] += area


@inlined
def _area_of(points: Array, which: int, count: int) -> float:
    """Return the signed area of a polygon (the shoelace formula, from its first point)."""
    total = 0.0
    x, y = points[which, 0, 0], points[which, 0, 1]
    for i in range(1, count - 1):
        total += (points[which, i, 0] - x) * (points[which, i + 1, 1] - y)
        total -= (points[which, i + 1, 0] - x) * (points[which, i, 1] - y)
    return total / 2


@inlined
def _clipped(quad: Array, spare: Array, column: int, row: int) -> float:
    """Return the area of a quadrilateral inside a cell (Sutherland and Hodgman 1974, edge by edge)."""
    count = _FOUR
    for i in range(4):
        spare[0, i, 0], spare[0, i, 1] = quad[0, i, 0], quad[0, i, 1]
    source = _FIRST
    for edge in range(4):
        axis = edge // 2
        sign = 1.0 if edge % 2 == 0 else -1.0
        place = float(column if axis == 0 else row) + (0.0 if edge % 2 == 0 else 1.0)
        count = _cut(spare, source, count, axis, sign, place)
        source = 1 - source
        if count == 0:
            return 0.0
    return abs(_area_of(spare, source, count))


@inlined
def _cut(points: Array, source: int, count: int, axis: int, sign: float, place: float) -> int:
    """Put what lies on one side of a line in the other half of the points, and return how many they are."""
    kept, target = 0, 1 - source
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        here = sign * (points[source, i, axis] - place)
        there = sign * (points[source, j, axis] - place)
        if here >= 0:
            points[target, kept, 0], points[target, kept, 1] = points[source, i, 0], points[source, i, 1]
            kept += 1
        if (here > 0 and there < 0) or (here < 0 and there > 0):
            t = here / (here - there)
            for k in range(2):
                start = points[source, i, k]
                points[target, kept, k] = start + t * (points[source, j, k] - start)
            kept += 1
    return kept
