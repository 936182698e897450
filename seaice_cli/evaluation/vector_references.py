"""Vector references, rasterised row by row on the grid of a prediction."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.errors import DataError
from seaice_cli.evaluation.masks import Ids, Legend, MaskGrid
from seaice_cli.raster.polygons.burning import BurntPolygons
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
        self._polygons = BurntPolygons(place(found, grid.crs, grid.transform, grid.shape, "the mask"))
        if len(found) and not len(self._polygons.intersecting(self._rows(0, grid.shape[0]))):
            LOGGER.warning("%s: none of its polygons lies in the scene; all of it is background", path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def read(self, top: int, bottom: int) -> Ids:
        """Return class ids (rows, width)."""
        return self._polygons.burn(self._rows(top, bottom), self._ids, fill=self._background)

    def objects(self, top: int, bottom: int, class_id: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the polygons of a class (rows, width), from 1, 0 outside."""
        numbers = np.arange(1, len(self._polygons) + 1, dtype=np.int64)
        return self._polygons.burn(self._rows(top, bottom), numbers, only=self._ids == class_id)

    def _rows(self, top: int, bottom: int) -> Window:
        return Window(col_off=0, row_off=top, width=self.grid.shape[1], height=bottom - top)


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
