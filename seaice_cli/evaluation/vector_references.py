"""Vector references, rasterised row by row on the grid of a prediction."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from rasterio.features import rasterize

from seaice_cli.errors import DataError
from seaice_cli.evaluation.masks import Ids, Legend, MaskGrid
from seaice_cli.raster.polygons.placing import place
from seaice_cli.raster.polygons.reading import Polygons, read_polygons

LOGGER = logging.getLogger(__name__)


class FeatureReader:
    """Polygons with classes, in the pixel coordinates of a grid; a pixel belongs to the last polygon that holds its centre.

    Args:
        path: A vector file.
        legend: Which attribute names the class, and what its values stand for.
        grid: The grid to read on.

    Raises:
        DataError: The file cannot be read, holds other things than polygons, or a polygon has no known class.
    """

    def __init__(self, path: Path, *, legend: Legend, grid: MaskGrid) -> None:
        self.path, self.grid, self._background = path, grid, legend.background
        found = read_polygons(path, layer=legend.layer, attribute=legend.attribute)
        self._ids = np.array([_class(found, k, legend) for k in range(len(found))], np.uint8)
        self._pixels = place(found, grid.crs, grid.transform, grid.shape, "the mask")
        self._tree = shapely.STRtree(self._pixels)
        if len(found) and not len(self._tree.query(shapely.box(0, 0, grid.shape[1], grid.shape[0]))):
            LOGGER.warning("%s: none of its polygons lies in the scene; all of it is background", path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def read(self, top: int, bottom: int) -> Ids:
        """Return class ids (rows, width)."""
        numbers = self._burnt(top, bottom, np.arange(len(self._pixels)))
        return np.append(np.uint8(self._background), self._ids)[numbers].astype(np.uint8)

    def objects(self, top: int, bottom: int, class_id: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the polygons of a class (rows, width), from 1, 0 outside."""
        return self._burnt(top, bottom, np.flatnonzero(self._ids == class_id))

    def _burnt(self, top: int, bottom: int, chosen: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        width = self.grid.shape[1]
        hits = np.intersect1d(self._tree.query(shapely.box(0, top, width, bottom)), chosen)
        if not len(hits):
            return np.zeros((bottom - top, width), np.int64)
        shapes = zip(self._pixels[hits], (hits + 1).tolist(), strict=True)
        # float64 holds every number exactly and is known to every version of GDAL, int64 is not
        burnt = rasterize(
            shapes, out_shape=(bottom - top, width), transform=Affine.translation(0, top), dtype="float64"
        )
        return np.asarray(burnt, dtype=np.int64)


def _class(polygons: Polygons, index: int, legend: Legend) -> int:
    if polygons.values is None:
        return legend.inside
    value = polygons.values[index]
    class_id = legend.class_of(value)
    if class_id is None:
        raise DataError(
            f"{polygons.path}, feature {polygons.numbers[index]}: {legend.attribute} is {str(value)[:80]!r}, which is no class; "
            "say what it stands for with `values`, as in water:0,ice:1"
        )
    return class_id
