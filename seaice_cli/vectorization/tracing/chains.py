"""Chains: the outlines of components inside one strip, node by node, and what they are when laid out in a row.

A chain walks with its component on the left as seen on the screen: left edges down, lower edges to the right, right
edges up, upper edges to the left. Around every lattice point lie four pixels, above left (a), above right (b), below left
(c) and below right (d). A chain comes to the point along one of the four borders between them and turns to the first
border on its left that bounds its own component, so that where a component meets itself only diagonally, the chain
stays with its pixel; `outlines` cuts such rings apart.

What is still open at a strip's borders ends in a code: edges of the runs in the strip's first row (which it shares with
the strip before) and in its last row, so that `joining` can tie the ends of neighbouring strips together.
"""

# Kernels take many plain arguments, and compare one by one: functions and tuples would be more to compile.
# ruff: noqa: FURB136, PLR1714

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vectorization.tracing.compilation import compiled, inlined, whole
from seaice_cli.vectorization.tracing.runs import EXCLUDED, OUTSIDE

Array = npt.NDArray[Any]
Four = tuple[int, int, int, int]
"""Of the pixels a, b, c and d around a lattice point."""

JUNCTION, PINCH = 1 << 30, 1 << 29
"""Set in the x of a node: where three or more borders meet, and at the raster's corners; where pixels of one value
touch at this corner only."""
COLUMN = PINCH - 1
"""What of a node's x is its column."""
UNLINKED: Any = np.int64(-1)
_HEADINGS: Any = np.arange(4)
EAST, SOUTH, WEST, NORTH = _HEADINGS
"""Headings, in the order of turns to the right."""


@dataclass(slots=True)
class Nodes:
    """The nodes of a strip as they are made, and the ends of the chains along the runs."""

    table: Array
    """(room, 4): x, y, next node, component."""
    openings: Array
    """For every run of the shared first row the node that its left edge leads down to."""
    lefts: Array
    """For every run the end of the chain along its left edge, as a node or as the code of an edge of the first row."""
    rights: Array
    """The same for the start of the chain along its right edge."""
    count: int = 0
    """Nodes made so far."""


def begin_nodes(rows: Array, room: int, *, shared: bool) -> Nodes:
    """Return no nodes yet.

    Args:
        rows: Index of the first run of every row of the strip, and their number.
        room: Nodes that there is to be room for.
        shared: Whether the first row belongs to the strip before, so that chains begin and end there.
    """
    first = int(rows[1]) if shared else 0
    lefts = np.full(rows[-1], UNLINKED, np.int32)
    lefts[:first] = -2 - np.arange(first)
    return Nodes(np.empty((room, 4), np.int32), np.full(first, UNLINKED, np.int32), lefts, lefts.copy())


@inlined
def turn(heading: int, own: int, first: int, second: int) -> int:
    """Return the heading of a chain after a lattice point.

    Args:
        heading: Before it.
        own: Component that the chain belongs to; it lies on the left.
        first: Component ahead on the left.
        second: Component ahead on the right.
    """
    if own != first:
        return (heading + 3) & 3
    return (heading + 1) & 3 if own == second else heading


@inlined
def put(nodes: Array, node: int, x: int, y: int, following: int, component: int) -> None:
    """Fill in a node."""
    nodes[node, 0], nodes[node, 1], nodes[node, 2], nodes[node, 3] = x, y, following, component


@inlined
def link(nodes: Array, openings: Array, before: int, node: int) -> None:
    """Let a node, or the code of an edge of the first row, be followed by a node."""
    if before >= 0:
        nodes[before, 2] = node
    else:
        openings[-2 - before] = node


@inlined
def pass_point(
    x: int, width: int, run: int, stop: int, starts: Array, labels: Array, left: tuple[int, int]
) -> tuple[int, int, int]:  # fmt: skip
    """Return what lies to the right of a lattice point in the row above or below it.

    Args:
        x: Of the point.
        width: Of the raster.
        run: The row's next run.
        stop: The run that the row ends before; `run` itself for a row beyond the raster.
        starts: First column of every run.
        labels: Component of every run.
        left: Run and component to the left of the point.

    Returns:
        The row's next run from now on; the run to the right of the point, and its component.
    """
    if x == width:
        return run, UNLINKED, OUTSIDE
    if run < stop and starts[run] == x:
        return run + 1, run, whole(labels[run])
    return run, left[0], left[1]


@inlined
def next_point(width: int, starts: Array, upper: int, upper_stop: int, lower: int, lower_stop: int) -> int:
    """Return the x at which the next run begins, above or below; at the end of the rows their width."""
    x = width
    if upper < upper_stop:
        x = whole(starts[upper])
    if lower < lower_stop and starts[lower] < x:
        x = whole(starts[lower])
    return x


@inlined
def is_pinched(around: Four, runs: Four, values: Array) -> bool:
    """Tell whether pixels of one value touch at this point only."""
    a, b, c, d = around
    if a >= 0 and d >= 0 and a != b and a != c and values[runs[0]] == values[runs[3]]:
        return True
    return bool(b >= 0 and c >= 0 and b != a and b != d and values[runs[1]] == values[runs[2]])


@inlined
def without_reason(label: int) -> int:
    """Return a component, or EXCLUDED for what is none for whatever reason."""
    return label if label > EXCLUDED else EXCLUDED


def split_chains(nodes: Nodes, bottom: int) -> tuple[Array, Array, Array, Array]:
    """Lay the nodes out in the order of their chains.

    Args:
        nodes: Of the whole strip; its links are changed.
        bottom: Index of the first run of the strip's last row; the number of runs if the raster ends here.

    Returns:
        Points (count, 2) of all pieces, then of all rings; where each piece and ring begins in them, and the end; for
        every piece the edge it comes from and the edge it leads to, (pieces, 2): number of a run in the first row, or
        the number of runs in the first row plus the number of a run in the last; the component of every ring.
    """
    table, lefts, rights = nodes.table[: nodes.count], nodes.lefts[bottom:], nodes.rights[bottom:]
    here = nodes.openings.size + np.arange(lefts.size)
    ending = lefts >= 0
    table[lefts[ending], 2] = -2 - here[ending]
    down, past, up = nodes.openings != UNLINKED, lefts < UNLINKED, rights != UNLINKED  # past: without a node in between
    origins = np.concatenate([np.flatnonzero(down), -2 - lefts[past], here[up]])
    begins = np.concatenate([nodes.openings[down], -2 - here[past], rights[up]])
    points, done = np.empty((table.shape[0], 2), np.int32), np.zeros(table.shape[0], np.bool_)
    ends, stops = np.empty(begins.size, np.int64), np.empty(begins.size, np.int64)
    at = _lay_pieces(table, begins, points, done, ends, stops)
    ring_stops, owners = np.empty(table.shape[0] // 3, np.int64), np.empty(table.shape[0] // 3, np.int32)
    rings = _lay_rings(table, at, points, done, ring_stops, owners)
    offsets = np.concatenate([np.zeros(1, np.int64), stops, ring_stops[:rings]])
    return points, offsets, np.stack([origins, -2 - ends], axis=1), owners[:rings]


@compiled
def _lay_pieces(nodes: Array, begins: Array, points: Array, done: Array, ends: Array, stops: Array) -> int:
    """Lay out the chains that begin at nodes; return how many points they have."""
    at = 0
    for piece in range(begins.size):
        node = np.int64(begins[piece])
        while node >= 0:
            done[node] = True
            points[at, 0], points[at, 1] = nodes[node, 0], nodes[node, 1]
            at += 1
            node = np.int64(nodes[node, 2])
        ends[piece], stops[piece] = node, at
    return at


@compiled
def _lay_rings(nodes: Array, at: int, points: Array, done: Array, stops: Array, owners: Array) -> int:
    """Lay out the nodes that are left, which belong to closed rings; return how many these are."""
    rings = 0
    for start in range(nodes.shape[0]):
        node = np.int64(start)
        if done[node]:
            continue
        owners[rings] = nodes[node, 3]
        while not done[node]:
            done[node] = True
            points[at, 0], points[at, 1] = nodes[node, 0], nodes[node, 1]
            at += 1
            node = np.int64(nodes[node, 2])
        stops[rings] = at
        rings += 1
    return rings
