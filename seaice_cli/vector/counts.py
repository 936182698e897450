"""Counts: what is summed up about components while runs are read, all in whole numbers.

Whole numbers add up to the same wherever strips are cut and in whatever order; so do the least and the most of them.
"""

# Kernels are one pass each, compiled as a whole and inlined: long, of many plain arguments, and without sets.
# ruff: noqa: C901, FBT001, PLR0913, PLR0917

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vector.compilation import compiled
from seaice_cli.vector.runs import EXCLUDED, OUTSIDE

Array = npt.NDArray[Any]

# Columns of a component's tallies, all int64: the least over its pixels, then the most, then sums.
TOP, LEFT, FIRST, LEAST = 0, 1, 2, 3
BOTTOM, RIGHT, EDGE, VALUE = 4, 5, 6, 7
PIXELS, AREA, SUM_X, SUM_Y, SUM_XX, SUM_YY, SUM_XY, PROBABILITY, KNOWN = 8, 9, 10, 11, 12, 13, 14, 15, 16
LONGEST, MIDDLE = 17, 18
"""Length of the longest run, the topmost and leftmost of several, and the pixel in its middle, counted row by row."""
TALLIES = 19
AREA_BITS = 28
"""True areas are summed as whole numbers of 2**-28 of the largest pixel, so that no order of summing matters."""


@compiled
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

    All sums are whole numbers, so that they come out the same wherever the strips were cut.

    Args:
        starts: First column of every run.
        labels: Component of every run, or a negative code.
        values: Value of every run in the mask.
        rows: Index of the first run of every row of the strip.
        frame: As in `trace_corners`.
        scales: (rows, columns) true area of a pixel at every `step`-th pixel corner of the raster, in units of
            2**-AREA_BITS of the largest; empty where all pixels are equal.
        step: Pixels between the nodes of `scales`.
        tallies: (components, TALLIES), changed.
    """
    width, top, shared, _ = frame
    for component in range(tallies.shape[0]):
        for column in (TOP, LEFT, FIRST, LEAST):
            tallies[component, column] = np.iinfo(np.int64).max
        tallies[component, BOTTOM] = tallies[component, RIGHT] = -1
        tallies[component, VALUE] = np.iinfo(np.int64).min
    for j in range(1 if shared else 0, rows.size - 1):
        y = top + j
        for run in range(rows[j], rows[j + 1]):
            if labels[run] < 0:
                continue
            tally = tallies[labels[run]]
            start, stop = starts[run], starts[run + 1] if run + 1 < rows[j + 1] else width
            length = stop - start
            tally[VALUE] = values[run]
            tally[PIXELS] += length
            tally[TOP], tally[BOTTOM] = min(tally[TOP], y), y
            tally[LEFT], tally[RIGHT] = min(tally[LEFT], start), max(tally[RIGHT], stop - 1)
            tally[FIRST] = min(tally[FIRST], y * width + start)
            if length > tally[LONGEST]:
                tally[LONGEST], tally[MIDDLE] = length, y * width + start + length // 2
            before = labels[run - 1] if run > rows[j] else OUTSIDE
            after = labels[run + 1] if run + 1 < rows[j + 1] else OUTSIDE
            if before < EXCLUDED or after < EXCLUDED:
                tally[EDGE] = 1
            # Sums of x and x squared over the run, in closed form: twice the middle and the length are whole numbers.
            twice = start + stop - 1
            tally[SUM_X] += length * twice // 2
            tally[SUM_Y] += length * y
            tally[SUM_XX] += _squares(stop - 1) - _squares(start - 1)
            tally[SUM_YY] += length * y * y
            tally[SUM_XY] += y * (length * twice // 2)
            if scales.size:
                tally[AREA] += _true_area(scales, step, y, start, stop)


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
    for j in range(1 if shared else 0, rows.size - 1):
        for run in range(rows[j], rows[j + 1]):
            if labels[run] < 0:
                continue
            stop = starts[run + 1] if run + 1 < rows[j + 1] else probability.shape[1]
            total, known = 0, 0
            least: Any = 255
            for x in range(starts[run], stop):
                value: Any = np.int64(probability[j, x])
                if value != nodata:
                    total += value
                    known += 1
                    least = min(least, value)
            tally = tallies[labels[run]]
            tally[PROBABILITY] += total
            tally[KNOWN] += known
            if known:
                tally[LEAST] = min(tally[LEAST], least)


@compiled
def _squares(n: int) -> int:
    return n * (n + 1) * (2 * n + 1) // 6


@compiled
def _true_area(scales: Array, step: int, y: int, start: int, stop: int) -> int:
    row, total = (y + 0.5) / step, 0
    upper, down = int(row), row - int(row)
    while start < stop:
        part = min(stop, (start // step + 1) * step)
        column = 0.5 * (start + part) / step
        left, along = int(column), column - int(column)
        above = scales[upper, left] * (1 - along) + scales[upper, left + 1] * along
        below = scales[upper + 1, left] * (1 - along) + scales[upper + 1, left + 1] * along
        total += int((part - start) * (above * (1 - down) + below * down))
        start = part
    return total
