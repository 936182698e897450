"""Simplification: fewer points, same topology, wherever and in whatever order polygons are finished.

Outlines are cut into arcs where borders meet, and an arc is straightened between two of its points if no point in
between is farther from the line than the tolerance (Douglas and Peucker) and if *nothing else* lies between the arc and
the line. Nothing else means: no point of any other border of the mask as it was traced, which one bit per pixel corner
remembers. So two neighbours always simplify the border they share in the same way, and no two borders can come to cross:
arc A, closed by its line, and arc B, closed by its, are two closed curves and cross an even number of times; A and B do
not cross, neither crosses the other's line, and two lines cross once at most. Hence never.

An arc that bends keeps at least one point between its ends, so that nothing collapses to a line.
"""

# Kernels are one pass each, compiled as a whole and inlined: long, of many plain arguments, and without sets.
# ruff: noqa: C901, FBT001, PLR0913, PLR0917

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vectorization.tracing import chains
from seaice_cli.vectorization.tracing.compilation import compiled
from seaice_cli.vectorization.tracing.outlines import Outlines
from seaice_cli.vectorization.tracing.runs import EXCLUDED

Array = npt.NDArray[Any]


def make_borders(height: int, width: int) -> Array:
    """Return the bits of all pixel corners of a raster, none set: (height + 1, bytes of a row)."""
    return np.zeros((height + 1, width // 8 + 1), np.uint8)


@compiled
def _set(borders: Array, x: int, y: int) -> None:
    borders[y, x >> 3] |= np.uint8(1 << (x & 7))


@compiled
def _clear(borders: Array, x: int, y: int) -> None:
    borders[y, x >> 3] &= np.uint8(255 ^ (1 << (x & 7)))


@compiled
def _has(borders: Array, x: int, y: int) -> bool:
    return bool((borders[y, x >> 3] >> (x & 7)) & 1)


@compiled
def mark_borders(starts: Array, labels: Array, rows: Array, frame: tuple[int, int, bool, bool], borders: Array) -> None:
    """Set the bits of the pixel corners that a border of any component passes, for the lattice rows of a strip."""
    width, top, shared, last = frame
    height = rows.size - 1
    for j in range(1 if shared else 0, height + 1 if last else height):
        upper, upper_stop = (rows[j - 1], rows[j]) if j > 0 else (0, 0)
        lower, lower_stop = (rows[j], rows[j + 1]) if j < height else (0, 0)
        above = below = EXCLUDED
        before = 0
        while True:
            x_upper = starts[upper] if upper < upper_stop else width
            x_lower = starts[lower] if lower < lower_stop else width
            x = min(x_upper, x_lower)
            if above != below:
                for between in range(before, x + 1):
                    _set(borders, between, top + j)
            old_above, old_below = above, below
            if x == width:
                above = below = EXCLUDED
            if x == x_upper and x < width:
                above = max(labels[upper], EXCLUDED)
                upper += 1
            if x == x_lower and x < width:
                below = max(labels[lower], EXCLUDED)
                lower += 1
            if above != old_above or below != old_below:
                _set(borders, x, top + j)
            before = x
            if x == width:
                break


def simplify(outlines: Outlines, borders: Array, tolerance: float, pixel: tuple[float, float]) -> Outlines:
    """Return the outlines with fewer points.

    Args:
        outlines: Traced with junctions.
        borders: All borders of the mask down to the last row of these outlines.
        tolerance: How far a point that is left out may lie from the new outline.
        pixel: Width and height of a pixel, in units of the tolerance.
    """
    kept = _choose(outlines.points, outlines.rings, borders, tolerance, *pixel)
    counts = np.concatenate([[0], np.cumsum(kept)])
    return replace(outlines, points=outlines.points[kept], rings=counts[outlines.rings])


@compiled
def _choose(points: Array, rings: Array, borders: Array, tolerance: float, wide: float, high: float) -> Array:
    kept = np.zeros(points.shape[0], np.bool_)
    for ring in range(rings.size - 1):
        first, stop = rings[ring], rings[ring + 1]
        count = stop - first
        ends = np.empty(count + 1, np.int64)
        found = 0
        for point in range(count):
            if points[first + point, 0] & chains.JUNCTION:
                ends[found] = point
                found += 1
        if found == 0:
            ends[0] = 0
            found = 1
        ends[found] = ends[0] + count
        ring_points = np.empty((2 * count, 2), np.int64)  # twice round, so that arcs may run past the ring's end
        for point in range(2 * count):
            ring_points[point, 0] = points[first + point % count, 0] & chains.COLUMN
            ring_points[point, 1] = points[first + point % count, 1]
        for arc in range(found):
            kept[first + ends[arc]] = True
            begin, end = ends[arc], ends[arc + 1]
            if found == 1:  # the arc ends where it begins: two arcs, to the farthest point and back
                far = _find_farthest(ring_points, begin, end, wide, high)[0]
                kept[first + far % count] = True
                _halve(ring_points, begin, far, borders, tolerance, wide, high, kept[first:stop])
                _halve(ring_points, far, end, borders, tolerance, wide, high, kept[first:stop])
            else:
                same = _same(ring_points, begin, end)
                far = _find_farthest(ring_points, begin, end, wide, high)[0] if same else end
                if same:
                    kept[first + far % count] = True
                    _halve(ring_points, far, end, borders, tolerance, wide, high, kept[first:stop])
                _halve(ring_points, begin, far, borders, tolerance, wide, high, kept[first:stop])
    return kept


@compiled
def _same(points: Array, one: int, other: int) -> bool:
    return bool(points[one, 0] == points[other, 0] and points[one, 1] == points[other, 1])


@compiled
def _ends(points: Array, begin: int, end: int) -> tuple[Any, Any, Any, Any]:
    return (
        np.int64(points[begin, 0]), np.int64(points[begin, 1]),
        np.int64(points[end, 0]), np.int64(points[end, 1]),
    )  # fmt: skip


@compiled
def _find_farthest(points: Array, begin: int, end: int, wide: float, high: float) -> tuple[int, float]:
    """Find the point farthest from the line between two points; of several the topmost, then leftmost."""
    ax, ay, bx, by = _ends(points, begin, end)
    dx, dy = bx - ax, by - ay
    squared = (dx * wide) ** 2 + (dy * high) ** 2
    far, most = -1, -1.0
    for k in range(begin + 1, end):
        px, py = np.int64(points[k, 0]), np.int64(points[k, 1])
        from_a = ((px - ax) * wide) ** 2 + ((py - ay) * high) ** 2
        from_b = ((px - bx) * wide) ** 2 + ((py - by) * high) ** 2
        if squared == 0.0 or abs(from_a - from_b) > squared:
            distance = min(from_a, from_b)
        else:
            cross = abs(dx * (py - ay) - dy * (px - ax))
            distance = (cross * wide * high) ** 2 / squared
        if distance > most or (distance == most and (py, px) < (np.int64(points[far, 1]), np.int64(points[far, 0]))):
            far, most = k, distance
    return far, np.sqrt(max(most, 0.0))


@compiled
def _halve(
    points: Array, begin: int, end: int, borders: Array, tolerance: float, wide: float, high: float, kept: Array
) -> None:
    """Choose the points to keep between two points of a ring; indices may run past the ring's end."""
    stack = np.empty((64, 2), np.int64)
    stack[0, 0], stack[0, 1] = begin, end
    size = 1
    while size:
        size -= 1
        one, other = stack[size, 0], stack[size, 1]
        if other - one < 2:
            continue
        far, distance = _find_farthest(points, one, other, wide, high)
        whole = one == begin and other == end
        if distance <= tolerance and not (whole and distance > 0) and _is_free(points, one, other, borders):
            continue
        kept[far % kept.size] = True
        if size + 2 > stack.shape[0]:
            grown = np.empty((2 * stack.shape[0], 2), np.int64)
            grown[:size] = stack[:size]
            stack = grown
        stack[size, 0], stack[size, 1] = one, far
        stack[size + 1, 0], stack[size + 1, 1] = far, other
        size += 2


@compiled
def _walk(points: Array, begin: int, end: int, borders: Array, mark: bool) -> None:
    """Set or clear the bits of all pixel corners that the arc passes."""
    for k in range(begin, end):
        x, y = points[k, 0], points[k, 1]
        x_next, y_next = points[k + 1, 0], points[k + 1, 1]
        dx, dy = np.sign(x_next - x), np.sign(y_next - y)
        for _ in range(abs(x_next - x) + abs(y_next - y) + 1):
            if mark:
                _set(borders, x, y)
            else:
                _clear(borders, x, y)
            x += dx
            y += dy


@compiled
def _is_free(points: Array, begin: int, end: int, borders: Array) -> bool:
    """Tell whether no other border lies between the arc and the line between its ends, or within a pixel of the line."""
    ax, ay, bx, by = _ends(points, begin, end)
    left, right, top, bottom = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
    for k in range(begin, end + 1):
        x, y = points[k, 0], points[k, 1]
        left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
    _walk(points, begin, end, borders, False)
    free = True
    low, high = _span(points, begin, end, top, bottom)
    for y in range(top, bottom + 1):
        for x in range(max(left, low[y - top]), min(right, high[y - top]) + 1):
            if _has(borders, x, y) and (_is_near(ax, ay, bx, by, x, y) or _is_inside(points, begin, end, x, y)):
                free = False
                break
        if not free:
            break
    _walk(points, begin, end, borders, True)
    return free


@compiled
def _span(points: Array, begin: int, end: int, top: int, bottom: int) -> tuple[Array, Array]:
    """Return the columns between which arc and line lie, at every row from `top` on, a pixel more to either side."""
    low, high = np.full(bottom - top + 1, 1 << 30), np.full(bottom - top + 1, -1)
    for k in range(begin, end):
        x, x_next = points[k, 0], points[k + 1, 0]
        y, y_next = points[k, 1], points[k + 1, 1]
        for row in range(min(y, y_next) - top, max(y, y_next) - top + 1):
            low[row], high[row] = min(low[row], x, x_next), max(high[row], x, x_next)
    ax, ay, bx, by = _ends(points, begin, end)
    slope = abs(bx - ax) // abs(by - ay) + 1 if ay != by else 0
    for y in range(min(ay, by), max(ay, by) + 1):
        row = y - top
        if ay == by:
            low[row], high[row] = min(low[row], ax, bx), max(high[row], ax, bx)
        else:
            at = ax + (bx - ax) * (y - ay) // (by - ay)
            low[row], high[row] = min(low[row], at - slope), max(high[row], at + slope + 1)
    return low - 1, high + 1


@compiled
def _is_near(ax: int, ay: int, bx: int, by: int, x: int, y: int) -> bool:
    """Tell whether the point is less than a pixel from the line, measured along the axis the line runs across."""
    dx, dy = bx - ax, by - ay
    if abs(dx) >= abs(dy):
        return min(ax, bx) <= x <= max(ax, bx) and abs((y - ay) * dx - dy * (x - ax)) < abs(dx)
    return min(ay, by) <= y <= max(ay, by) and abs((x - ax) * dy - dx * (y - ay)) < abs(dy)


@compiled
def _is_inside(points: Array, begin: int, end: int, x: int, y: int) -> bool:
    """Tell whether the point lies between the arc and the line: whether a ray crosses both an odd number of times."""
    inside = False
    for k in range(begin, end + 1):
        one, two = k, k + 1 if k < end else begin
        x_one, y_one = np.int64(points[one, 0]), np.int64(points[one, 1])
        x_two, y_two = np.int64(points[two, 0]), np.int64(points[two, 1])
        if (y_one > y) != (y_two > y):
            cross = (x_two - x_one) * (y - y_one) - (x - x_one) * (y_two - y_one)
            if (cross > 0) == (y_two > y_one):
                inside = not inside
    return inside
