"""Corners: chains that follow the edges of pixels, with a node wherever they bend.

Every lattice row is scanned once, from the runs above and below it; only where a run begins above or below can a border
bend.
"""

# Kernels take many plain arguments, flags among them, and compare one by one: functions would be more to compile.
# ruff: noqa: FBT001, PLR0913, PLR0917, PLR1714

from __future__ import annotations

from typing import Any

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
from seaice_cli.vectorization.tracing.runs import OUTSIDE, enlarged

Array = npt.NDArray[Any]


def trace_corners(
    starts: Array, labels: Array, values: Array, rows: Array, frame: tuple[int, int, bool, bool], traced: Array,
    junctions: bool, tallies: Array,
) -> Nodes:  # fmt: skip
    """Make the nodes of all chains in a strip, and note which components border on the edge of the data.

    Args:
        starts: First column of every run.
        labels: Component of every run, or a negative code.
        values: Value of every run in the mask.
        rows: Index of the first run of every row of the strip.
        frame: Pixels of a row; row of the raster that the strip begins with; whether that row belongs to the strip
            before and is only looked at; whether the raster ends with this strip.
        traced: Per component, whether its chains are wanted.
        junctions: Whether chains get a node at every junction, even where they run straight through it.
        tallies: (components, TALLIES), added to.
    """
    nodes = begin_nodes(rows, 1024, shared=frame[2])
    row, stop = int(frame[2]), rows.size - 1 + frame[3]
    while True:
        row, nodes.count = _trace_rows(
            row, starts, labels, values, rows, frame, traced, junctions, tallies, nodes.table, nodes.openings,
            nodes.lefts, nodes.rights, nodes.count,
        )  # fmt: skip
        if row == stop:
            return nodes
        nodes.table = enlarged(nodes.table, 2 * nodes.table.shape[0] + 8 * frame[0] + 8)


@compiled
def _trace_rows(
    row: int, starts: Array, labels: Array, values: Array, rows: Array, frame: tuple[int, int, bool, bool],
    traced: Array, junctions: bool, tallies: Array, nodes: Array, openings: Array, lefts: Array, rights: Array,
    count: int,
) -> tuple[int, int]:  # fmt: skip
    """Trace lattice rows from one on; return the first that there might be no room for, and how many nodes there are."""
    height = rows.size - 1
    for j in range(row, height + 1 if frame[3] else height):
        upper = rows[j - 1] if j > 0 else rows[0]
        lower = rows[j + 1] if j < height else rows[j]
        if count + 4 * (lower - upper + 2) > nodes.shape[0]:
            return j, count
        count = _trace_row(
            j, starts, labels, values, rows, frame, traced, junctions, tallies, nodes, openings, lefts, rights, count
        )
    return height + 1 if frame[3] else height, count


@inlined
def _trace_row(
    j: int, starts: Array, labels: Array, values: Array, rows: Array, frame: tuple[int, int, bool, bool],
    traced: Array, junctions: bool, tallies: Array, nodes: Array, openings: Array, lefts: Array, rights: Array,
    count: int,
) -> int:  # fmt: skip
    width, height = frame[0], rows.size - 1
    upper, upper_stop = (rows[j - 1], rows[j]) if j > 0 else (0, 0)
    lower, lower_stop = (rows[j], rows[j + 1]) if j < height else (0, 0)
    x, ra, rc, la, lc = 0, UNLINKED, UNLINKED, OUTSIDE, OUTSIDE
    pen = (count, UNLINKED, UNLINKED)
    while True:
        upper, rb, lb = pass_point(x, width, upper, upper_stop, starts, labels, (ra, la))
        lower, rd, ld = pass_point(x, width, lower, lower_stop, starts, labels, (rc, lc))
        around, runs = (la, lb, lc, ld), (ra, rb, rc, rd)
        px = x
        if junctions and _is_junction(around, (x == 0 or x == width) and (j == height or frame[1] + j == 0)):
            px |= JUNCTION
        if is_pinched(around, runs, values):
            px |= PINCH
        pen = _pass_all(around, runs, px, frame[1] + j, traced, pen, nodes, openings, lefts, rights)
        if x == width:
            return pen[0]
        ra, rc, la, lc = rb, rd, lb, ld
        if la != lc:
            mark_edge(tallies, la, lc)
        x = next_point(width, starts, upper, upper_stop, lower, lower_stop)


@inlined
def _is_junction(around: Four, framed: bool) -> bool:
    """Tell whether three or more borders meet; what is excluded for whatever reason counts as one."""
    a, b = without_reason(around[0]), without_reason(around[1])
    c, d = without_reason(around[2]), without_reason(around[3])
    return framed or (a != b) + (b != d) + (d != c) + (c != a) > 2


@inlined
def _pass_all(
    around: Four, runs: Four, x: int, y: int, traced: Array, pen: tuple[int, int, int], nodes: Array, openings: Array,
    lefts: Array, rights: Array,
) -> tuple[int, int, int]:  # fmt: skip
    """Lead all chains through a lattice point, in the order in which every end is read before it is replaced."""
    a, b, c, d = around
    if a != c and a >= 0 and traced[a]:
        pen = _pass(EAST, turn(EAST, a, b, d), x, y, a, runs, pen, nodes, openings, lefts, rights)
    if c != d and c >= 0 and traced[c]:
        pen = _pass(NORTH, turn(NORTH, c, a, b), x, y, c, runs, pen, nodes, openings, lefts, rights)
    if b != a and b >= 0 and traced[b]:
        pen = _pass(SOUTH, turn(SOUTH, b, d, c), x, y, b, runs, pen, nodes, openings, lefts, rights)
    if d != b and d >= 0 and traced[d]:
        pen = _pass(WEST, turn(WEST, d, c, a), x, y, d, runs, pen, nodes, openings, lefts, rights)
    return pen


@inlined
def _pass(
    heading: int, ahead: int, x: int, y: int, own: int, runs: Four, pen: tuple[int, int, int], nodes: Array,
    openings: Array, lefts: Array, rights: Array,
) -> tuple[int, int, int]:  # fmt: skip
    """Lead a chain through a lattice point, with a node if it bends there or meets others.

    Args:
        heading: Of the chain that comes.
        ahead: Of the chain that goes on.
        x: Of the point, with its flags.
        y: Of the point.
        own: Its component.
        runs: Around the point.
        pen: Nodes made; end of the chain that comes from the left; start of that which leaves to the left.
        nodes: As in `chains.Nodes`, as are the rest.
        openings: Changed.
        lefts: Changed.
        rights: Changed.
    """
    count, from_left, to_left = pen
    if heading == ahead and not x & JUNCTION:
        if heading == NORTH:
            rights[runs[2]] = rights[runs[0]]
        elif heading == SOUTH:
            lefts[runs[3]] = lefts[runs[1]]
        return pen
    following = whole(rights[runs[0]]) if ahead == NORTH else to_left if ahead == WEST else UNLINKED
    put(nodes, count, x, y, following, own)
    if heading == NORTH:
        rights[runs[2]] = count
    elif heading == WEST:
        to_left = count
    else:
        link(nodes, openings, from_left if heading == EAST else whole(lefts[runs[1]]), count)
    if ahead == SOUTH:
        lefts[runs[3]] = count
    elif ahead == EAST:
        from_left = count
    return count + 1, from_left, to_left
