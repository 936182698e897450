"""Shapes: perimeters, diameters and directions of outlines, in metres on the ground.

Everything is measured where a feature lies, in a plane that touches the ground there: `axes` says how far east and north
one column and one row lead. The perimeter of an outline that follows pixel edges is never the length of its stairs, which
is a quarter too long whatever the resolution, but Crofton's: counted crossings with lines in four directions.
"""

# Kernels compare one by one: functions would be more to compile.
# ruff: noqa: PLR1730

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from seaice_cli.vectorization.tracing import chains, counts
from seaice_cli.vectorization.tracing.compilation import compiled, inlined
from seaice_cli.vectorization.tracing.outlines import Outlines

Array = npt.NDArray[Any]


def measure_crofton(outlines: Outlines, axes: Array) -> Array:
    """Return the perimeters of outlines that follow pixel edges, holes included.

    Half the integral over all lines of their crossings with a curve is its length (Cauchy and Crofton). The lines run
    along rows, columns and both diagonals through pixel centres; each direction stands for the angles nearest to it.
    For a ring of L unit edges with c corners, lines along columns cross once per step along a row and the other way
    round, and both diagonals together 2 L - c times.

    Args:
        outlines: Neither simplified nor smoothed.
        axes: (features, 2, 2), as `areas.PixelAreas.axes` returns them.
    """
    sums = np.add.reduceat(outlines.measures, outlines.parts[outlines.features[:-1]], axis=0)
    along, down, corners = sums[:, 1], sums[:, 2], sums[:, 3]
    wide, high = (np.hypot(axes[:, 0, k], axes[:, 1, k]) for k in (0, 1))
    angle = np.arctan2(high, wide)
    diagonal = wide * high / np.hypot(wide, high)
    perimeter: Array = 0.5 * (
        angle * down * high + (np.pi / 2 - angle) * along * wide
        + np.pi / 4 * (2 * (along + down) - corners) * diagonal
    )  # fmt: skip
    return perimeter


def measure_areas(outlines: Outlines, scale: int) -> Array:
    """Return the area inside outlines in pixels; scale: lattice units per pixel."""
    doubled = np.empty(outlines.rings.size - 1, np.int64)
    _double_areas(outlines.points, outlines.rings, doubled)
    area: Array = np.add.reduceat(doubled / (2.0 * scale * scale), outlines.parts[outlines.features[:-1]])
    return area


@compiled
def _double_areas(points: Array, rings: Array, areas: Array) -> None:
    for ring in range(rings.size - 1):
        before, total = rings[ring + 1] - 1, 0
        for point in range(rings[ring], rings[ring + 1]):
            x, y = np.int64(points[before, 0] & chains.COLUMN), np.int64(points[before, 1])
            total += np.int64(points[point, 0] & chains.COLUMN) * y - x * points[point, 1]
            before = point
        areas[ring] = total


def measure_lengths(outlines: Outlines, scale: int, axes: Array) -> Array:
    """Return the lengths of all rings of simplified or smoothed outlines.

    Args:
        outlines: As they are drawn.
        scale: Lattice units per pixel.
        axes: (features, 2, 2).
    """
    lengths = np.zeros(len(outlines))
    _add_lengths(outlines.points, outlines.rings, outlines.parts, outlines.features, axes / scale, lengths)
    return lengths


@compiled
def _add_lengths(points: Array, rings: Array, parts: Array, features: Array, axes: Array, lengths: Array) -> None:
    for feature in range(lengths.size):
        for ring in range(parts[features[feature]], parts[features[feature + 1]]):
            before = rings[ring + 1] - 1
            for point in range(rings[ring], rings[ring + 1]):
                x = (points[point, 0] & chains.COLUMN) - (points[before, 0] & chains.COLUMN)
                y = points[point, 1] - points[before, 1]
                east = axes[feature, 0, 0] * x + axes[feature, 0, 1] * y
                north = axes[feature, 1, 0] * x + axes[feature, 1, 1] * y
                lengths[feature] += np.hypot(east, north)
                before = point


def measure_hulls(outlines: Outlines, scale: int, axes: Array) -> tuple[Array, Array, Array, Array]:
    """Measure convex hulls.

    Args:
        outlines: As they are drawn.
        scale: Lattice units per pixel.
        axes: (features, 2, 2).

    Returns:
        Perimeter, largest and smallest caliper diameter in metres; area in pixels.
    """
    outer, owners = outlines.parts[:-1], np.repeat(np.arange(len(outlines)), np.diff(outlines.features))
    lengths = np.diff(outlines.rings)[outer]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    steps = np.arange(offsets[-1]) + np.repeat(outlines.rings[outer] - offsets[:-1], lengths)
    points = (outlines.points[steps] & (chains.COLUMN, -1)) / scale
    features = np.searchsorted(owners, np.arange(len(outlines) + 1))
    clouds = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, points, (offsets[features],))
    hulls = shapely.convex_hull(clouds)
    corners, owners = shapely.get_coordinates(hulls, return_index=True)
    metres = np.einsum("nij,nj->ni", axes[owners], corners)
    measured = np.zeros((hulls.size, 3))
    measured[:, 2] = np.inf
    _measure_calipers(metres, np.searchsorted(owners, np.arange(hulls.size + 1)), measured)
    return measured[:, 0], measured[:, 1], measured[:, 2], shapely.area(hulls)


@compiled
def _measure_calipers(points: Array, offsets: Array, measured: Array) -> None:
    for hull in range(offsets.size - 1):
        first, last = offsets[hull], offsets[hull + 1] - 1
        far = first
        for k in range(first, last):
            length = np.hypot(points[k + 1, 0] - points[k, 0], points[k + 1, 1] - points[k, 1])
            # The point farthest from an edge moves on as the edge turns, so all edges together go round once.
            if far == k:
                far += 1
            turns = 0
            while turns < last - first and _rise(points, first, last, far + 1, k) > _rise(points, first, last, far, k):
                far += 1
                turns += 1
            height = _rise(points, first, last, far, k) / length
            if height < measured[hull, 2]:
                measured[hull, 2] = height
            measured[hull, 0] += length
            at = first + (far - first) % (last - first)
            for end in (k, k + 1):
                across = np.hypot(points[at, 0] - points[end, 0], points[at, 1] - points[end, 1])
                if across > measured[hull, 1]:
                    measured[hull, 1] = across


@inlined
def _rise(points: Array, first: int, last: int, at: int, edge: int) -> float:
    """Return how far a point of a hull, counted on round it, lies from the line of an edge, times the edge's length."""
    at = first + (at - first) % (last - first)
    x, y = points[edge + 1, 0] - points[edge, 0], points[edge + 1, 1] - points[edge, 1]
    return float(abs(x * (points[at, 1] - points[edge, 1]) - y * (points[at, 0] - points[edge, 0])))


def measure_moments(tallies: Array, axes: Array) -> tuple[Array, Array]:
    """Return the direction of the long axis in degrees clockwise from north, 0 to 180, and how elongated features are.

    Both are those of the ellipse with the same second moments as the pixels; the elongation is its long axis over its
    short one, 1 for a disc.
    """
    n = tallies[:, counts.PIXELS].astype(np.float64)
    x, y = tallies[:, counts.SUM_X] / n, tallies[:, counts.SUM_Y] / n
    covariance = np.empty((n.size, 2, 2))
    covariance[:, 0, 0] = tallies[:, counts.SUM_XX] / n - x * x + 1 / 12
    covariance[:, 1, 1] = tallies[:, counts.SUM_YY] / n - y * y + 1 / 12
    covariance[:, 0, 1] = covariance[:, 1, 0] = tallies[:, counts.SUM_XY] / n - x * y
    metres = axes @ covariance @ axes.transpose(0, 2, 1)
    values, vectors = np.linalg.eigh(np.where(np.isfinite(metres), metres, np.eye(2)))
    direction = np.degrees(np.arctan2(vectors[:, 0, 1], vectors[:, 1, 1])) % 180
    return direction, np.sqrt(values[:, 1] / np.maximum(values[:, 0], 1e-300))
