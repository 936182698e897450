"""Burning polygons into windows of a raster."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from rasterio.features import rasterize
from rasterio.windows import Window


class BurntPolygons:
    """Polygons in the pixel coordinates of a raster (x = column, y = row), indexed, so that a window costs what lies in it.

    A pixel belongs to the polygon that holds its centre; where several do, the last one counts.
    """

    def __init__(self, geometries: npt.NDArray[np.object_]) -> None:
        self._geometries = geometries
        self._tree = shapely.STRtree(geometries)

    def __len__(self) -> int:
        return len(self._geometries)

    def intersecting(self, window: Window) -> npt.NDArray[np.intp]:
        """Return the indices of the polygons whose bounds meet a window, in their order."""
        left, top = window.col_off, window.row_off
        return np.sort(self._tree.query(shapely.box(left, top, left + window.width, top + window.height)))

    def burn(
        self, window: Window, values: npt.NDArray[Any], *, fill: int = 0, only: npt.NDArray[np.bool_] | None = None
    ) -> npt.NDArray[Any]:
        """Return (height, width) of a window: in each polygon its value, elsewhere `fill`.

        Args:
            window: In pixels of the raster; may reach beyond it.
            values: One whole number per polygon; their dtype is that of the result.
            fill: Where no polygon is.
            only: True where a polygon is to be burnt; None: all of them.
        """
        hits = self.intersecting(window)
        hits = hits if only is None else hits[only[hits]]
        shape = (window.height, window.width)
        if not len(hits):
            return np.full(shape, fill, values.dtype)
        burnt = rasterize(
            zip(self._geometries[hits], values[hits].tolist(), strict=True),
            out_shape=shape,
            fill=fill,
            transform=Affine.translation(window.col_off, window.row_off),
            # float64 holds every number that occurs exactly and is known to every version of GDAL, int64 is not
            dtype="uint8" if values.dtype == np.uint8 else "float64",
        )
        return np.asarray(burnt, values.dtype)
