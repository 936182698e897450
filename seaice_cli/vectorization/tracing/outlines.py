"""Outlines: rings put in order, so that equal masks give equal geometries, and turned into geometries.

Every ring starts at its topmost, then leftmost point; outer rings run counter-clockwise in the coordinates that are
written, holes clockwise; holes, parts and features are sorted by where they begin in the mask. A ring that meets itself
at a point is cut there into an outer ring and a hole, or into two holes, which is how a valid polygon says the same.
"""

# Kernels take many plain arguments.
# ruff: noqa: PLR0913, PLR0917

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vectorization.tracing import chains, counts
from seaice_cli.vectorization.tracing.compilation import compiled, whole
from seaice_cli.vectorization.tracing.joining import Parts
from seaice_cli.vectorization.tracing.runs import number

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Outlines:
    """Features in order, each of parts, each of rings, the first of which is the outer one."""

    points: Array
    """(count, 2) x and y of lattice points; the flags of `chains` are still set in x."""
    rings: Array
    """Where each ring begins in `points`, and the end."""
    parts: Array
    """Where each part begins in `rings`, and the end."""
    features: Array
    """Where each feature begins in `parts`, and the end."""
    tallies: Array
    """(features, TALLIES)."""
    measures: Array
    """Per ring: signed pixels inside, negative for holes; steps along rows; steps along columns; corners."""

    def __len__(self) -> int:
        return int(self.tallies.shape[0])


def arrange(parts: Parts) -> Outlines:
    """Cut rings where they meet themselves, and put everything in an order that the strips have no part in."""
    offsets, points, owners = _cut(parts)
    starts, measures = _measure(points, offsets)
    numbers = number(parts.groups)
    totals = counts.join_tallies(parts.tallies, numbers)
    group = numbers[owners]
    order = np.lexsort(
        (
            points[starts, 0] & chains.COLUMN, points[starts, 1], measures[:, 0] < 0, parts.tallies[owners, counts.FIRST],
            totals[group, counts.FIRST], totals[group, counts.BOTTOM],
        )
    )  # fmt: skip
    owners, group = owners[order], group[order]
    part_starts = np.flatnonzero(np.diff(owners, prepend=-1))
    feature_starts = np.flatnonzero(np.diff(group[part_starts], prepend=-1))
    rotated, rings = _lay_out(points, offsets, starts, order)
    return Outlines(
        rotated, rings, np.append(part_starts, owners.size), np.append(feature_starts, part_starts.size),
        totals[group[part_starts][feature_starts]], measures[order],
    )  # fmt: skip


def share_out(outlines: Outlines, points: int) -> Iterator[Outlines]:
    """Yield the features in batches of about so many points."""
    ends = outlines.rings[outlines.parts[outlines.features]]
    begin = 0
    while begin < len(outlines):
        stop = max(begin + 1, int(np.searchsorted(ends, ends[begin] + points, side="right")) - 1)
        parts, rings = outlines.features[begin : stop + 1], outlines.parts[outlines.features[[begin, stop]]]
        ring_offsets = outlines.rings[rings[0] : rings[1] + 1]
        yield Outlines(
            outlines.points[ring_offsets[0] : ring_offsets[-1]], ring_offsets - ring_offsets[0],
            outlines.parts[parts[0] : parts[-1] + 1] - rings[0], parts - parts[0], outlines.tallies[begin:stop],
            outlines.measures[rings[0] : rings[1]],
        )  # fmt: skip
        begin = stop


def _cut(parts: Parts) -> tuple[Array, Array, Array]:
    """Cut rings at the points they pass twice; return offsets, points and owners."""
    flagged = np.flatnonzero(parts.points[:, 0] & chains.PINCH)
    ring = np.searchsorted(parts.offsets, flagged, side="right") - 1
    x, y = parts.points[flagged].T
    order = np.lexsort((flagged, x, y, ring))
    twice = np.flatnonzero(
        (np.diff(ring[order]) == 0) & (np.diff(x[order]) == 0) & (np.diff(y[order]) == 0)
    )  # fmt: skip
    if not twice.size:
        return parts.offsets, parts.points, parts.owners
    # Of half the size of an index wherever that will do: for the water between all floes this is the largest thing there is.
    following = np.arange(1, parts.points.shape[0] + 1, dtype=np.int32 if parts.points.shape[0] < 2**31 else np.int64)
    following[parts.offsets[1:] - 1] = parts.offsets[:-1]
    one, other = flagged[order[twice]], flagged[order[twice + 1]]
    following[one], following[other] = following[other], following[one]
    target = np.empty_like(parts.points)
    stops, owners = np.empty(parts.owners.size + one.size, np.int64), np.empty(parts.owners.size + one.size, np.int64)
    done = np.zeros(following.size, np.bool_)
    _follow_rings(parts.points, parts.offsets, parts.owners, following, done, target, stops, owners)
    return np.concatenate([np.zeros(1, np.int64), stops]), target, owners


@compiled
def _follow_rings(
    points: Array, offsets: Array, owners: Array, following: Array, done: Array, target: Array, stops: Array,
    new_owners: Array,
) -> None:  # fmt: skip
    at, count = 0, 0
    for ring in range(owners.size):
        for start in range(offsets[ring], offsets[ring + 1]):
            if done[start]:
                continue
            point = start
            while not done[point]:
                done[point] = True
                target[at, 0], target[at, 1] = points[point, 0], points[point, 1]
                at += 1
                point = following[point]
            new_owners[count], stops[count] = owners[ring], at
            count += 1


def _measure(points: Array, offsets: Array) -> tuple[Array, Array]:
    """Find the first point of every ring in raster order, and measure the ring as `Outlines.measures` says."""
    starts, measures = np.empty(offsets.size - 1, np.int64), np.zeros((offsets.size - 1, 4), np.int64)
    _measure_rings(points, offsets, starts, measures)
    return starts, measures


@compiled
def _measure_rings(points: Array, offsets: Array, starts: Array, measures: Array) -> None:
    for ring in range(starts.size):
        first, stop = offsets[ring], offsets[ring + 1]
        start, x_start, y_start = first, points[first, 0] & chains.COLUMN, points[first, 1]
        x, y = whole(points[stop - 1, 0] & chains.COLUMN), whole(points[stop - 1, 1])
        upright = x == points[stop - 2, 0] & chains.COLUMN
        doubled, along, down, corners = 0, 0, 0, 0
        for point in range(first, stop):
            x_next, y_next = whole(points[point, 0] & chains.COLUMN), whole(points[point, 1])
            if y_next < y_start or (y_next == y_start and x_next < x_start):
                start, x_start, y_start = point, x_next, y_next
            doubled += x_next * y - x * y_next
            along += abs(x_next - x)
            down += abs(y_next - y)
            corners += upright != (x == x_next)
            upright = x == x_next
            x, y = x_next, y_next
        starts[ring] = start
        measures[ring, 0], measures[ring, 1], measures[ring, 2] = doubled // 2, along, down
        measures[ring, 3] = corners


def _lay_out(points: Array, offsets: Array, starts: Array, order: Array) -> tuple[Array, Array]:
    """Return the rings in an order, each beginning with its start, and where each begins, and the end."""
    target = np.empty_like(points)
    _copy_rings(points, offsets, starts, order, target)
    return target, np.concatenate([np.zeros(1, np.int64), np.cumsum(np.diff(offsets)[order])])


@compiled
def _copy_rings(points: Array, offsets: Array, starts: Array, order: Array, target: Array) -> None:
    at = 0
    for k in range(order.size):
        first, stop, point = offsets[order[k]], offsets[order[k] + 1], starts[order[k]]
        for _ in range(stop - first):
            target[at, 0], target[at, 1] = points[point, 0], points[point, 1]
            at += 1
            point += 1
            if point == stop:
                point = first


def join_parts(batches: Sequence[Parts]) -> Parts:
    """Put batches of finished components into one."""
    if len(batches) == 1:
        return batches[0]
    known = np.cumsum([0, *(b.tallies.shape[0] for b in batches)])
    points = np.cumsum([0, *(b.points.shape[0] for b in batches)])
    return Parts(
        np.concatenate([b.points for b in batches]),
        np.concatenate([np.zeros(1, np.int64), *(b.offsets[1:] + n for b, n in zip(batches, points, strict=False))]),
        np.concatenate([b.owners + n for b, n in zip(batches, known, strict=False)]),
        np.concatenate([b.tallies for b in batches]),
        np.concatenate([b.groups + n for b, n in zip(batches, known, strict=False)]),
    )
