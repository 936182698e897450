"""Watershed: floes that touch, taken apart where they are narrow.

A mask of classes merges floes that touch. Here the distance to the nearest pixel that is known to lie in no floe is seen
as a landscape; it is flooded from its peaks downwards, and where two floods meet, the narrow place between them is
compared with the smaller of the two peaks. Unless it is nearly as wide as that floe, it parts two floes; otherwise the
floods are one.
"""

# Kernels are one pass each, compiled as a whole and inlined: long, of many plain arguments, and without sets.
# ruff: noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vectorization.tracing.compilation import compiled

Array = npt.NDArray[Any]

NECK = 0.7
"""Width of a narrow place over that of the smaller floe, up to which it parts two floes."""
INSIDE, BESIDE, UNKNOWN = 0, 1, 2
"""What a pixel is to floes: of one, of none, or without data, which is no shore."""
_UNITS = 8
"""Units of distance per pixel."""
_FAR = 65535


def number_floes(states: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Number floes.

    Args:
        states: (height, width) `INSIDE`, `BESIDE` or `UNKNOWN`.

    Returns:
        (height, width) number of the floe from 1 on, 0 elsewhere.
    """
    inside = states == INSIDE
    distance = states.astype(np.uint16)
    _measure_distance(distance)
    labels = np.zeros(distance.shape, np.int32)
    _flood(distance, inside, labels, NECK)
    return labels


@compiled
def _measure_distance(field: Array) -> None:
    """Replace states by the distance to the nearest pixel of state 1, in units, exact (Meijster and others 2000)."""
    height, width = field.shape
    for x in range(width):
        field[0, x] = 0 if field[0, x] == 1 else _FAR
    for y in range(1, height):
        for x in range(width):
            field[y, x] = 0 if field[y, x] == 1 else min(_FAR, np.int64(field[y - 1, x]) + 1)
    for y in range(height - 2, -1, -1):
        for x in range(width):
            field[y, x] = min(np.int64(field[y, x]), np.int64(field[y + 1, x]) + 1)
    places, ends, row = np.empty(width, np.int64), np.empty(width + 1, np.float64), np.empty(width, np.float64)
    for y in range(height):
        top = -1
        for x in range(width):
            row[x] = np.float64(field[y, x]) ** 2
            if field[y, x] == _FAR:
                continue
            while top >= 0:
                p = places[top]
                meet = (row[x] + x * x - row[p] - p * p) / (2.0 * (x - p))
                if meet > ends[top]:
                    break
                top -= 1
            if top < 0:
                meet = -np.inf
            top += 1
            places[top], ends[top] = x, meet
        ends[top + 1] = np.inf
        k = 0
        for x in range(width):
            if top < 0:
                field[y, x] = _FAR
                continue
            while ends[k + 1] < x:
                k += 1
            exact = np.sqrt((x - places[k]) ** 2 + row[places[k]])
            field[y, x] = min(_FAR, np.int64(exact * _UNITS + 0.5))


@compiled
def _flood(distance: Array, ice: Array, labels: Array, neck: float) -> None:
    """Number floes, from the middle of the widest down to the shores.

    All pixels of one height are taken together, those first that touch a flood, so that plateaus are shared out by
    nearness and not by their place in the raster.
    """
    height, width = distance.shape
    flat, land, out = distance.ravel(), ice.ravel(), labels.ravel()
    order, counts = _by_height(flat, land)
    parents, peaks = np.zeros(1024, np.int32), np.zeros(1024, np.int64)
    queue = np.empty(1024, np.int32)
    floods = 0
    for level in range(_FAR + 1):
        first, stop = counts[level], counts[level + 1]
        if first == stop:
            continue
        high = _FAR - level
        if stop - first > queue.size:
            queue = np.empty(2 * (stop - first), np.int32)
        for phase in range(2):  # first from the floods there are, then from new peaks
            head = tail = 0
            for k in range(first, stop):
                pixel = order[k]
                if phase == 0 and out[pixel] == 0 and _touching(out, flat, pixel, parents, peaks, height, width) > 0:
                    queue[tail] = pixel
                    tail += 1
            if phase == 0:
                for k in range(tail):
                    out[queue[k]] = -_touching(out, flat, queue[k], parents, peaks, height, width)
                for k in range(tail):
                    out[queue[k]] = -out[queue[k]]
                tail = _spread(out, flat, land, queue, head, tail, high, height, width)
            else:
                for k in range(first, stop):
                    if out[order[k]] == 0:
                        floods += 1
                        if floods + 1 > parents.size:
                            parents, peaks = _double(parents), _double_long(peaks)
                        parents[floods], peaks[floods] = floods, high
                        out[order[k]] = floods
                        queue[0] = order[k]
                        _spread(out, flat, land, queue, 0, 1, high, height, width)
        for k in range(first, stop):
            _meet(out, order[k], height, width, parents, peaks, high, neck)
    _renumber(out, parents, floods)


@compiled
def _by_height(flat: Array, land: Array) -> tuple[Array, Array]:
    """Return the pixels of ice from the highest down, and where every height begins among them (a counting sort)."""
    counts = np.zeros(_FAR + 2, np.int64)
    for pixel in range(flat.size):
        if land[pixel]:
            counts[_FAR - flat[pixel] + 1] += 1
    for level in range(1, counts.size):
        counts[level] += counts[level - 1]
    order = np.empty(counts[-1], np.int32)
    at = counts.copy()
    for pixel in range(flat.size):
        if land[pixel]:
            level = _FAR - flat[pixel]
            order[at[level]] = pixel
            at[level] += 1
    return order, counts


@compiled
def _renumber(out: Array, parents: Array, floods: int) -> None:
    """Give the floods that became one the same number, from 1, in the order of their first pixels."""
    numbers = np.zeros(floods + 1, np.int32)
    found = 0
    for pixel in range(out.size):
        if out[pixel] > 0:
            root = _root(parents, out[pixel])
            if numbers[root] == 0:
                found += 1
                numbers[root] = found
            out[pixel] = numbers[root]


@compiled
def _double(array: Array) -> Array:
    larger = np.zeros(2 * array.size, np.int32)
    larger[: array.size] = array
    return larger


@compiled
def _double_long(array: Array) -> Array:
    larger = np.zeros(2 * array.size, np.int64)
    larger[: array.size] = array
    return larger


@compiled
def _root(parents: Array, flood: int) -> int:
    while parents[flood] != flood:
        parents[flood] = parents[parents[flood]]
        flood = parents[flood]
    return flood


@compiled
def _neighbour(pixel: int, side: int, height: int, width: int) -> int:
    """Return one of the four neighbours of a pixel, or -1 beyond the raster."""
    y, x = pixel // width, pixel % width
    if side == 0:
        return pixel - width if y > 0 else -1
    if side == 1:
        return pixel - 1 if x > 0 else -1
    if side == 2:
        return pixel + 1 if x + 1 < width else -1
    return pixel + width if y + 1 < height else -1


@compiled
def _touching(out: Array, flat: Array, pixel: int, parents: Array, peaks: Array, height: int, width: int) -> int:
    """Return the flood of the highest neighbour that was reached, of several as high that with the highest peak; or 0."""
    flood: Any = 0
    high: Any = -1
    peak: Any = -1
    for side in range(4):
        other = _neighbour(pixel, side, height, width)
        if other >= 0 and out[other] > 0:
            level, summit = np.int64(flat[other]), peaks[_root(parents, out[other])]
            if level > high or (level == high and summit > peak):
                flood, high, peak = np.int64(out[other]), level, summit
    return flood  # type: ignore[no-any-return]  # numba's int64 is not Python's int


@compiled
def _spread(
    out: Array, flat: Array, land: Array, queue: Array, head: int, tail: int, high: int, height: int, width: int
) -> int:
    """Give pixels of one height the flood of the neighbours that were reached before them."""
    while head < tail:
        pixel = queue[head]
        head += 1
        for side in range(4):
            other = _neighbour(pixel, side, height, width)
            if other >= 0 and land[other] and flat[other] == high and out[other] == 0:
                out[other] = out[pixel]
                queue[tail] = other
                tail += 1
    return tail


@compiled
def _meet(
    out: Array, pixel: int, height: int, width: int, parents: Array, peaks: Array, high: int, neck: float
) -> None:
    """Make floods one that meet in a place too wide to part them."""
    for side in range(4):
        other = _neighbour(pixel, side, height, width)
        if other >= 0 and out[other] > 0:
            one, two = _root(parents, out[pixel]), _root(parents, out[other])
            if one != two:
                lower = min(peaks[one], peaks[two])
                if high > neck * lower or lower - high < _UNITS:
                    keep, drop = min(one, two), max(one, two)
                    parents[drop] = keep
                    peaks[keep] = max(peaks[one], peaks[two])
