"""Geometries: outlines as polygons, in memory or as well-known binary."""

# Kernels take many plain arguments, and flags among them.
# ruff: noqa: FBT001, PLR0913, PLR0917

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine

from seaice_cli.vectorization.tracing import chains
from seaice_cli.vectorization.tracing.compilation import compiled, inlined
from seaice_cli.vectorization.tracing.outlines import Outlines

Array = npt.NDArray[Any]

_KINDS: Any = np.array([3, 6])
_POLYGON, _MULTIPOLYGON = _KINDS


def encode(outlines: Outlines, transform: Affine, *, scale: int = 1, several: bool) -> tuple[Array, Array]:
    """Write outlines as well-known binary, without making geometries of them first.

    Args:
        outlines: In lattice units.
        transform: From columns and rows to coordinates.
        scale: Lattice units per pixel.
        several: Whether all become multipolygons; if not, each has one part.

    Returns:
        The bytes of all features, and where each begins in them, and the end.
    """
    matrix = np.array([transform.a, transform.b, transform.c, transform.d, transform.e, transform.f])
    sizes = 16 * (np.diff(outlines.rings) + 1) + 4
    per_part = np.add.reduceat(sizes, outlines.parts[:-1]) + 9
    per_feature = np.add.reduceat(per_part, outlines.features[:-1]) + (9 if several else 0)
    offsets = np.concatenate([[0], np.cumsum(per_feature)])
    data = np.empty(offsets[-1], np.uint8)
    pair = np.empty(2)
    _encode(
        outlines.points, outlines.rings, outlines.parts, outlines.features, matrix, 1.0 / scale,
        transform.determinant > 0, several, pair, pair.view(np.uint8), data,
    )  # fmt: skip
    return data, offsets


@compiled
def _encode(
    points: Array, rings: Array, parts: Array, features: Array, matrix: Array, unit: float, turned: bool,
    several: bool, pair: Array, octets: Array, data: Array,
) -> None:  # fmt: skip
    """Fill in the bytes; `octets` are those of `pair`, which holds one point after the other."""
    at = 0
    for feature in range(features.size - 1):
        if several:
            at = _encode_head(data, at, _MULTIPOLYGON, features[feature + 1] - features[feature])
        for part in range(features[feature], features[feature + 1]):
            at = _encode_head(data, at, _POLYGON, parts[part + 1] - parts[part])
            for ring in range(parts[part], parts[part + 1]):
                at = _encode_number(data, at, rings[ring + 1] - rings[ring] + 1)
                at = _encode_ring(points, rings[ring], rings[ring + 1], matrix, unit, turned, pair, octets, data, at)


@inlined
def _encode_ring(
    points: Array, first: int, stop: int, matrix: Array, unit: float, turned: bool, pair: Array, octets: Array,
    data: Array, at: int,
) -> int:  # fmt: skip
    point = first
    for _ in range(stop - first + 1):
        x, y = (points[point, 0] & chains.COLUMN) * unit, points[point, 1] * unit
        pair[0] = matrix[0] * x + matrix[1] * y + matrix[2]
        pair[1] = matrix[3] * x + matrix[4] * y + matrix[5]
        for k in range(16):
            data[at + k] = octets[k]
        at += 16
        point = _next(point, first, stop, turned)
    return at


@inlined
def _next(point: int, first: int, stop: int, turned: bool) -> int:
    """Return the point of a ring that comes after one, or before it where the ring is to be turned round."""
    if turned:
        return (stop if point == first else point) - 1
    return first if point + 1 == stop else point + 1


@inlined
def _encode_head(data: Array, at: int, kind: int, count: int) -> int:
    data[at] = 1  # little-endian
    return _encode_number(data, _encode_number(data, at + 1, kind), count)


@inlined
def _encode_number(data: Array, at: int, number: int) -> int:
    for shift in range(4):
        data[at + shift] = (number >> (8 * shift)) & 255
    return at + 4


def build_polygons(outlines: Outlines, *, scale: int = 1, turned: bool) -> npt.NDArray[np.object_]:
    """Turn outlines into polygons, and into multipolygons where a feature has several parts.

    Args:
        outlines: In lattice units.
        scale: Lattice units per pixel.
        turned: Whether outer rings run clockwise on the screen, which is counter-clockwise in coordinates whose second
            axis points down.

    Returns:
        In pixels, columns and rows.
    """
    rings = outlines.rings + np.arange(outlines.rings.size)
    coordinates = np.empty((rings[-1], 2))
    _close_rings(outlines.points, outlines.rings, turned, 1.0 / scale, coordinates)
    polygons: npt.NDArray[np.object_] = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, coordinates, (rings, outlines.parts)
    )
    if polygons.size == len(outlines):
        return polygons
    several = np.diff(outlines.features) > 1
    features = polygons[outlines.features[:-1]]
    owner = np.repeat(np.arange(len(outlines)), np.diff(outlines.features))
    inside = several[owner]
    features[several] = shapely.multipolygons(polygons[inside], indices=(np.cumsum(several) - 1)[owner[inside]])
    return features


def promote(features: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Return polygons as multipolygons, so that a layer of both is of one type."""
    single = shapely.get_type_id(features) == shapely.GeometryType.POLYGON
    promoted = features.copy()
    promoted[single] = shapely.multipolygons(features[single], indices=np.arange(int(single.sum())))
    return promoted


def place(polygons: npt.NDArray[np.object_], transform: Affine) -> npt.NDArray[np.object_]:
    """Return polygons in coordinates instead of columns and rows."""
    if transform == Affine.identity():
        return polygons

    def apply(points: Array) -> Array:
        x, y = points[:, 0], points[:, 1]
        columns = (transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f)
        return np.stack(columns, axis=1)

    placed: npt.NDArray[np.object_] = shapely.transform(polygons, apply)
    return placed


@compiled
def _close_rings(points: Array, rings: Array, turned: bool, unit: float, closed: Array) -> None:
    """Repeat the first point of every ring at its end, and turn the rings round if wanted."""
    at = 0
    for ring in range(rings.size - 1):
        point = rings[ring]
        for _ in range(rings[ring + 1] - rings[ring] + 1):
            closed[at, 0], closed[at, 1] = (points[point, 0] & chains.COLUMN) * unit, points[point, 1] * unit
            at += 1
            point = _next(point, rings[ring], rings[ring + 1], turned)
