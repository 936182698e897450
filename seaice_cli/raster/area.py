"""The true area of pixels.

A projected pixel's nominal area is wrong wherever the projection is not equal-area: in EPSG:3413 by +8 % at 60° N and -6 % at
the pole. The true area is the nominal one divided by the projection's areal scale at that place (Snyder 1987, "Map Projections: A
Working Manual", section 4); on a geographic grid it is the area of the cell on the ellipsoid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine


def pixel_area(
    crs: Any, transform: Affine, rows: Sequence[float] | npt.NDArray[Any], columns: Sequence[float] | npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return the true area in m² of the pixels at these places.

    Args:
        crs: A rasterio CRS; None, or one that is neither projected nor geographic: the nominal area in squared pixel units.
        transform: From (column, row) to coordinates.
        rows: Fractional rows, n of them.
        columns: Fractional columns, n of them.

    Returns:
        (n,) areas; infinite or NaN where the projection is not defined.
    """
    x, y = transform @ (np.asarray(columns, np.float64), np.asarray(rows, np.float64))
    nominal = np.full(np.shape(x), abs(transform.determinant))
    if crs is None or not (crs.is_geographic or crs.is_projected):
        return nominal
    return _geographic(crs, nominal, y) if crs.is_geographic else _projected(crs, nominal, x, y)


def _projected(
    crs: Any, nominal: npt.NDArray[Any], x: npt.NDArray[Any], y: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    from pyproj import CRS, Proj

    metres = crs.linear_units_factor[1] if crs.linear_units_factor else 1.0
    proj = Proj(CRS.from_wkt(crs.to_wkt()))
    longitude, latitude = proj(x, y, inverse=True)
    scale = np.asarray(proj.get_factors(longitude, latitude).areal_scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        true: npt.NDArray[np.float64] = nominal * metres**2 / scale
    return true


def _geographic(crs: Any, nominal: npt.NDArray[Any], latitude: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    from pyproj import CRS

    ellipsoid = CRS.from_wkt(crs.to_wkt()).ellipsoid
    a = ellipsoid.semi_major_metre if ellipsoid else 6378137.0
    b = ellipsoid.semi_minor_metre if ellipsoid else 6356752.314245
    square = 1 - (b / a) ** 2
    phi = np.radians(np.clip(latitude, -90, 90))
    sine = 1 - square * np.sin(phi) ** 2
    # radii of curvature along the meridian and across it (Snyder 1987, eq. 4-18 and 4-20)
    meridian, across = a * (1 - square) / sine**1.5, a / np.sqrt(sine)
    area: npt.NDArray[np.float64] = nominal * np.radians(1.0) ** 2 * meridian * across * np.cos(phi)
    return area
