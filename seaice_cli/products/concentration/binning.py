"""Binning: the true area of every pixel is shared out among the cells of a grid that it lies in.

A pixel is the quadrilateral of its four corners on the grid; where it crosses the border of cells it is clipped by them, so that sums
are exact at cell borders. Corners are computed at nodes some pixels apart and are linear between them, as long as that is off by
less than a hundredth of a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS

from seaice_cli.products.concentration.grids import CellGrid, equal_area
from seaice_cli.products.meanings import KINDS
from seaice_cli.raster.area import pixel_area

Array = npt.NDArray[Any]

_NODE_METRES = 6000.0
"""Between nodes, at most: areas are linear to (6 km / earth radius)² / 8, a ten-millionth."""
_TOLERANCE = 0.01
"""Pixels by which a corner may be off."""
_EARTH_METRES = 6.4e6


@dataclass(slots=True)
class CellSums:
    """What was summed up in the cells of a grid."""

    area: Array
    """(height, width, KINDS) true areas in m²."""
    variance: Array
    """(height, width) sum of a² p (1 - p) over known pixels in m⁴; 0 where no probability is known."""
    pixels: Array
    """(height, width) how many pixels of ice and water have their middle in the cell."""

    @classmethod
    def empty(cls, grid: CellGrid) -> CellSums:
        """Return sums of nothing."""
        shape = (grid.height, grid.width)
        return cls(np.zeros((*shape, KINDS)), np.zeros(shape), np.zeros(shape, np.int64))


class Binner:
    """Shares the pixels of a raster out among the cells of a grid.

    Args:
        grid: The cells.
        crs: Of the raster.
        transform: Of the raster.
        height: Rows of the raster.
        width: Columns of the raster.
    """

    def __init__(self, grid: CellGrid, crs: CRS, transform: Affine, height: int, width: int) -> None:
        self._grid, self._crs, self._transform = grid, crs, transform
        self._height, self._width = height, width
        self._change = (
            None if crs == grid.crs else Transformer.from_crs(crs.to_wkt(), grid.crs.to_wkt(), always_xy=True)
        )
        self.step = self._choose_step()
        self._columns = self._nodes(width)
        self._constant = equal_area(crs, transform, height, width)

    def add(self, sums: CellSums, kinds: Array, top: int, probability: Array | None = None) -> None:
        """Add full-width rows to the sums.

        Args:
            sums: Are added to.
            kinds: (rows, width) uint8 of `NODATA`, `ICE`, `WATER`, `UNKNOWN`, `LAND`.
            top: Row of the raster that they begin with.
            probability: (rows, width) uint8 per cent of ice, 255 where it is not known; shares known pixels between ice and water.
        """
        from seaice_cli.products.concentration.kernels import bin_rows

        percent = np.empty((0, 0), np.uint8) if probability is None else np.ascontiguousarray(probability)
        kinds = np.ascontiguousarray(kinds)
        end = top + len(kinds)
        edges = np.append(np.arange(top // self.step * self.step, end, self.step), 0)
        edges[-1] = min(edges[-2] + self.step, self._height)
        u, v, area = self._lattice(edges.astype(np.float64), self._columns)
        for k, (upper, lower) in enumerate(pairwise(edges.tolist())):
            at = slice(max(upper, top) - top, min(lower, end) - top)
            here = slice(k, k + 2)
            bin_rows(
                kinds[at], percent[at], u[here], v[here], area[here], self._columns, max(upper, top) - upper, lower - upper,
                sums.area, sums.variance, sums.pixels,
            )  # fmt: skip

    def _lattice(self, rows: Array, columns: Array) -> tuple[Array, Array, Array]:
        """Return grid columns, grid rows and the true areas of pixels at all nodes, (rows, columns) each; NaN where undefined."""
        at_rows, at_columns = np.meshgrid(rows, columns, indexing="ij")
        u, v = self._positions(at_rows, at_columns)
        if self._constant is not None:
            return u, v, np.full(u.shape, self._constant)
        area = pixel_area(self._crs, self._transform, at_rows.ravel(), at_columns.ravel()).reshape(u.shape)
        return u, v, np.where(np.isfinite(area), area, np.nan)

    def _positions(self, rows: Array, columns: Array) -> tuple[Array, Array]:
        x, y = self._transform @ (columns, rows)
        if self._change is not None:
            x, y = self._change.transform(x, y)
        u, v = ~self._grid.transform @ (np.asarray(x), np.asarray(y))
        known = np.isfinite(u) & np.isfinite(v)
        return np.where(known, u, np.nan), np.where(known, v, np.nan)

    def _nodes(self, length: int) -> Array:
        return np.append(np.arange(0, length, self.step, dtype=np.float64), float(length))

    def _choose_step(self) -> int:
        """Return how many pixels lie between nodes: as many as keep corners within `_TOLERANCE`."""
        unit = self._crs.linear_units_factor[1] if self._crs.is_projected else np.pi / 180 * _EARTH_METRES
        side = np.sqrt(abs(self._transform.determinant)) * unit
        step = max(1, min(int(_NODE_METRES / side), max(self._height, self._width)))
        while step > 1 and not self._is_linear(step):
            step //= 2
        return step

    def _is_linear(self, step: int) -> bool:
        rows, columns = (
            np.linspace(0, max(0, length - step), min(9, max(1, length // step)))
            for length in (self._height, self._width)
        )
        corner = [np.asarray(a) for a in np.meshgrid(rows, columns, indexing="ij")]
        around = [self._positions(corner[0] + dr, corner[1] + dc) for dr in (0, step) for dc in (0, step)]
        middle = self._positions(corner[0] + step / 2, corner[1] + step / 2)
        pixel = self._positions(corner[0] + step / 2, corner[1] + step / 2 + 1)
        size = np.hypot(pixel[0] - middle[0], pixel[1] - middle[1])
        off = np.hypot(*(sum(a[i] for a in around) / 4 - middle[i] for i in (0, 1)))
        return bool(np.all((off <= _TOLERANCE * size) | ~np.isfinite(off)))
