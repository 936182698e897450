"""Grids of sea-ice concentration: the named ones of the field, and cells of any size on a mask's own coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.crs import CRS

from seaice_cli.choices import GRIDS
from seaice_cli.errors import OptionError
from seaice_cli.raster.area import pixel_area

_BLOCK = 1 << 18
"""Cells whose area is computed at once, about: several arrays of vectors are made of them."""
_EQUAL = 1e-6
MAX_CELLS = 1 << 27
"""More cells than this are a mistake in the size of a cell."""


def equal_area(crs: CRS, transform: Affine, height: int, width: int) -> float | None:
    """Return the area in m² of the pixels of a raster if it is the same for all, found out at 81 of them; None if not."""
    rows, columns = np.meshgrid(np.linspace(0, height, 9), np.linspace(0, width, 9), indexing="ij")
    areas = pixel_area(crs, transform, rows.ravel(), columns.ravel())
    unit = crs.linear_units_factor[1] if crs.is_projected else 1.0
    planar = float(abs(transform.determinant) * unit**2)
    known = areas[np.isfinite(areas)]
    return planar if known.size > 0 and np.all(np.abs(known / planar - 1) <= _EQUAL) else None


@dataclass(frozen=True)
class CellGrid:
    """A grid of square cells."""

    name: str
    crs: CRS
    transform: Affine
    """From (column, row) to coordinates of the CRS."""
    height: int
    width: int

    @property
    def cell(self) -> float:
        """The side of a cell in units of the CRS."""
        return float(self.transform.a)

    @cached_property
    def x(self) -> npt.NDArray[np.float64]:
        """Coordinates of the cells' centres along a row, (width,)."""
        centres: npt.NDArray[np.float64] = self.transform.c + self.transform.a * (np.arange(self.width) + 0.5)
        return centres

    @cached_property
    def y(self) -> npt.NDArray[np.float64]:
        """Coordinates of the cells' centres down a column, (height,)."""
        centres: npt.NDArray[np.float64] = self.transform.f + self.transform.e * (np.arange(self.height) + 0.5)
        return centres

    @cached_property
    def cell_area(self) -> npt.NDArray[np.float64]:
        """True areas of the cells in m², (height, width); NaN where the projection is not defined."""
        equal = equal_area(self.crs, self.transform, self.height, self.width)
        if equal is not None:
            return np.full((self.height, self.width), equal)
        areas = np.empty((self.height, self.width))
        step = max(1, _BLOCK // self.width)
        for top in range(0, self.height, step):
            rows, columns = np.mgrid[top : min(top + step, self.height), 0 : self.width] + 0.5
            areas[top : top + step] = pixel_area(self.crs, self.transform, rows.ravel(), columns.ravel()).reshape(
                rows.shape
            )
        areas[~np.isfinite(areas)] = np.nan
        return areas

    def degrees(
        self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return longitudes and latitudes of points on WGS 84; NaN where the projection is not defined."""
        from pyproj import Transformer

        longitude, latitude = Transformer.from_crs(self.crs.to_wkt(), "EPSG:4326", always_xy=True).transform(x, y)
        known = np.isfinite(longitude) & np.isfinite(latitude)
        return np.where(known, longitude, np.nan), np.where(known, latitude, np.nan)


@dataclass(frozen=True, slots=True)
class _Family:
    """Grids of one projection and extent in several cell sizes."""

    epsg: int
    left: float
    top: float
    right: float
    bottom: float
    kilometres: tuple[float, ...]


# Origins and shapes: NSIDC, "A Guide to NSIDC's Polar Stereographic Projection" and "A Guide to EASE Grids"; the extent of EASE2 grids
# of OSI SAF is that of its product user manual for the climate data record.
_FAMILIES = {
    "psn": _Family(3411, -3_850_000, 5_850_000, 3_750_000, -5_350_000, (25, 12.5, 6.25)),
    "pss": _Family(3412, -3_950_000, 4_350_000, 3_950_000, -3_950_000, (25, 12.5, 6.25)),
    "psn-wgs84-": _Family(3413, -3_850_000, 5_850_000, 3_750_000, -5_350_000, (25, 12.5, 6.25)),
    "pss-wgs84-": _Family(3976, -3_950_000, 4_350_000, 3_950_000, -3_950_000, (25, 12.5, 6.25)),
    "ease2-n": _Family(6931, -9_000_000, 9_000_000, 9_000_000, -9_000_000, (25, 12.5, 6.25)),
    "ease2-s": _Family(6932, -9_000_000, 9_000_000, 9_000_000, -9_000_000, (25, 12.5, 6.25)),
    "osisaf-n": _Family(6931, -5_400_000, 5_400_000, 5_400_000, -5_400_000, (25,)),
    "osisaf-s": _Family(6932, -5_400_000, 5_400_000, 5_400_000, -5_400_000, (25,)),
}


def named_grid(name: str) -> CellGrid:
    """Return the grid of a name in `GRIDS`.

    Raises:
        OptionError: There is none of that name.
    """
    for family, found in _FAMILIES.items():
        for size in found.kilometres:
            if name == f"{family}{size:g}":
                side = size * 1000
                width, height = round((found.right - found.left) / side), round((found.top - found.bottom) / side)
                transform = Affine(side, 0, found.left, 0, -side, found.top)
                return CellGrid(name, CRS.from_epsg(found.epsg), transform, height, width)
    raise OptionError(f"`grid` {name} is none of {', '.join(GRIDS)}")


def grid_over(cell: float, crs: CRS, bounds: tuple[float, float, float, float]) -> CellGrid:
    """Return cells of a size that cover an extent, their borders at multiples of the size.

    Args:
        cell: The side of a cell in units of the CRS.
        crs: Projected.
        bounds: Left, bottom, right, top.

    Raises:
        OptionError: The size is none, the cells would be too many, or the CRS is in degrees.
    """
    if not cell > 0 or not math.isfinite(cell):
        raise OptionError(f"`cell` {cell:g} must be a positive number of map units")
    if not crs.is_projected:
        raise OptionError("`cell` needs a mask in a projected CRS; choose a named `grid` instead")
    left, bottom, right, top = bounds
    left, top = math.floor(left / cell + 1e-9) * cell, math.ceil(top / cell - 1e-9) * cell
    width, height = math.ceil((right - left) / cell - 1e-9), math.ceil((top - bottom) / cell - 1e-9)
    if width * height > MAX_CELLS:
        raise OptionError(f"`cell` {cell:g} would make {width} x {height} cells; choose larger ones")
    return CellGrid(f"{cell:g} m", crs, Affine(cell, 0, left, 0, -cell, top), max(1, height), max(1, width))
