"""Contours: outlines that run where the probability crosses the threshold, not along the edges of pixels.

The same chains as in `chains`, but with a node on every border between two neighbouring pixels, put where the
probability, linear between the centres of the two, crosses the threshold. That is marching squares on the grid of pixel
centres, with the mask to say what is connected. Where the probability does not cross it, or is not known, and along the
edge of the data, the node lies on the edge of the pixel. Neighbouring classes share their nodes, and where three or more
meet, all outlines pass one point in the middle, so that no gap opens.
"""

# Kernels are one pass each, compiled as a whole and inlined: long, of many plain arguments, and without sets.
# ruff: noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917, PLR1714

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vector import chains, counts
from seaice_cli.vector.chains import JUNCTION, PINCH, UNLINKED
from seaice_cli.vector.compilation import compiled
from seaice_cli.vector.runs import EXCLUDED, NODATA, OUTSIDE

Array = npt.NDArray[Any]

SCALE = 512
"""Lattice units per pixel."""
_HALF = 256
_MARGIN = 4
"""Nodes stay so far from the centres of pixels, in lattice units, so that outlines never touch."""
_UNKNOWN = 255


@compiled
def trace_contours(
    starts: Array, labels: Array, values: Array, rows: Array, frame: tuple[int, int, bool, bool], traced: Array,
    probability: Array, threshold: float, tallies: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Make the nodes of all chains in a strip, and return what `chains.trace_corners` does.

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
    width, top, shared, last = frame
    height = rows.size - 1
    nodes = np.empty((4096, 4), np.int32)
    count = 0
    lefts = np.full(starts.size, UNLINKED, np.int32)
    rights = np.full(starts.size, UNLINKED, np.int32)
    openings = np.full(rows[1] if shared else 0, UNLINKED, np.int32)
    # Per run: where the contour crosses its left edge, in lattice units; and whether that is on the pixel's edge.
    cross, fixed = np.empty(starts.size + height, np.int64), np.empty(starts.size + height, np.bool_)
    for run in range(openings.size):
        lefts[run] = rights[run] = -2 - run
    for j in range(height):
        _cross_columns(starts, labels, rows, j, width, probability, threshold, cross, fixed)
    for j in range(1 if shared else 0, height + 1 if last else height):
        y = top + j
        upper, upper_stop = (rows[j - 1], rows[j]) if j > 0 else (0, 0)
        lower, lower_stop = (rows[j], rows[j + 1]) if j < height else (0, 0)
        needed = count + 8 * (width + 1)
        if needed > nodes.shape[0]:
            grown = np.empty((2 * nodes.shape[0] + needed, 4), np.int32)
            grown[:count] = nodes[:count]
            nodes = grown
        ra, rc, la, lc = -1, -1, OUTSIDE, OUTSIDE
        west_up, west_low, west_at, west_fixed = UNLINKED, UNLINKED, 0, False
        x = 0
        while True:
            rb, rd, lb, ld = ra, rc, la, lc
            if x == width:
                rb, rd, lb, ld = -1, -1, OUTSIDE, OUTSIDE
            else:
                if upper < upper_stop and starts[upper] == x:
                    rb, lb = upper, labels[upper]
                    upper += 1
                if lower < lower_stop and starts[lower] == x:
                    rd, ld = lower, labels[lower]
                    lower += 1
            if (la >= 0 and lc < EXCLUDED) or (lc >= 0 and la < EXCLUDED):
                counts.mark_edge(tallies, la, lc)
            # The four borders at this lattice point: north, south, west, east.
            north_at = cross[rb + j - 1 if x < width else rows[j] + j - 1] if j > 0 and la != lb else 0
            north_fixed = fixed[rb + j - 1 if x < width else rows[j] + j - 1] if j > 0 and la != lb else False
            south_at = cross[rd + j if x < width else rows[j + 1] + j] if j < height and lc != ld else 0
            south_fixed = fixed[rd + j if x < width else rows[j + 1] + j] if j < height and lc != ld else False
            east_at, east_fixed = 0, False
            if x < width and lb != ld:
                east_at, east_fixed = _cross_row(lb, ld, j, y, x, probability, threshold)
            east_up = east_low = UNLINKED
            if x < width and lb != ld:
                if lb >= 0 and traced[lb]:
                    chains.put(nodes, count, x * SCALE + _HALF, east_at, UNLINKED, lb)
                    east_up = count
                    count += 1
                if ld >= 0 and traced[ld]:
                    chains.put(nodes, count, x * SCALE + _HALF, east_at, UNLINKED, ld)
                    east_low = count
                    count += 1
            if lc != ld:
                if lc >= 0 and traced[lc]:
                    chains.put(nodes, count, south_at, y * SCALE + _HALF, UNLINKED, lc)
                    rights[rc] = count
                    count += 1
                if ld >= 0 and traced[ld]:
                    chains.put(nodes, count, south_at, y * SCALE + _HALF, UNLINKED, ld)
                    lefts[rd] = count
                    count += 1
            borders = (la != lb) + (lb != ld) + (ld != lc) + (lc != la)
            if borders:
                px, py = _middle(
                    la, lb, lc, ld, x, y, (north_at, south_at, west_at, east_at),
                    (north_fixed, south_fixed, west_fixed, east_fixed),
                )  # fmt: skip
                if px >= 0 and la >= 0 and ld >= 0 and la != lb and la != lc and values[ra] == values[rd]:
                    px |= PINCH
                if px >= 0 and lb >= 0 and lc >= 0 and lb != la and lb != ld and values[rb] == values[rc]:
                    px |= PINCH
                # Every component here comes in along one border and leaves along another, itself on the left.
                for corner in range(4):
                    own = la if corner == 0 else lb if corner == 1 else lc if corner == 2 else ld
                    if own < 0 or not traced[own]:
                        continue
                    in_a, in_b, in_c, in_d = own == la, own == lb, own == lc, own == ld
                    before = after = 0
                    if corner == 0:  # borders of a are west and north; without them it goes on as b or c
                        if in_b and in_c and in_d:
                            continue
                        before = west_up if not in_c else rights[rc] if not in_d else east_low
                        after = rights[ra] if not in_b else east_up if not in_d else lefts[rd]
                    elif corner == 1:  # north and east, unless it is a's too, or the same with d all the way round
                        if in_a:
                            continue
                        before = lefts[rb]
                        after = east_up if not in_d else lefts[rd] if not in_c else west_low
                    elif corner == 2:
                        if in_a or (in_d and in_b):
                            continue
                        before = rights[rc] if not in_d else east_low
                        after = west_low
                    else:
                        if in_b or in_c:
                            continue
                        before, after = east_low, lefts[rd]
                    if px >= 0:
                        chains.put(nodes, count, px, py, after, own)
                        after = count
                        count += 1
                    chains.link(nodes, openings, before, after)
            if x == width:
                break
            ra, rc, la, lc = rb, rd, lb, ld
            west_up, west_low, west_at, west_fixed = east_up, east_low, east_at, east_fixed
            if lb == ld:  # nothing until the next run begins
                x = min(
                    starts[upper] if upper < upper_stop else width, starts[lower] if lower < lower_stop else width
                )  # fmt: skip
            else:
                x += 1
    return nodes[:count], openings, lefts, rights


@compiled
def _middle(
    a: int, b: int, c: int, d: int, x: int, y: int, at: tuple[int, int, int, int],
    fixed: tuple[bool, bool, bool, bool],
) -> tuple[int, int]:  # fmt: skip
    """Return the point that all outlines pass between the borders that meet here, x negative for none."""
    ka, kb, kc, kd = max(a, EXCLUDED), max(b, EXCLUDED), max(c, EXCLUDED), max(d, EXCLUDED)
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
    starts: Array, labels: Array, rows: Array, j: int, width: int, probability: Array, threshold: float,
    cross: Array, fixed: Array,
) -> None:  # fmt: skip
    """Find where contours cross the borders between the runs of a row; row j has one entry more than it has runs."""
    for run in range(rows[j], rows[j + 1] + 1):
        x = starts[run] if run < rows[j + 1] else width
        one = labels[run - 1] if run > rows[j] else OUTSIDE
        other = labels[run] if run < rows[j + 1] else OUTSIDE
        share, pinned = 0.5, True
        if one > NODATA and other > NODATA:
            share, pinned = _share(probability[j, x - 1], probability[j, x], threshold)
        fixed[run + j] = pinned
        cross[run + j] = x * SCALE - _HALF + _place(share)


@compiled
def _cross_row(
    above: int, below: int, j: int, y: int, x: int, probability: Array, threshold: float
) -> tuple[int, bool]:
    share, pinned = 0.5, True
    if above > NODATA and below > NODATA:
        share, pinned = _share(probability[j - 1, x], probability[j, x], threshold)
    return y * SCALE - _HALF + _place(share), pinned


@compiled
def _share(one: int, other: int, threshold: float) -> tuple[float, bool]:
    """Return how far from one centre to the other the threshold is crossed, and whether that is not known."""
    if one == _UNKNOWN or other == _UNKNOWN:
        return 0.5, True
    if (one >= threshold) == (other >= threshold):
        return 0.5, False
    return (threshold - one) / (np.float64(other) - one), False


@compiled
def _place(share: float) -> int:
    return min(max(int(np.floor(share * SCALE + 0.5)), _MARGIN), SCALE - _MARGIN)
