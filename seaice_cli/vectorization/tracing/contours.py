"""Contours: outlines that run where the probability crosses the threshold, not along the edges of pixels.

The same chains as in `chains`, but with a node on every border between two neighbouring pixels, put where the
probability, linear between the centres of the two, crosses the threshold. That is marching squares on the grid of pixel
centres, with the mask to say what is connected. Where the probability does not cross it, or is not known, and along the
edge of the data, the node lies on the edge of the pixel. Neighbouring classes share their nodes, and where three or more
meet, all outlines pass one point in the middle, so that no gap opens.
"""

# Kernels take many plain arguments, and compare one by one: functions would be more to compile.
# ruff: noqa: C901, PLR0913, PLR0917, PLR1714

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vectorization.tracing.chains import (
    EAST,
    JUNCTION,
    NORTH,
    PINCH,
    SOUTH,
    UNLINKED,
    WEST,
    Four,
    Nodes,
    begin_nodes,
    is_pinched,
    link,
    next_point,
    pass_point,
    put,
    turn,
    without_reason,
)
from seaice_cli.vectorization.tracing.compilation import compiled, inlined, whole
from seaice_cli.vectorization.tracing.counts import mark_edge
from seaice_cli.vectorization.tracing.runs import EXCLUDED, NODATA, OUTSIDE, enlarged

Array = npt.NDArray[Any]

SCALE = 512
"""Lattice units per pixel."""
_HALF = 256
_MARGIN = 4
"""Nodes stay so far from the centres of pixels, in lattice units, so that outlines never touch."""
_UNKNOWN = 255


def trace_contours(
    starts: Array, labels: Array, values: Array, rows: Array, frame: tuple[int, int, bool, bool], traced: Array,
    probability: Array, threshold: float, tallies: Array,
) -> Nodes:  # fmt: skip
    """Make the nodes of all chains in a strip, as `corners.trace_corners` does.

    Args:
        starts: First column of every run.
        labels: Component of every run, or a negative code.
        values: Value of every run in the mask.
        rows: Index of the first run of every row of the strip.
        frame: Width, first row, whether it is shared, whether the raster ends here.
        traced: Per component, whether its chains are wanted.
        probability: (rows, width) per cent, 255 where there is none.
        threshold: Per cent.
        tallies: (components, TALLIES), of which EDGE is set.
    """
    room = 8 * (frame[0] + 1)  # nodes of a lattice row at most
    nodes = begin_nodes(rows, room + 4096, shared=frame[2])
    # Per run and one more per row: where the contour crosses its left edge, and whether that is on the pixel's edge.
    cross, fixed = np.empty(starts.size + rows.size, np.int64), np.empty(starts.size + rows.size, np.bool_)
    _cross_columns(starts, labels, rows, frame[0], probability, threshold, cross, fixed)
    row, stop = int(frame[2]), rows.size - 1 + frame[3]
    while True:
        row, nodes.count = _trace_rows(
            row, stop, starts, labels, values, rows, frame, traced, probability, threshold, cross, fixed, tallies,
            nodes.table, nodes.openings, nodes.lefts, nodes.rights, nodes.count,
        )  # fmt: skip
        if row == stop:
            return nodes
        nodes.table = enlarged(nodes.table, 2 * nodes.table.shape[0] + room)


@compiled
def _trace_rows(
    row: int, stop: int, starts: Array, labels: Array, values: Array, rows: Array,
    frame: tuple[int, int, bool, bool], traced: Array, probability: Array, threshold: float, cross: Array,
    fixed: Array, tallies: Array, nodes: Array, openings: Array, lefts: Array, rights: Array, count: int,
) -> tuple[int, int]:  # fmt: skip
    """Trace lattice rows from one on; return the first that there might be no room for, and how many nodes there are."""
    for j in range(row, stop):
        if count + 8 * (frame[0] + 1) > nodes.shape[0]:
            return j, count
        count = _trace_row(
            j, starts, labels, values, rows, frame, traced, probability, threshold, cross, fixed, tallies, nodes,
            openings, lefts, rights, count,
        )  # fmt: skip
    return stop, count


@inlined
def _trace_row(
    j: int, starts: Array, labels: Array, values: Array, rows: Array, frame: tuple[int, int, bool, bool],
    traced: Array, probability: Array, threshold: float, cross: Array, fixed: Array, tallies: Array, nodes: Array,
    openings: Array, lefts: Array, rights: Array, count: int,
) -> int:  # fmt: skip
    width, height = frame[0], rows.size - 1
    upper, upper_stop = (rows[j - 1], rows[j]) if j > 0 else (0, 0)
    lower, lower_stop = (rows[j], rows[j + 1]) if j < height else (0, 0)
    x, y, ra, rc, la, lc = 0, frame[1] + j, UNLINKED, UNLINKED, OUTSIDE, OUTSIDE
    west, west_at, west_fixed = (UNLINKED, UNLINKED), whole(0), False
    while True:
        upper, rb, lb = pass_point(x, width, upper, upper_stop, starts, labels, (ra, la))
        lower, rd, ld = pass_point(x, width, lower, lower_stop, starts, labels, (rc, lc))
        around, runs = (la, lb, lc, ld), (ra, rb, rc, rd)
        # Where the borders of this lattice point are crossed: entries of the runs that begin there, or of the row's end.
        north = (rb if x < width else upper_stop) + j - 1 if la != lb else 0
        south = (rd if x < width else lower_stop) + j if lc != ld else 0
        east_at, east_fixed = _cross_row(lb, ld, j, y, x, probability, threshold)
        east, count = _split(lb, ld, traced, x * SCALE + _HALF, east_at, nodes, count)
        if lc != ld:
            (left, right), count = _split(lc, ld, traced, cross[south], y * SCALE + _HALF, nodes, count)
            if left >= 0:
                rights[rc] = left
            if right >= 0:
                lefts[rd] = right
        if la != lb or lb != ld or lc != ld or la != lc:
            px, py = _middle(
                around, x, y, (cross[north], cross[south], west_at, east_at),
                (fixed[north], fixed[south], west_fixed, east_fixed),
            )  # fmt: skip
            if px >= 0 and is_pinched(around, runs, values):
                px |= PINCH
            count = _pass_all(around, runs, px, py, traced, west, east, nodes, openings, lefts, rights, count)
        if x == width:
            return count
        ra, rc, la, lc = rb, rd, lb, ld
        west, west_at, west_fixed = east, east_at, east_fixed
        if la != lc:
            mark_edge(tallies, la, lc)
            x += 1
        else:  # nothing until the next run begins
            x = next_point(width, starts, upper, upper_stop, lower, lower_stop)


@inlined
def _split(
    one: int, other: int, traced: Array, x: int, y: int, nodes: Array, count: int
) -> tuple[tuple[int, int], int]:
    """Put a node for each of two components on the border between them; return them, UNLINKED for what is not traced."""
    first = second = UNLINKED
    if one == other:
        return (first, second), count
    if one >= 0 and traced[one]:
        put(nodes, count, x, y, UNLINKED, one)
        first, count = count, count + 1
    if other >= 0 and traced[other]:
        put(nodes, count, x, y, UNLINKED, other)
        second, count = count, count + 1
    return (first, second), count


@inlined
def _pass_all(
    around: Four, runs: Four, x: int, y: int, traced: Array, west: tuple[int, int], east: tuple[int, int],
    nodes: Array, openings: Array, lefts: Array, rights: Array, count: int,
) -> int:  # fmt: skip
    """Lead all chains through a lattice point; x negative for no node there. The nodes on the borders are made."""
    a, b, c, d = around
    sides = (west[1], east[0])
    if a != c and a >= 0 and traced[a]:
        after = _after(turn(EAST, a, b, d), runs, sides, lefts, rights)
        count = _pass(west[0], after, x, y, a, nodes, openings, count)
    if c != d and c >= 0 and traced[c]:
        after = _after(turn(NORTH, c, a, b), runs, sides, lefts, rights)
        count = _pass(whole(rights[runs[2]]), after, x, y, c, nodes, openings, count)
    if b != a and b >= 0 and traced[b]:
        after = _after(turn(SOUTH, b, d, c), runs, sides, lefts, rights)
        count = _pass(whole(lefts[runs[1]]), after, x, y, b, nodes, openings, count)
    if d != b and d >= 0 and traced[d]:
        after = _after(turn(WEST, d, c, a), runs, sides, lefts, rights)
        count = _pass(east[1], after, x, y, d, nodes, openings, count)
    return count


@inlined
def _after(ahead: int, runs: Four, sides: tuple[int, int], lefts: Array, rights: Array) -> Any:
    """Return the node on the border that a chain leaves by; sides: those of c to the left and b to the right."""
    if ahead == NORTH:
        return whole(rights[runs[0]])
    if ahead == SOUTH:
        return whole(lefts[runs[3]])
    return sides[0] if ahead == WEST else sides[1]


@inlined
def _pass(before: int, after: int, x: int, y: int, own: int, nodes: Array, openings: Array, count: int) -> int:
    """Link the node on the border that a chain comes along to that on the border it leaves by."""
    if x >= 0:
        put(nodes, count, x, y, after, own)
        after = count
        count += 1
    link(nodes, openings, before, after)
    return count


@inlined
def _middle(
    around: Four, x: int, y: int, at: Four, fixed: tuple[bool, bool, bool, bool]
) -> tuple[int, int]:  # fmt: skip
    """Return the point that all outlines pass between the borders that meet here, x negative for none.

    Args:
        around: Components.
        x: Of the lattice point, in pixels.
        y: The same.
        at: Where the borders to the north, south, west and east are crossed.
        fixed: Whether that is on the edge of a pixel.
    """
    ka, kb = without_reason(around[0]), without_reason(around[1])
    kc, kd = without_reason(around[2]), without_reason(around[3])
    north, south, west, east = ka != kb, kc != kd, ka != kc, kb != kd
    meeting = north + south + west + east
    pinned = (north and fixed[0]) + (south and fixed[1]) + (west and fixed[2]) + (east and fixed[3])
    if meeting == 2:
        return (x * SCALE, y * SCALE) if pinned == 2 else (-1, -1)
    alone = meeting == 4 and ((kb == EXCLUDED and kc == EXCLUDED) or (ka == EXCLUDED and kd == EXCLUDED))
    if meeting < 3 or (alone and pinned < 4):
        return -1, -1
    if pinned >= 2:
        return x * SCALE | JUNCTION, y * SCALE
    px = (at[0] if north else 0) + (at[1] if south else 0) + (west + east) * x * SCALE + (east - west) * _HALF
    py = (at[2] if west else 0) + (at[3] if east else 0) + (north + south) * y * SCALE + (south - north) * _HALF
    return (px // meeting) | JUNCTION, py // meeting


@compiled
def _cross_columns(
    starts: Array, labels: Array, rows: Array, width: int, probability: Array, threshold: float, cross: Array,
    fixed: Array,
) -> None:  # fmt: skip
    """Find where contours cross the borders between the runs of a row; row j has one entry more than it has runs."""
    for j in range(rows.size - 1):
        before = OUTSIDE
        for run in range(rows[j], rows[j + 1] + 1):
            x, after = (starts[run], labels[run]) if run < rows[j + 1] else (width, OUTSIDE)
            share, pinned = 0.5, True
            if before > NODATA and after > NODATA:
                share, pinned = _share(probability[j, x - 1], probability[j, x], threshold)
            fixed[run + j] = pinned
            cross[run + j] = x * SCALE - _HALF + _place(share)
            before = after


@inlined
def _cross_row(
    above: int, below: int, j: int, y: int, x: int, probability: Array, threshold: float
) -> tuple[int, bool]:
    share, pinned = 0.5, True
    if above != below and above > NODATA and below > NODATA:
        share, pinned = _share(probability[j - 1, x], probability[j, x], threshold)
    return y * SCALE - _HALF + _place(share), pinned


@inlined
def _share(one: int, other: int, threshold: float) -> tuple[float, bool]:
    """Return how far from one centre to the other the threshold is crossed, and whether that is not known."""
    if one == _UNKNOWN or other == _UNKNOWN:
        return 0.5, True
    if (one >= threshold) == (other >= threshold):
        return 0.5, False
    return (threshold - one) / (np.float64(other) - one), False


@inlined
def _place(share: float) -> int:
    at = int(np.floor(share * SCALE + 0.5))
    if at < _MARGIN:
        return _MARGIN
    return min(at, SCALE - _MARGIN)
