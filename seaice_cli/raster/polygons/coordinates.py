"""Coordinates that cannot be, or are not, where they were meant to be: no degrees, or latitude and longitude exchanged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from seaice_cli.errors import DataError
from seaice_cli.raster.polygons.reading import Polygons

_ROUNDING = 0.01
_TURNS = 720.0
"""Longitudes go on beyond 180 degrees where a polygon crosses the antimeridian, and beyond 360 in data from 0 to 360; no further."""
EXCHANGE = 'ogr2ogr -a_srs EPSG:4326 -ct "+proj=axisswap +order=2,1" mended.gpkg'


def refuse_impossible(polygons: Polygons) -> None:
    """Refuse polygons of a geographic CRS whose coordinates cannot be longitudes and latitudes.

    Raises:
        DataError: Some cannot; the text says what they look like.
    """
    wrong = _impossible(polygons)
    if not wrong.any():
        return
    left, _, _, high = shapely.bounds(polygons.geometries).T
    k = int(np.flatnonzero(wrong)[0])
    what = f"latitude and longitude look exchanged; exchange them: {EXCHANGE} {polygons.path.name}"
    if _impossible(_turn(polygons)).any():
        what = f"say which CRS they are in: ogr2ogr -a_srs EPSG:... placed.gpkg {polygons.path.name}"
    raise DataError(
        f"{polygons.path}, feature {polygons.numbers[k]}: holds the coordinates {_number(left[k])}, {_number(high[k])}, which are no "
        f"longitude and latitude; {what}"
    )


def _number(value: float) -> str:
    return f"{value:.6g}"


def exchanged(polygons: Polygons) -> Polygons | None:
    """Return the polygons with their two coordinates exchanged; None where that cannot be."""
    turned = _turn(polygons)
    return None if _impossible(turned).any() else turned


def _impossible(polygons: Polygons) -> npt.NDArray[np.bool_]:
    """Tell which polygons have coordinates that cannot be longitudes and latitudes; none in another CRS."""
    if not polygons.crs or not pyproj.CRS.from_user_input(polygons.crs).is_geographic:
        return np.zeros(len(polygons), bool)
    left, low, right, high = shapely.bounds(polygons.geometries).T
    return np.asarray((np.fmax(-low, high) > 90 + _ROUNDING) | (np.fmax(-left, right) > _TURNS))


def _turn(polygons: Polygons) -> Polygons:
    turned = shapely.transform(polygons.geometries, lambda xy: xy[:, ::-1])
    return replace(polygons, geometries=np.asarray(turned, dtype=object))
