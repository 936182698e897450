"""Placing polygons on a raster: moved to its CRS, clipped around it, in its columns and rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from affine import Affine
from pyproj.enums import TransformDirection
from rasterio.transform import array_bounds

from seaice_cli.errors import DataError
from seaice_cli.raster.polygons import longitudes
from seaice_cli.raster.polygons.coordinates import EXCHANGE, exchanged, refuse_impossible
from seaice_cli.raster.polygons.reading import POLYGONS, Geometries, Polygons

LOGGER = logging.getLogger(__name__)

Bounds = tuple[float, float, float, float]

_PIECES = 64
"""A polygon's extent is cut into this many before it is moved to another CRS, so that its edges follow their curves."""
_FINEST = 4096
"""Into no more than this the extent of a raster's surroundings is cut."""
_LONGEST = 0.25
"""Degrees between the points of an edge in longitude and latitude, at most."""
_TORN = 20
"""Neighbours that come to lie so many times as far apart as usual are torn apart."""
_MARGIN = 0.1
"""Of the extent of a raster, around it: polygons are clipped there."""


def place(polygons: Polygons, crs: Any, transform: Affine, shape: tuple[int, int], raster: str) -> Geometries:
    """Return the polygons in columns and rows of a raster.

    Args:
        polygons: As read; without a CRS they are taken to be in that of the raster, which is told.
        crs: Of the raster (rasterio's); None: it has none.
        transform: Of the raster.
        shape: Its height and width.
        raster: Its name, for errors.

    Raises:
        DataError: The polygons have a CRS and the raster has none, or no way leads from one to the other.
    """
    if polygons.crs and crs is None:
        raise DataError(f"{polygons.path}: has a CRS but {raster} has none, so it cannot be laid over it")
    if crs is not None and not polygons.crs:
        LOGGER.warning("%s: has no CRS; taken to be in that of %s", polygons.path, raster)
    moved = move(polygons, crs, array_bounds(*shape, transform), raster) if polygons.crs else polygons.geometries
    if crs is None and transform.is_identity and _lie_below_zero(moved):
        transform = Affine(1, 0, 0, 0, -1, 0)  # QGIS shows a plain picture with its rows counted downwards from zero
    return _to_pixels(moved, transform)


def _lie_below_zero(geometries: Geometries) -> bool:
    bounds = shapely.total_bounds(geometries)
    return bool(bounds[1] < 0 and bounds[3] <= 0)


def move(polygons: Polygons, crs: Any, bounds: Bounds, raster: str) -> Geometries:
    """Return the polygons in the CRS of a raster, clipped to its surroundings; those that lie elsewhere become empty.

    Long edges follow the curves that they become. What lies far from a raster must not be moved to its CRS at all: beyond
    its zone, or at the other pole, coordinates become infinite, or finite and wrong.

    Args:
        polygons: As read.
        crs: Of the raster (rasterio's).
        bounds: Of the raster: left, bottom, right, top, in any order.
        raster: Its name, for errors.

    Raises:
        DataError: No way leads from one CRS to the other; coordinates are none of the CRS they are in, or their axes are exchanged.
    """
    refuse_impossible(polygons)
    moved = _move(polygons, crs, bounds, raster)
    turned = None if _meets(moved, bounds) else exchanged(polygons)
    if turned is not None and _meets(_move(turned, crs, bounds, raster), bounds):
        raise DataError(
            f"{polygons.path}: none of its polygons meets {raster}, but they would with their coordinates exchanged; exchange them: "
            f"{EXCHANGE} {polygons.path.name}"
        )
    return moved


def _meets(geometries: Geometries, bounds: Bounds) -> bool:
    extent = shapely.box(
        min(bounds[0], bounds[2]), min(bounds[1], bounds[3]), max(bounds[0], bounds[2]), max(bounds[1], bounds[3])
    )
    return bool(shapely.intersects(shapely.make_valid(geometries), extent).any())


def _move(polygons: Polygons, crs: Any, bounds: Bounds, raster: str) -> Geometries:
    left, right = sorted((bounds[0], bounds[2]))
    bottom, top = sorted((bounds[1], bounds[3]))
    with _moving(polygons.path, raster):
        change = pyproj.Transformer.from_crs(polygons.crs, crs.to_wkt(), always_xy=True)
        source, target = change.source_crs, change.target_crs
        geometries = polygons.geometries
        if source is not None and source.is_geographic:
            geometries = longitudes.tidy(geometries)
        if source != target and len(polygons):
            area = _surroundings(change, (left, bottom, right, top))
            geometries = _transform(geometries if area is None else _clip(geometries, area), change, area)
            _tell_of_lost(polygons, geometries)
            if target is not None and target.is_geographic:
                geometries = longitudes.tidy(geometries, sure=True)
        if target is not None and target.is_geographic:
            geometries = longitudes.repeat(geometries, left, right)
        # For damaged coordinates, too: GDAL counts every row that a polygon spans, were there 10^77 of them.
        return _clip(geometries, shapely.box(*_widen((left, bottom, right, top))))


@contextmanager
def _moving(path: Path, raster: str) -> Iterator[None]:
    try:
        yield
    except (pyproj.exceptions.ProjError, shapely.errors.ShapelyError) as error:
        raise DataError(
            f"{path}: cannot be brought into the CRS of {raster} ({str(error)[:200]}); reproject it"
        ) from error


def _tell_of_lost(polygons: Polygons, moved: Geometries) -> None:
    coordinates, owners = shapely.get_coordinates(moved, return_index=True)
    lost = np.unique(owners[~np.isfinite(coordinates).all(axis=1)])
    moved[lost] = shapely.Polygon()
    if len(lost):
        LOGGER.warning("%s: %d polygons reach beyond what the CRS can show; left out", polygons.path, len(lost))


def _surroundings(change: pyproj.Transformer, bounds: Bounds) -> Any:
    """Return a polygon around the raster in the CRS of the polygons; None if that cannot be told."""
    around = _widen(bounds)
    if change.target_crs is not None and change.target_crs.is_geographic:
        west, east = (around[0], around[2]) if around[0] >= -180 and around[2] <= 180 else (-180.0, 180.0)
        around = west, max(around[1], -90.0), east, min(around[3], 90.0)
    if change.source_crs is None or not change.source_crs.is_geographic:
        return _enclose(change, around)
    found = change.transform_bounds(*around, densify_pts=_PIECES, direction=TransformDirection.INVERSE)
    left, bottom, right, top = found
    if not np.isfinite(found).all():
        return None
    if left <= right:
        return shapely.box(left, bottom, right, top)
    return shapely.union(shapely.box(left, bottom, 180, top), shapely.box(-180, bottom, right, top))


def _widen(bounds: Bounds) -> Bounds:
    left, bottom, right, top = bounds
    wide, high = _MARGIN * (right - left), _MARGIN * (top - bottom)
    return left - wide, bottom - high, right + wide, top + high


def _enclose(change: pyproj.Transformer, around: Bounds) -> Any:
    """Return the box of what a grid of points becomes; None where neighbours are torn apart, as at a pole or a seam."""
    x, y = np.meshgrid(np.linspace(around[0], around[2], _PIECES + 1), np.linspace(around[1], around[3], _PIECES + 1))
    there = np.stack(change.transform(x, y, direction=TransformDirection.INVERSE))
    if not np.isfinite(there).all():
        return None
    steps = [np.hypot(*np.diff(there, axis=axis)) for axis in (1, 2)]
    if any(step.max() > _TORN * np.median(step) for step in steps):
        return None
    more = max(step.max() for step in steps)
    return shapely.box(*(there.min(axis=(1, 2)) - more), *(there.max(axis=(1, 2)) + more))


def _clip(geometries: Geometries, area: Any) -> Geometries:
    """Return what lies within an area."""
    far = ~shapely.is_empty(geometries) & ~shapely.covers(area, shapely.box(*shapely.bounds(geometries).T))
    clipped = geometries.copy()
    clipped[far] = [_only_polygons(g) for g in shapely.intersection(shapely.make_valid(geometries[far]), area)]
    return clipped


def _only_polygons(geometry: Any) -> Any:
    """Return a geometry without the points and lines that an operation has left."""
    if shapely.get_type_id(geometry) in POLYGONS:
        return geometry
    return shapely.MultiPolygon([p for p in shapely.get_parts(geometry) if p.geom_type == "Polygon"])


def _transform(geometries: Geometries, change: pyproj.Transformer, area: Any) -> Geometries:
    left, bottom, right, top = shapely.bounds(geometries).T
    extent = np.nan_to_num(np.fmax(right - left, top - bottom), nan=1.0)  # of empty ones
    whole = shapely.bounds(area) if area is not None else shapely.total_bounds(geometries)
    least = np.nan_to_num(max(whole[2] - whole[0], whole[3] - whole[1]), nan=1.0) / _FINEST
    longest = _LONGEST if change.source_crs is not None and change.source_crs.is_geographic else np.inf
    dense = shapely.segmentize(geometries, np.minimum(np.maximum(extent / _PIECES, max(least, 1e-9)), longest))
    return np.asarray(shapely.transform(dense, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1]))))


def _to_pixels(geometries: Geometries, transform: Affine) -> Geometries:
    a, b, c, d, e, f = tuple(~transform)[:6]

    def apply(xy: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.column_stack((a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f))

    return np.asarray(shapely.transform(geometries, apply), dtype=object)
