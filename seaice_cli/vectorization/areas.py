"""True areas and lengths: how large a pixel really is on the ground, anywhere in the raster.

A polar stereographic pixel at 60 degrees is eight per cent larger on paper than on the ground, and a pixel in degrees
shrinks towards the pole. The true area of pixels (`raster.area`) is computed on a coarse grid, between whose nodes it is linear to a
millionth, and summed over the pixels of a component.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.crs import CRS

from seaice_cli.raster.area import on_earth, pixel_area, pixel_sides, place
from seaice_cli.vectorization.tracing.counts import AREA_BITS

if TYPE_CHECKING:
    import pyproj

Array = npt.NDArray[Any]

_NODE_METRES = 16_000.0
"""Between nodes of the grid, at most: linear to (16 km / earth radius)² / 8, a millionth."""
_MAX_NODES = 4000
_EARTH_METRES = 6.4e6
_EQUAL = 1e-6


@dataclass(frozen=True, slots=True)
class PixelAreas:
    """How the pixels of a raster lie on the ground."""

    crs: pyproj.CRS | None
    transform: Affine
    pixel: float | None
    """Square metres of the largest pixel; None: the raster does not say where on earth it is."""
    scales: Array | None
    """(rows, columns) area of a pixel in units of 2**-AREA_BITS of the largest; None: all are equal."""
    step: int
    """Pixels between the nodes of `scales`."""

    def locate(self, columns: Array, rows: Array) -> tuple[Array, Array]:
        """Return latitude and longitude in degrees of points given in pixels; NaN where there are none."""
        if self.crs is None or self.pixel is None:
            return np.full(columns.shape, np.nan), np.full(columns.shape, np.nan)
        import pyproj

        transform = self.transform
        x = transform.a * columns + transform.b * rows + transform.c
        y = transform.d * columns + transform.e * rows + transform.f
        to_degrees = pyproj.Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        longitude, latitude = to_degrees.transform(x, y)
        bad = ~(np.isfinite(longitude) & np.isfinite(latitude))
        around = np.where(
            np.abs(longitude) > 180, (longitude + 180) % 360 - 180, longitude
        )  # rasters count to 360, too
        return np.where(bad, np.nan, latitude), np.where(bad, np.nan, around)

    def axes(self, columns: Array, rows: Array) -> Array:
        """Return what a step of one column and one row mean on the ground at points given in pixels.

        Returns:
            (points, 2, 2): metres to the east (first) and north (second) for a step along a row (first) and down a
            column (second). Where the raster does not say where it is: pixels to the right and up.
        """
        if self.crs is None or self.pixel is None:
            return np.broadcast_to(np.array([[1.0, 0.0], [0.0, -1.0]]), (*columns.shape, 2, 2))
        along, down = pixel_sides(self.crs, self.transform, rows, columns)
        up = place(self.crs, self.transform, rows, columns)
        up /= np.linalg.norm(up, axis=-1, keepdims=True)
        east = np.stack([-up[..., 1], up[..., 0], np.zeros(up.shape[:-1])], axis=-1)
        east /= np.maximum(np.linalg.norm(east, axis=-1, keepdims=True), 1e-12)
        north = np.cross(up, east)
        return np.stack([np.stack([(v * step).sum(-1) for step in (along, down)], -1) for v in (east, north)], -2)


def survey(transform: Affine, wkt: str | None, height: int, width: int) -> PixelAreas:
    """Find out how large the pixels of a raster are on the ground.

    Args:
        transform: From columns and rows to coordinates.
        wkt: The coordinate reference system; None or one without relation to the earth: areas stay unknown.
        height: Rows of the raster.
        width: Columns of the raster.
    """
    import pyproj

    crs = pyproj.CRS.from_wkt(wkt) if wkt else None
    if crs is None or not on_earth(crs):
        return PixelAreas(crs, transform, None, None, 1)
    unit = crs.axis_info[0].unit_conversion_factor
    side = math.sqrt(abs(transform.determinant)) * unit * (_EARTH_METRES if crs.is_geographic else 1.0)
    step = max(1, int(_NODE_METRES / side), -(-max(height, width) // _MAX_NODES))
    rows, columns = (step * np.arange(length // step + 2, dtype=np.float64) for length in (height, width))
    nodes = (axis.ravel() for axis in np.meshgrid(rows, columns, indexing="ij"))
    areas = pixel_area(CRS.from_wkt(crs.to_wkt()), transform, *nodes).reshape(rows.size, columns.size)
    finite = np.isfinite(areas) & (areas > 0)
    if not finite.any():
        return PixelAreas(crs, transform, None, None, 1)
    largest = float(areas[finite].max())
    if np.ptp(areas[finite]) <= _EQUAL * largest:
        planar = abs(transform.determinant) * unit**2
        mean = float(areas[finite].mean())
        return PixelAreas(crs, transform, planar if abs(mean / planar - 1) <= _EQUAL else mean, None, 1)
    scales = np.where(finite, areas, areas[finite].mean()) / largest * 2.0**AREA_BITS
    return PixelAreas(crs, transform, largest, scales, step)
