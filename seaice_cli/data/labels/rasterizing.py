"""Vector labels as class ids, burnt in windows on the pixels of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.data.labels.encoding import LabelEncoding, show_value
from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.data.rasters import open_raster
from seaice_cli.errors import DataError
from seaice_cli.raster.polygons.burning import BurntPolygons
from seaice_cli.raster.polygons.placing import place
from seaice_cli.raster.polygons.reading import Polygons, read_polygons


@dataclass(frozen=True, slots=True)
class Layer:
    """The polygons of a vector label on the pixels of a scene."""

    polygons: BurntPolygons
    ids: npt.NDArray[np.uint8]
    """The class of every polygon."""
    height: int
    """Of the scene, in pixels."""
    width: int
    background: int

    def rasterize(self, window: Window | None = None) -> npt.NDArray[np.uint8]:
        """Return (height, width) class ids of a window; None: of the scene."""
        window = window or Window(col_off=0, row_off=0, width=self.width, height=self.height)
        return self.polygons.burn(window, self.ids, fill=self.background)


def read_layer(vector: Path, image: Path, encoding: LabelEncoding) -> Layer:
    """Read a vector label in the pixel coordinates of an image.

    Raises:
        DataError: The file cannot be read, has several layers and none is named, holds other things than polygons, a polygon without a
            known class, or lies in a CRS that cannot be brought to the image's.
    """
    found = read_polygons(vector, layer=encoding.layer, attribute=encoding.attribute)
    ids = np.array([_class_of(found, k, encoding) for k in range(len(found))], np.uint8)
    with open_raster(image) as dataset:
        crs, transform, height, width = dataset.crs, dataset.transform, dataset.height, dataset.width
    polygons = BurntPolygons(place(found, crs, transform, (height, width), image.name))
    return Layer(polygons, ids, height, width, encoding.background)


def _class_of(polygons: Polygons, index: int, encoding: LabelEncoding) -> int:
    if polygons.values is None:
        return 1
    value = polygons.values[index]
    class_id = encoding.class_of(value)
    if class_id is None:
        raise DataError(
            f"{polygons.path}, feature {polygons.numbers[index]}: {encoding.attribute} is {show_value(value)}, which is no class "
            f"({encoding.describe()}); say what it stands for, as in `ice:1`, or `{IGNORE}` to ignore it"
        )
    return class_id
