"""Runs: the stretches of equal pixels in every row, and the components they join to.

All later work is done on runs. A mask of a billion pixels has a few million of them, and finding them is one pass that
the processor does sixty-four pixels at a time.
"""

# Kernels are one pass each, compiled as a whole and inlined: long, of many plain arguments, and without sets.
# ruff: noqa: C901, FBT001

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vector.compilation import compiled

EXCLUDED, NODATA, OUTSIDE = -1, -2, -3
"""What stands in the place of a component where a run is of no wanted class, without data, or beyond the raster."""
_CHUNK = 64


@compiled
def find_runs(
    pixels: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Find the runs of every row.

    Args:
        pixels: (height, width) of any integer type.

    Returns:
        First column of every run, row by row; the value of every run; and the index of the first run of every row,
        with the number of runs as the last entry.
    """
    height, width = pixels.shape
    rows = np.zeros(height + 1, np.int64)
    starts, values = np.empty(4 * height + width, np.int32), np.empty(4 * height + width, np.int64)
    count = 0
    for y in range(height):
        row = pixels[y]
        if count + width > starts.size:
            starts, values = _grow(starts, count, width), _grow(values, count, width)
        starts[count], values[count] = 0, row[0]
        count += 1
        at = 0
        while at + _CHUNK < width:
            # Slices of a fixed length, which the compiler turns into a few instructions for all their pixels.
            here, after = row[at : at + _CHUNK], row[at + 1 : at + _CHUNK + 1]
            differs = here[0] ^ after[0]
            for k in range(_CHUNK):
                differs |= here[k] ^ after[k]
            if differs != 0:
                for k in range(_CHUNK):
                    if here[k] != after[k]:
                        starts[count], values[count] = at + k + 1, after[k]
                        count += 1
            at += _CHUNK
        for x in range(at, width - 1):
            if row[x] != row[x + 1]:
                starts[count], values[count] = x + 1, row[x + 1]
                count += 1
        rows[y + 1] = count
    return starts[:count], values[:count], rows


@compiled
def _grow(array: npt.NDArray[Any], count: int, more: int) -> npt.NDArray[Any]:
    grown = np.empty(2 * array.size + more, array.dtype)
    grown[:count] = array[:count]
    return grown


@compiled
def find_root(parents: npt.NDArray[np.int32], element: int) -> int:
    """Return the root of an element, halving the path to it on the way."""
    while parents[element] != element:
        parents[element] = parents[parents[element]]
        element = parents[element]
    return element


@compiled
def unite(parents: npt.NDArray[np.int32], one: int, other: int) -> None:
    """Join the sets of two elements; the smaller root stays, so that a root is the first element of its set."""
    one, other = find_root(parents, one), find_root(parents, other)
    if one < other:
        parents[other] = one
    else:
        parents[one] = other


@compiled
def _unite_rows(
    starts: npt.NDArray[np.int32], codes: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_],
    rows: npt.NDArray[np.int64], width: int, reach: int,
) -> npt.NDArray[np.int32]:  # fmt: skip
    parents = np.arange(starts.size).astype(np.int32)
    for y in range(1, rows.size - 1):
        upper, lower = rows[y - 1], rows[y]
        while upper < rows[y] and lower < rows[y + 1]:
            upper_stop = starts[upper + 1] if upper + 1 < rows[y] else width
            lower_stop = starts[lower + 1] if lower + 1 < rows[y + 1] else width
            touching = starts[upper] < lower_stop + reach and starts[lower] < upper_stop + reach
            if touching and wanted[lower] and wanted[upper] and codes[upper] == codes[lower]:
                unite(parents, upper, lower)
            # With a reach of one, the run that ends first may still touch the other's successor: it begins where the
            # other one stops, so equal ends move both only after the diagonal pairs have been looked at.
            if upper_stop < lower_stop or (upper_stop == lower_stop and reach == 0):
                upper += 1
            elif upper_stop > lower_stop:
                lower += 1
            else:
                _unite_corner(parents, codes, wanted, upper, lower, rows, y)
                upper += 1
                lower += 1
    return parents


@compiled
def _unite_corner(
    parents: npt.NDArray[np.int32], codes: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_], upper: int,
    lower: int, rows: npt.NDArray[np.int64], y: int,
) -> None:  # fmt: skip
    if upper + 1 < rows[y] and wanted[lower] and wanted[upper + 1] and codes[upper + 1] == codes[lower]:
        unite(parents, upper + 1, lower)
    if lower + 1 < rows[y + 1] and wanted[upper] and wanted[lower + 1] and codes[upper] == codes[lower + 1]:
        unite(parents, upper, lower + 1)


@compiled
def label_runs(
    starts: npt.NDArray[np.int32], codes: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_],
    rows: npt.NDArray[np.int64], width: int, eight: bool,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:  # fmt: skip
    """Number the components of the wanted runs, in the order of their first pixels.

    Args:
        starts: First column of every run.
        codes: What the run holds: its value, or EXCLUDED or NODATA where it is not wanted.
        wanted: Whether the run is to become part of a component.
        rows: Index of the first run of every row.
        width: Pixels of a row.
        eight: Whether components that touch at a corner belong to one group.

    Returns:
        Per run its component of edge-sharing pixels, or its code where it is not wanted; per component the group it
        belongs to, numbered like the components: with four-connectivity every component is a group of its own.
    """
    parents = _unite_rows(starts, codes, wanted, rows, width, 0)
    labels = np.empty(starts.size, np.int32)
    count = 0
    for run in range(starts.size):
        if not wanted[run]:
            labels[run] = codes[run]
        elif parents[run] == run:
            labels[run] = count
            count += 1
        else:
            labels[run] = labels[find_root(parents, run)]
    groups = np.arange(count).astype(np.int32)
    if eight:
        corners = _unite_rows(starts, codes, wanted, rows, width, 1)
        for run in range(starts.size):
            if wanted[run]:
                groups[labels[run]] = labels[find_root(corners, run)]
    return labels, groups
