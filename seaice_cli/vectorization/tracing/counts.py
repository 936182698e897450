"""Counts: what is summed up about components while runs are read, all in whole numbers.

Whole numbers add up to the same wherever strips are cut and in whatever order; so do the least and the most of them.
"""

# Kernels take many plain arguments, flags among them, and compare one by one: functions would be more to compile.
# ruff: noqa: FBT001, PLR0913, PLR0917, PLR1730

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vectorization.tracing.compilation import compiled, inlined
from seaice_cli.vectorization.tracing.runs import EXCLUDED, OUTSIDE

Array = npt.NDArray[Any]

# Columns of a component's tallies, all int64: the least over its pixels, then the most, then sums.
TOP, LEFT, FIRST, LEAST = 0, 1, 2, 3
BOTTOM, RIGHT, EDGE, VALUE, FLOE = 4, 5, 6, 7, 8
PIXELS, AREA, SUM_X, SUM_Y, SUM_XX, SUM_YY, SUM_XY, PROBABILITY, KNOWN = 9, 10, 11, 12, 13, 14, 15, 16, 17
LONGEST, MIDDLE = 18, 19
"""Length of the longest run, the topmost and leftmost of several, and the pixel in its middle, counted row by row."""
TALLIES = 20
AREA_BITS = 28
"""True areas are summed as whole numbers of 2**-28 of the largest pixel, so that no order of summing matters."""


def make_tallies(components: int) -> Array:
    """Return tallies of components of which no pixel has been seen."""
    tallies = np.zeros((components, TALLIES), np.int64)
    tallies[:, TOP:BOTTOM] = np.iinfo(np.int64).max
    tallies[:, BOTTOM:EDGE] = -1
    tallies[:, VALUE] = np.iinfo(np.int64).min
    return tallies


def join_tallies(tallies: Array, owners: Array) -> Array:
    """Return the tallies of what components are parts of.

    Args:
        tallies: (components, TALLIES).
        owners: What each belongs to: 0, 1, ..., none left out.
    """
    joined = np.empty((int(owners.max(initial=-1)) + 1, TALLIES), np.int64)
    joined[owners] = tallies
    several = np.flatnonzero(np.bincount(owners)[owners] > 1)
    if several.size:
        ordered = tallies[several]
        order = np.lexsort((ordered[:, MIDDLE], -ordered[:, LONGEST], owners[several]))
        ordered, several = ordered[order], several[order]
        firsts = np.flatnonzero(np.diff(owners[several], prepend=-1))
        joined[owners[several[firsts]]] = np.concatenate(
            [
                np.minimum.reduceat(ordered[:, :BOTTOM], firsts), np.maximum.reduceat(ordered[:, BOTTOM:PIXELS], firsts),
                np.add.reduceat(ordered[:, PIXELS:LONGEST], firsts), ordered[firsts, LONGEST:],
            ],
            axis=1,
        )  # fmt: skip
    return joined


@inlined
def mark_edge(tallies: Array, above: int, below: int) -> None:
    """Note that a component borders on the edge of the data."""
    if above >= 0 and below < EXCLUDED:
        tallies[above, EDGE] = 1
    if below >= 0 and above < EXCLUDED:
        tallies[below, EDGE] = 1


@compiled
def tally_runs(
    starts: Array, labels: Array, values: Array, rows: Array, frame: tuple[int, int, bool, bool], scales: Array,
    step: int, tallies: Array,
) -> None:  # fmt: skip
    """Count pixels, extents, moments and true areas of the components of a strip, run by run.

    Args:
        starts: First column of every run.
        labels: Component of every run, or a negative code.
        values: Value of every run in the mask.
        rows: Index of the first run of every row of the strip.
        frame: As in `trace_corners`.
        scales: (rows, columns) true area of a pixel at every `step`-th pixel corner of the raster, in units of
            2**-AREA_BITS of the largest; empty where all pixels are equal.
        step: Pixels between the nodes of `scales`.
        tallies: As `make_tallies` returns them, changed.
    """
    width, top, shared, _ = frame
    for j in range(1 if shared else 0, rows.size - 1):
        for run in range(rows[j], rows[j + 1]):
            label = labels[run]
            if label < 0:
                continue
            start, stop = starts[run], starts[run + 1] if run + 1 < rows[j + 1] else width
            before = labels[run - 1] if run > rows[j] else OUTSIDE
            after = labels[run + 1] if run + 1 < rows[j + 1] else OUTSIDE
            if before < EXCLUDED or after < EXCLUDED:
                tallies[label, EDGE] = 1
            tallies[label, VALUE] = values[run]
            _tally_extent(tallies, label, start, stop, top + j, width)
            _tally_moments(tallies, label, start, stop, top + j)
            if scales.size:
                tallies[label, AREA] += _true_area(scales, step, top + j, start, stop)


@inlined
def _tally_extent(tallies: Array, label: int, start: int, stop: int, y: int, width: int) -> None:
    if tallies[label, BOTTOM] < 0:
        tallies[label, TOP], tallies[label, FIRST] = y, y * width + start
    tallies[label, BOTTOM] = y
    if start < tallies[label, LEFT]:
        tallies[label, LEFT] = start
    if stop - 1 > tallies[label, RIGHT]:
        tallies[label, RIGHT] = stop - 1
    if stop - start > tallies[label, LONGEST]:
        tallies[label, LONGEST], tallies[label, MIDDLE] = stop - start, y * width + start + (stop - start) // 2


@inlined
def _tally_moments(tallies: Array, label: int, start: int, stop: int, y: int) -> None:
    """Add the sums of x, x squared and so on over a run, in closed form."""
    length, total = stop - start, (stop - start) * (start + stop - 1) // 2
    tallies[label, PIXELS] += length
    tallies[label, SUM_X] += total
    tallies[label, SUM_Y] += length * y
    tallies[label, SUM_XX] += _squares(stop - 1) - _squares(start - 1)
    tallies[label, SUM_YY] += length * y * y
    tallies[label, SUM_XY] += y * total


@compiled
def tally_probability(
    starts: Array, labels: Array, rows: Array, shared: bool, probability: Array, nodata: int, tallies: Array
) -> None:
    """Add up the probability of the components of a strip.

    Args:
        starts: First column of every run.
        labels: Component of every run, or a negative code.
        rows: Index of the first run of every row of the strip.
        shared: Whether the first row belongs to the strip before.
        probability: (rows, width) per cent, on the pixels of the strip.
        nodata: What is no per cent.
        tallies: (components, TALLIES), changed.
    """
    width = probability.shape[1]
    for j in range(1 if shared else 0, rows.size - 1):
        for run in range(rows[j], rows[j + 1]):
            label = labels[run]
            for x in range(starts[run], starts[run + 1] if run + 1 < rows[j + 1] else width):
                value = probability[j, x]
                if label >= 0 and value != nodata:
                    tallies[label, PROBABILITY] += value
                    tallies[label, KNOWN] += 1
                    if value < tallies[label, LEAST]:
                        tallies[label, LEAST] = value


@inlined
def _squares(n: int) -> int:
    return n * (n + 1) * (2 * n + 1) // 6


@inlined
def _true_area(scales: Array, step: int, y: int, start: int, stop: int) -> int:
    row, total = (y + 0.5) / step, 0
    upper = int(row)
    down = row - upper
    while start < stop:
        part = (start // step + 1) * step
        if part > stop:
            part = stop
        column = 0.5 * (start + part) / step
        left = int(column)
        along = column - left
        above = scales[upper, left] * (1 - along) + scales[upper, left + 1] * along
        below = scales[upper + 1, left] * (1 - along) + scales[upper + 1, left + 1] * along
        total += int((part - start) * (above * (1 - down) + below * down))
        start = part
    return total
