"""Which part of a scene is wanted: a bounding box, an area of interest, and land that is left out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.windows import Window

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.raster.reading.scene import Scene

log = logging.getLogger(__name__)

NODATA = 255
"""The mask's value where the scene has no data, whatever the scene's own nodata is."""
UNSURE = 253
"""The mask's value where no class is as likely as the user wants it to be."""
LAND = 254
"""The mask's value where a land mask excluded the scene."""


@dataclass(frozen=True, slots=True)
class Region:
    """Polygons that say which pixels are wanted; in the scene's CRS."""

    aoi: tuple[Any, ...] | None = None
    """Only pixels whose centre lies in one of these geometries; None: everywhere."""
    land: tuple[Any, ...] = ()
    """Pixels whose centre lies in one of these geometries get `LAND`."""

    def excluded(
        self, rows: tuple[int, int], width: int, transform: Affine, valid: npt.NDArray[np.bool_] | None
    ) -> npt.NDArray[np.uint8] | None:
        """Return what the mask gets where nothing is classified, over full-width rows.

        Args:
            rows: First row and the row after the last.
            width: Pixels of a row.
            transform: Of the scene, so that row 0 is its first.
            valid: (rows, width), True = data; None: all of them.

        Returns:
            (rows, width): 0 classify, `NODATA` or `LAND`; None where everything is to be classified.
        """
        if valid is None and self.aoi is None and not self.land:
            return None
        shape = (rows[1] - rows[0], width)
        here = transform @ Affine.translation(0, rows[0])
        excluded = np.zeros(shape, np.uint8) if valid is None else np.where(valid, np.uint8(0), np.uint8(NODATA))
        if self.land:
            excluded[_burn(self.land, shape, here) & (excluded == 0)] = LAND
        if self.aoi is not None:
            excluded[~_burn(self.aoi, shape, here)] = NODATA
        return excluded


def _burn(geometries: Sequence[Any], shape: tuple[int, int], transform: Affine) -> npt.NDArray[np.bool_]:
    from rasterio.features import rasterize

    if not geometries:
        return np.zeros(shape, bool)
    burnt: npt.NDArray[np.uint8] = rasterize(geometries, out_shape=shape, transform=transform, dtype="uint8")
    return burnt.astype(bool)


def bbox_window(scene: Scene, bounds: tuple[float, float, float, float]) -> Window:
    """Return the window of all pixels that a box (left, bottom, right, top) in the scene's CRS touches.

    Raises:
        OptionError: The box lies outside the scene, or is no box.
    """
    left, bottom, right, top = bounds
    if not (left < right and bottom < top):
        raise OptionError(
            f"`bbox` {left:g},{bottom:g},{right:g},{top:g}: give left,bottom,right,top in the scene's CRS"
        )
    inverse = ~scene.transform
    corners = [inverse @ (x, y) for x in (left, right) for y in (bottom, top)]
    columns, rows = zip(*corners, strict=True)
    # A box drawn along pixel edges must not gain a row by rounding.
    first_row, last_row = max(0, int(np.floor(min(rows) + 1e-6))), min(scene.height, int(np.ceil(max(rows) - 1e-6)))
    first_col, last_col = (
        max(0, int(np.floor(min(columns) + 1e-6))),
        min(scene.width, int(np.ceil(max(columns) - 1e-6))),
    )
    if first_row >= last_row or first_col >= last_col:
        raise OptionError(
            f"{scene.path}: the wanted box or area lies outside the scene; it must be in, or overlap, the scene's extent"
        )
    return Window(
        col_off=scene.window.col_off + first_col,
        row_off=scene.window.row_off + first_row,
        width=last_col - first_col,
        height=last_row - first_row,
    )


def read_region(path: Path, scene: Scene, parameter: str) -> tuple[Any, ...]:
    """Read the polygons of a vector file and move them to the scene's CRS.

    Args:
        path: The file, or file:layer.
        scene: Where they are wanted.
        parameter: What they are for, for the texts.

    Returns:
        Geometries in the GeoJSON form that rasterio burns; none where all lie beyond what the scene's CRS can show.

    Raises:
        SceneError: The scene has no CRS to which they could be moved.
        DataError: The file cannot be read, or not be moved.
        OptionError: The file has no CRS, or holds no polygons.
    """
    import shapely
    from rasterio.transform import array_bounds

    from seaice_cli.raster.polygons.placing import move
    from seaice_cli.raster.polygons.reading import read_placed_areas

    if scene.crs is None:
        raise SceneError(f"{scene.path}: has no CRS, so {path} cannot be laid over it; use `bbox` in pixels instead")
    layers = read_placed_areas(path, parameter)
    bounds = array_bounds(scene.height, scene.width, scene.transform)
    valid = shapely.make_valid(np.concatenate([move(found, scene.crs, bounds, scene.path) for found in layers]))
    if not shapely.intersects(valid, _footprint(scene)).any():
        log.warning("%s: none of its polygons meets %s", path, scene.path)
    return tuple(shapely.geometry.mapping(p) for p in valid[~shapely.is_empty(valid)])


def _footprint(scene: Scene) -> Any:
    import shapely

    corners = ((0, 0), (scene.width, 0), (scene.width, scene.height), (0, scene.height))
    return shapely.Polygon([scene.transform @ corner for corner in corners])


def bounds_of(geometries: Sequence[Any]) -> tuple[float, float, float, float]:
    """Return (left, bottom, right, top) of geometries in the GeoJSON form; NaN if there are none."""
    import shapely
    from shapely.geometry import shape

    left, bottom, right, top = shapely.total_bounds([shape(g) for g in geometries])
    return float(left), float(bottom), float(right), float(top)
