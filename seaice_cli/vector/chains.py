"""Chains: the outlines of components inside one strip, on the lattice of pixel corners.

A chain walks with its component on the left as seen on the screen: left edges down, lower edges to the right, right
edges up, upper edges to the left. Every lattice row is scanned once, from the runs above and below it; only where the
two-by-two block of labels around a lattice point bends a border is a node made, and linked to the next. At a point where
a component meets itself only diagonally, the chain turns and stays with its pixel; `outlines` cuts such rings apart.

What is still open at a strip's borders ends in a code: edges of the runs in the strip's first row (which it shares with
the strip before) and in its last row, so that `joining` can tie the ends of neighbouring strips together.
"""

# Kernels are one pass each, compiled as a whole and inlined: long, of many plain arguments, and without sets.
# ruff: noqa: C901, FBT001, PLR0912, PLR0913, PLR0915, PLR0917, PLR1714

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vector.compilation import compiled
from seaice_cli.vector.counts import mark_edge
from seaice_cli.vector.runs import EXCLUDED, OUTSIDE

Array = npt.NDArray[Any]

JUNCTION, PINCH = 1 << 30, 1 << 29
"""Set in the x of a node: where three or more borders meet, and at the raster's corners; where pixels of one value
touch at this corner only."""
COLUMN = PINCH - 1
"""What of a node's x is its column."""
UNLINKED = -1


@compiled
def trace_corners(
    starts: Array, labels: Array, values: Array, rows: Array, frame: tuple[int, int, bool, bool], traced: Array,
    junctions: bool, tallies: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
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

    Returns:
        Nodes (count, 4): x, y, next node, component; for every run of the shared first row the node that its left edge
        leads down to; for every run the end of the chain along its left edge, and the start of that along its right
        edge, as a node or as the code of an edge of the first row.
    """
    width, top, shared, last = frame
    height = rows.size - 1
    nodes = np.empty((1024, 4), np.int32)
    count = 0
    lefts = np.full(starts.size, UNLINKED, np.int32)
    rights = np.full(starts.size, UNLINKED, np.int32)
    openings = np.full(rows[1] if shared else 0, UNLINKED, np.int32)
    for run in range(openings.size):
        lefts[run] = rights[run] = -2 - run
    for j in range(1 if shared else 0, height + 1 if last else height):
        y = top + j
        upper, upper_stop = (rows[j - 1], rows[j]) if j > 0 else (0, 0)
        lower, lower_stop = (rows[j], rows[j + 1]) if j < height else (0, 0)
        if count + 4 * (upper_stop - upper + lower_stop - lower + 2) > nodes.shape[0]:
            grown = np.empty((2 * nodes.shape[0] + 4 * (upper_stop - upper + lower_stop - lower + 2), 4), np.int32)
            grown[:count] = nodes[:count]
            nodes = grown
        ra, rc, la, lc = -1, -1, OUTSIDE, OUTSIDE
        x_before, from_left, to_left = 0, UNLINKED, UNLINKED
        while True:
            x_upper = starts[upper] if upper < upper_stop else width
            x_lower = starts[lower] if lower < lower_stop else width
            x = min(x_upper, x_lower)
            if x > x_before and la != lc:
                mark_edge(tallies, la, lc)
            x_before = x
            rb, rd, lb, ld = ra, rc, la, lc
            if x == width:
                rb, rd, lb, ld = -1, -1, OUTSIDE, OUTSIDE
            if x == x_upper and x < width:
                rb, lb = upper, labels[upper]
                upper += 1
            if x == x_lower and x < width:
                rd, ld = lower, labels[lower]
                lower += 1
            framed = x in (0, width) and (y == 0 or j == height)
            meets = junctions and (framed or (
                (max(la, EXCLUDED) != max(lb, EXCLUDED)) + (max(lb, EXCLUDED) != max(ld, EXCLUDED))
                + (max(ld, EXCLUDED) != max(lc, EXCLUDED)) + (max(lc, EXCLUDED) != max(la, EXCLUDED))
            ) > 2)  # fmt: skip
            px = x | JUNCTION if meets else x
            falling = la >= 0 and ld >= 0 and la != lb and la != lc and values[ra] == values[rd]
            if falling or (lb >= 0 and lc >= 0 and lb != la and lb != ld and values[rb] == values[rc]):
                px |= PINCH
            # Pixels above left (a), above right (b), below left (c), below right (d). First what comes from the left or
            # leaves to the left, for that reads the links that the rest sets.
            if la >= 0 and traced[la]:
                if la != lc and la != lb:  # a alone: arrives from the left, leaves up
                    put(nodes, count, px, y, rights[ra], la)
                    link(nodes, openings, from_left, count)
                    count += 1
                elif la == lc and la != lb and lc != ld:  # straight up the right edge of a and c
                    rights[rc] = rights[ra]
                    if meets:
                        put(nodes, count, px, y, rights[ra], la)
                        rights[rc] = count
                        count += 1
                elif la == lb and la != lc and lb != ld:  # straight along the lower edge of a and b
                    if meets:
                        put(nodes, count, px, y, UNLINKED, la)
                        link(nodes, openings, from_left, count)
                        from_left = count
                        count += 1
                elif la == lb and la == ld and la != lc:  # all but c: arrives from the left, leaves down
                    put(nodes, count, px, y, UNLINKED, la)
                    link(nodes, openings, from_left, count)
                    lefts[rd] = count
                    count += 1
            if lc >= 0 and traced[lc]:
                if lc != la and lc != ld:  # c alone: arrives from below, leaves to the left
                    put(nodes, count, px, y, to_left, lc)
                    rights[rc] = count
                    count += 1
                elif lc == ld and lc != la and ld != lb:  # straight along the upper edge of c and d
                    if meets:
                        put(nodes, count, px, y, to_left, lc)
                        to_left = count
                        count += 1
                elif lc == ld and lc == lb and lc != la:  # all but a: arrives from above, leaves to the left
                    put(nodes, count, px, y, to_left, lc)
                    link(nodes, openings, lefts[rb], count)
                    count += 1
            if lb >= 0 and traced[lb]:
                if lb != la and lb != ld:  # b alone: arrives from above, leaves to the right
                    put(nodes, count, px, y, UNLINKED, lb)
                    link(nodes, openings, lefts[rb], count)
                    from_left = count
                    count += 1
                elif lb == ld and la != lb and lc != ld:  # straight down the left edge of b and d
                    lefts[rd] = lefts[rb]
                    if meets:
                        put(nodes, count, px, y, UNLINKED, lb)
                        link(nodes, openings, lefts[rb], count)
                        lefts[rd] = count
                        count += 1
                elif lb == la and lb == lc and lb != ld:  # all but d: arrives from below, leaves to the right
                    put(nodes, count, px, y, UNLINKED, lb)
                    rights[rc] = count
                    from_left = count
                    count += 1
            if ld >= 0 and traced[ld]:
                if ld != lb and ld != lc:  # d alone: arrives from the right, leaves down
                    put(nodes, count, px, y, UNLINKED, ld)
                    lefts[rd] = count
                    to_left = count
                    count += 1
                elif ld == lc and ld == la and ld != lb:  # all but b: arrives from the right, leaves up
                    put(nodes, count, px, y, rights[ra], ld)
                    to_left = count
                    count += 1
            if x == width:
                break
            ra, rc, la, lc = rb, rd, lb, ld
    return nodes[:count], openings, lefts, rights


@compiled
def put(nodes: Array, node: int, x: int, y: int, following: int, component: int) -> None:
    """Fill in a node."""
    nodes[node, 0], nodes[node, 1], nodes[node, 2], nodes[node, 3] = x, y, following, component


@compiled
def link(nodes: Array, openings: Array, before: int, node: int) -> None:
    """Let a node, or the code of an edge of the first row, be followed by a node."""
    if before >= 0:
        nodes[before, 2] = node
    else:
        openings[-2 - before] = node


@compiled
def split_chains(
    nodes: Array, openings: Array, lefts: Array, rights: Array, bottom: int,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Lay the nodes out in the order of their chains.

    Args:
        nodes: As `trace_corners` returns them; the links of this array are changed.
        openings: The same.
        lefts: The same.
        rights: The same.
        bottom: Index of the first run of the strip's last row; the number of runs if the raster ends here.

    Returns:
        Points (count, 2) of all pieces, then of all rings; where each piece and ring begins in them, and the end; for
        every piece the edge it comes from and the edge it leads to, (pieces, 2): number of a run in the first row, or
        the number of runs in the first row plus the number of a run in the last; the component of every ring.
    """
    first_row = openings.size
    for run in range(bottom, lefts.size):
        if lefts[run] >= 0:
            nodes[lefts[run], 2] = -2 - first_row - (run - bottom)
    pieces = 0
    for run in range(first_row):
        pieces += openings[run] != UNLINKED
    for run in range(bottom, lefts.size):
        pieces += (rights[run] != UNLINKED) + (lefts[run] < UNLINKED)
    points = np.empty((nodes.shape[0], 2), np.int32)
    ends = np.empty((pieces, 2), np.int32)
    offsets = np.zeros(pieces + nodes.shape[0] // 4 + 1, np.int64)
    owners = np.empty(nodes.shape[0] // 4, np.int32)
    done = np.zeros(nodes.shape[0], np.bool_)
    piece, at = 0, 0
    for run in range(first_row):
        if openings[run] != UNLINKED:
            at, end = _follow(nodes, openings[run], points, at, done)
            ends[piece, 0], ends[piece, 1] = run, -2 - end
            piece += 1
            offsets[piece] = at
    for run in range(bottom, lefts.size):
        here = first_row + run - bottom
        if lefts[run] < UNLINKED:
            ends[piece, 0], ends[piece, 1] = -2 - lefts[run], here
            piece += 1
            offsets[piece] = at
        if rights[run] != UNLINKED:
            at, end = _follow(nodes, rights[run], points, at, done)
            ends[piece, 0], ends[piece, 1] = here, -2 - end
            piece += 1
            offsets[piece] = at
    ring = 0
    for node in range(nodes.shape[0]):
        if not done[node]:
            at, _ = _follow(nodes, node, points, at, done)
            owners[ring] = nodes[node, 3]
            ring += 1
            offsets[piece + ring] = at
    return points[:at], offsets[: piece + ring + 1], ends, owners[:ring]


@compiled
def _follow(nodes: Array, node: int, points: Array, at: int, done: Array) -> tuple[int, int]:
    while node >= 0 and not done[node]:
        done[node] = True
        points[at] = nodes[node, 0], nodes[node, 1]
        at += 1
        node = nodes[node, 2]
    return at, node
