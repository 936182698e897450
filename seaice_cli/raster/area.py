"""The true area of pixels.

A projected pixel's nominal area is wrong wherever the projection is not equal-area: in EPSG:3413 by +8 % at 60° N and -6 % at
the pole, and a pixel in degrees shrinks towards the pole. The true area is that of the parallelogram that the pixel's sides
span on the ellipsoid, found by looking at the ground a little to either side of its place: right for every projection, also
for those like Web Mercator whose formulas are for a sphere, where the areal scale that PROJ gives is half a per cent off.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine

_EARTH_METRES = 6.4e6
_REACH_METRES = 100.0
"""How far from a point the ground is looked at to see how large a pixel is there."""


def on_earth(crs: Any) -> bool:
    """Tell whether a CRS says where on earth something lies: not one of a building site, a picture, or another planet.

    Args:
        crs: Of rasterio or pyproj; None: no.
    """
    return crs is not None and bool(crs.is_geographic or crs.is_projected) and _leads_to_earth(crs.to_wkt())


@lru_cache(maxsize=64)
def _leads_to_earth(wkt: str) -> bool:
    from pyproj import CRS, Transformer
    from pyproj.exceptions import ProjError

    try:
        Transformer.from_crs(CRS.from_wkt(wkt), "EPSG:4326")
    except ProjError:
        return False
    return True


def pixel_area(
    crs: Any, transform: Affine, rows: Sequence[float] | npt.NDArray[Any], columns: Sequence[float] | npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return the true area in m² of the pixels at these places.

    Args:
        crs: A rasterio CRS; None, or one that is not `on_earth`: the nominal area in squared pixel units.
        transform: From (column, row) to coordinates.
        rows: Fractional rows, n of them.
        columns: Fractional columns, n of them.

    Returns:
        (n,) areas; infinite or NaN where the projection is not defined.
    """
    rows, columns = np.asarray(rows, np.float64), np.asarray(columns, np.float64)
    if not on_earth(crs):
        return np.full(rows.shape, abs(transform.determinant))
    along, down = pixel_sides(_crs(crs.to_wkt()), transform, rows, columns)
    with np.errstate(invalid="ignore"):
        area: npt.NDArray[np.float64] = np.linalg.norm(np.cross(along, down), axis=-1)
    return area


def pixel_sides(
    crs: Any, transform: Affine, rows: npt.NDArray[Any], columns: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return what a step of one column and of one row are on the ground.

    Args:
        crs: A pyproj CRS, projected or geographic.
        transform: From (column, row) to coordinates.
        rows: Fractional rows.
        columns: Fractional columns, as many.

    Returns:
        Two arrays (..., 3) of geocentric vectors in metres; NaN or infinite where the projection is not defined.
    """
    unit = crs.axis_info[0].unit_conversion_factor
    metres = np.sqrt(abs(transform.determinant)) * unit * (_EARTH_METRES if crs.is_geographic else 1.0)
    reach = min(0.5, _REACH_METRES / metres)
    with np.errstate(invalid="ignore"):
        along = place(crs, transform, rows, columns + reach) - place(crs, transform, rows, columns - reach)
        down = place(crs, transform, rows + reach, columns) - place(crs, transform, rows - reach, columns)
    return along / (2 * reach), down / (2 * reach)


def place(
    crs: Any, transform: Affine, rows: npt.NDArray[Any], columns: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Return geocentric coordinates in metres, (..., 3), of points given in pixels; NaN or infinite off the earth."""
    geodetic = crs.geodetic_crs
    x, y = transform @ (columns, rows)
    longitude, latitude = (
        np.asarray(v) * geodetic.axis_info[0].unit_conversion_factor
        for v in _to_geodetic(crs, threading.get_ident()).transform(x, y)
    )
    flattening = 1 / crs.ellipsoid.inverse_flattening if crs.ellipsoid.inverse_flattening else 0.0
    squared = flattening * (2 - flattening)
    with np.errstate(invalid="ignore"):
        normal = crs.ellipsoid.semi_major_metre / np.sqrt(1 - squared * np.sin(latitude) ** 2)
        flat = normal * np.cos(latitude)
        return np.stack(
            [flat * np.cos(longitude), flat * np.sin(longitude), (1 - squared) * normal * np.sin(latitude)], axis=-1
        )


@lru_cache(maxsize=16)
def _crs(wkt: str) -> Any:
    from pyproj import CRS

    return CRS.from_wkt(wkt)


@lru_cache(maxsize=16)
def _to_geodetic(crs: Any, thread: int) -> Any:  # noqa: ARG001 - PROJ's objects belong to the thread that made them
    """Return what turns coordinates into longitude and latitude; making it takes longer than using it on thousands of points."""
    from pyproj import Transformer

    return Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
