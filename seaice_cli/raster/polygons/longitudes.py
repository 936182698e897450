"""Polygons in longitude and latitude whose coordinates jump at 180 degrees, go on beyond it, or run round a pole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

Geometries = npt.NDArray[np.object_]
Array = npt.NDArray[np.float64]

_ROUND = 360.0
_JUMP = 270.0
"""Between two points that lie further apart than this, an edge goes the other way round, over the antimeridian."""
_SURE_JUMP = 180.0
"""The same where it is known that edges are short."""
_NEXT = 1e-9


def tidy(geometries: Geometries, *, sure: bool = False) -> Geometries:
    """Return polygons within -180 to 180 degrees that cover what was meant.

    A jump is an edge over more than 270 degrees, which is taken to cross the antimeridian; one over 360 runs along a
    parallel or at a pole, and stays. A box is an exception: drawn anticlockwise, as most tools do, it is as wide as its
    corners say. A ring that runs round a pole covers the pole that is nearer to it. All other polygons are returned as
    they are.

    Args:
        geometries: Polygons and multipolygons.
        sure: Whether edges are short, so that one over more than 180 degrees is a jump.
    """
    tidied = geometries.copy()
    left, _, right, _ = shapely.bounds(geometries).T
    widest = _SURE_JUMP if sure else _JUMP
    for k in np.flatnonzero((right - left > widest) | (right > _ROUND / 2) | (left < -_ROUND / 2)):
        tidied[k] = shapely.union_all([_tidy_polygon(part, widest) for part in shapely.get_parts(geometries[k])])
    return tidied


def repeat(geometries: Geometries, left: float, right: float) -> Geometries:
    """Return polygons of -180 to 180 degrees wherever they lie between two longitudes, such as 0 and 360."""
    first, last = (int(np.floor((end + _ROUND / 2 - sign * _NEXT) / _ROUND)) for end, sign in ((left, -1), (right, 1)))
    if first >= last == 0:
        return geometries
    copies = [_shift(geometries, _ROUND * turn) for turn in range(first, max(first, last) + 1)]
    return np.array([shapely.union_all(list(same)) for same in zip(*copies, strict=True)], dtype=object)


def _tidy_polygon(polygon: Any, widest: float) -> Any:
    """Return the region of the outer ring without those of the holes."""
    outer, *holes = (
        _wrap(_enclosed(shapely.get_coordinates(ring), widest)) for ring in (polygon.exterior, *polygon.interiors)
    )
    return outer.difference(shapely.union_all(holes)) if holes else outer


def _enclosed(ring: Array, widest: float) -> Any:
    """Return what a ring of (longitude, latitude) encloses."""
    longitude, latitude = ring[:, 0].copy(), ring[:, 1]
    steps = np.diff(longitude)
    jumps = (np.abs(steps) > widest) & (np.abs(steps) < _ROUND - _NEXT)
    if _is_box(ring) and shapely.is_ccw(shapely.LinearRing(ring)):
        jumps[:] = False
    longitude[1:] -= np.cumsum(np.where(jumps, np.sign(steps) * _ROUND, 0.0))
    points = np.column_stack((longitude, latitude))
    if abs(longitude[-1] - longitude[0]) > _ROUND / 2:  # once round a pole
        pole = np.copysign(90.0, latitude.mean())
        points = np.vstack((points, (longitude[-1], pole), (longitude[0], pole)))
    return shapely.make_valid(shapely.Polygon(points))


def _is_box(ring: Array) -> bool:
    return len(ring) == 5 and all(len(np.unique(ring[:, axis])) == 2 for axis in (0, 1))


def _wrap(region: Any) -> Any:
    """Return a region within -180 to 180 degrees: what goes beyond comes in from the other side."""
    left, _, right, _ = shapely.bounds(region)
    turns = range(int(np.floor((left + _ROUND / 2) / _ROUND)), int(np.ceil((right - _ROUND / 2) / _ROUND)) + 1)
    pieces = [_shift(region.intersection(_belt(turn)), -_ROUND * turn) for turn in turns]
    parts = [p for piece in pieces for p in shapely.get_parts(piece) if p.geom_type == "Polygon"]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def _belt(turn: int) -> Any:
    return shapely.box(_ROUND * turn - _ROUND / 2, -90, _ROUND * turn + _ROUND / 2, 90)


def _shift(region: Any, degrees: float) -> Any:
    return shapely.transform(region, lambda xy: xy + np.array([degrees, 0.0])) if degrees else region
