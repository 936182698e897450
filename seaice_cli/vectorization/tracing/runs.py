"""Runs: the stretches of equal pixels in every row, and the components they join to.

All later work is done on runs. A mask of a billion pixels has a few million of them, and finding them is one pass that
the processor does sixty-four pixels at a time.
"""

# Kernels take plain arrays, and flags among them.
# ruff: noqa: FBT001

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vectorization.tracing.compilation import compiled, inlined

_CODES: Any = -np.arange(1, 4)
EXCLUDED, NODATA, OUTSIDE = _CODES
"""What stands in the place of a component where a run is of no wanted class, without data, or beyond the raster."""
_CHUNK = 64

Array = npt.NDArray[Any]


def find_runs(pixels: Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
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
    row = 0
    while (row := _scan_rows(pixels, row, starts, values, rows)) < height:
        starts, values = (enlarged(array, 2 * array.size + width) for array in (starts, values))
    return starts[: rows[-1]], values[: rows[-1]], rows


def enlarged(array: Array, size: int) -> Array:
    """Return an array with room for `size` entries, that begins with those there are."""
    larger = np.empty((size, *array.shape[1:]), array.dtype)
    larger[: array.shape[0]] = array
    return larger


@compiled
def _scan_rows(pixels: Array, row: int, starts: Array, values: Array, rows: Array) -> int:
    """Find the runs from a row on; return the first row that there might be no room for."""
    height, width = pixels.shape
    count = rows[row]
    while row < height and count + width <= starts.size:
        starts[count], values[count] = 0, pixels[row, 0]
        count = _scan_row(pixels[row], width, starts, values, count + 1)
        row += 1
        rows[row] = count
    return row


@inlined
def _scan_row(row: Array, width: int, starts: Array, values: Array, count: int) -> int:
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
    return count


@inlined
def _find_root(parents: Array, element: int) -> int:
    """Return the root of an element, halving the path to it on the way."""
    while parents[element] != element:
        parents[element] = parents[parents[element]]
        element = parents[element]
    return element


@inlined
def _unite(parents: Array, one: int, other: int) -> None:
    """Join the sets of two elements; the smaller root stays, so that a root is the first element of its set."""
    one, other = _find_root(parents, one), _find_root(parents, other)
    if one < other:
        parents[other] = one
    else:
        parents[one] = other


@compiled
def _unite_pairs(parents: Array, ones: Array, others: Array) -> None:
    """Join the sets of pairs; afterwards every element's parent is its root."""
    for k in range(ones.size):
        _unite(parents, ones[k], others[k])
    for element in range(parents.size):
        parents[element] = _find_root(parents, element)


def unite(count: int, ones: Array, others: Array) -> npt.NDArray[np.int64]:
    """Join elements to sets.

    Args:
        count: Of the elements.
        ones: Elements,
        others: and for each one that is in the same set.

    Returns:
        Per element the first of its set.
    """
    roots = np.arange(count)
    _unite_pairs(roots, ones, others)
    return roots


def number(roots: Array) -> npt.NDArray[np.int64]:
    """Return for every element the number of its set, counted in the order of their first elements."""
    numbers: npt.NDArray[np.int64] = (np.cumsum(roots == np.arange(roots.size)) - 1)[roots]
    return numbers


@compiled
def _unite_rows(
    starts: Array, codes: Array, wanted: Array, rows: Array, width: int, reach: int, parents: Array
) -> None:  # fmt: skip
    """Join the runs of every row to those of one code that they touch in the row above."""
    for y in range(1, rows.size - 1):
        upper, lower = rows[y - 1], rows[y]
        while upper < rows[y] and lower < rows[y + 1]:
            upper_stop = starts[upper + 1] if upper + 1 < rows[y] else width
            lower_stop = starts[lower + 1] if lower + 1 < rows[y + 1] else width
            touching = starts[upper] < lower_stop + reach and starts[lower] < upper_stop + reach
            if touching:
                _unite_equal(parents, codes, wanted, upper, lower)
            # With a reach of one, the run that ends first may still touch the other's successor: it begins where the
            # other one stops, so equal ends move both only after the diagonal pairs have been looked at.
            if upper_stop == lower_stop and reach == 1:
                if upper + 1 < rows[y]:
                    _unite_equal(parents, codes, wanted, upper + 1, lower)
                if lower + 1 < rows[y + 1]:
                    _unite_equal(parents, codes, wanted, upper, lower + 1)
                lower += 1
                upper += 1
            elif upper_stop <= lower_stop:
                upper += 1
            else:
                lower += 1


@inlined
def _unite_equal(parents: Array, codes: Array, wanted: Array, upper: int, lower: int) -> None:
    if wanted[lower] and wanted[upper] and codes[upper] == codes[lower]:
        _unite(parents, upper, lower)


@compiled
def _label(parents: Array, codes: Array, wanted: Array, labels: Array) -> int:
    count = 0
    for run in range(labels.size):
        if not wanted[run]:
            labels[run] = codes[run]
        elif parents[run] == run:
            labels[run] = count
            count += 1
        else:
            labels[run] = labels[_find_root(parents, run)]
    return count


def label_runs(
    starts: Array, codes: Array, wanted: Array, rows: Array, width: int, eight: bool
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
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
    parents, labels = np.arange(starts.size), np.empty(starts.size, np.int32)
    _unite_rows(starts, codes, wanted, rows, width, 0, parents)
    count = _label(parents, codes, wanted, labels)
    if not eight:
        return labels, np.arange(count)
    firsts = np.flatnonzero(wanted & (parents == np.arange(starts.size)))
    _unite_rows(starts, codes, wanted, rows, width, 1, parents)
    _unite_pairs(parents, firsts, firsts)
    return labels, labels[parents[firsts]].astype(np.int64)
