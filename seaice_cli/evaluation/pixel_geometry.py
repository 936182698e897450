"""Where pixels lie on the ground: true positions, sizes and areas, in any coordinate reference system.

Positions are earth-centred, on the WGS84 ellipsoid, where neither a projection's scale nor the pole nor the antimeridian
needs a special case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
from affine import Affine
from scipy.interpolate import RectBivariateSpline

from seaice_cli.raster.area import on_earth, pixel_area

Floats = npt.NDArray[np.float64]
_A, _E2 = 6_378_137.0, 0.006_694_379_990_141
"""Semi-major axis in metres and squared eccentricity of WGS84."""
_RADIUS = 6_371_008.8
"""Mean radius in metres, which turns a chord into an arc."""
_LATTICE = 17
"""Areas vary smoothly over a scene: they are computed at 17 x 17 pixels and interpolated by a cubic spline."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelGeometry:
    """The pixels of a georeferenced raster on the ground."""

    transform: Affine
    crs: Any
    """As rasterio has it; projected or geographic."""
    shape: tuple[int, int]
    """(height, width) in pixels."""
    _areas: RectBivariateSpline = field(init=False, repr=False)

    def __post_init__(self) -> None:
        height, width = self.shape
        # Beyond a raster of one row or column there is nothing to vary, but a spline wants four knots.
        rows, cols = (np.linspace(0, max(length - 1, 1), _LATTICE) for length in (height, width))
        at_rows, at_cols = (axis.ravel() + 0.5 for axis in np.meshgrid(rows, cols, indexing="ij"))
        areas = pixel_area(self.crs, self.transform, at_rows, at_cols).reshape(_LATTICE, _LATTICE) / 1e6
        # Corners of a full disc lie beside the earth: no pixel there is ever data, but a spline cannot take infinity.
        areas = np.nan_to_num(areas, nan=0.0, posinf=0.0)
        object.__setattr__(self, "_areas", RectBivariateSpline(rows, cols, areas))

    @property
    def pixel(self) -> tuple[float, float]:
        """(height, width) of a pixel in metres: as the projection has it, or true in the middle of a scene in degrees."""
        if self.crs.is_projected:
            metres = self.crs.linear_units_factor[1]
            t = self.transform
            return float(np.hypot(t.b, t.e)) * metres, float(np.hypot(t.a, t.d)) * metres
        row, col = self.shape[0] / 2, self.shape[1] / 2
        middle, down, right = self.positions(np.array([row, row + 1, row]), np.array([col, col, col + 1]))
        return float(np.linalg.norm(down - middle)), float(np.linalg.norm(right - middle))

    def positions(self, rows: npt.NDArray[Any], cols: npt.NDArray[Any]) -> Floats:
        """Return the earth-centred positions (n, 3), in metres, of the centres of pixels (fractions are allowed)."""
        x, y = self.transform @ (np.asarray(cols, float) + 0.5, np.asarray(rows, float) + 0.5)
        to_degrees = pyproj.Transformer.from_crs(self.crs.to_wkt(), "EPSG:4326", always_xy=True)
        lon, lat = np.radians(to_degrees.transform(x, y))
        normal = _A / np.sqrt(1 - _E2 * np.sin(lat) ** 2)
        return np.stack(
            [normal * np.cos(lat) * np.cos(lon), normal * np.cos(lat) * np.sin(lon), normal * (1 - _E2) * np.sin(lat)],
            axis=-1,
        )

    def areas(self, start: int, stop: int) -> Floats:
        """Return the true area in km2 of every pixel of the rows `start` to `stop`, (rows, width)."""
        return np.asarray(self._areas(np.arange(start, stop), np.arange(self.shape[1])))


def arc(chord: Floats) -> Floats:
    """Return the distances along the ground, in metres, that belong to straight distances between two positions."""
    return np.asarray(2 * _RADIUS * np.arcsin(np.clip(chord / (2 * _RADIUS), 0, 1)))


def pixel_geometry_of(transform: Affine, crs: Any, shape: tuple[int, int]) -> PixelGeometry | None:
    """Return the ground under a raster, or None if it has no coordinate reference system that lies on the earth.

    Args:
        transform: From (column, row) to coordinates.
        crs: As rasterio has it, or None.
        shape: (height, width) in pixels.
    """
    return PixelGeometry(transform, crs, shape) if on_earth(crs) else None
