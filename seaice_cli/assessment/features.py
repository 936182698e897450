"""Vector references, rasterised row by row on the grid of a prediction."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any, Self

import antimeridian
import fiona
import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from affine import Affine
from fiona.errors import FionaError
from rasterio.features import rasterize

from seaice_cli.assessment.masks import Ids, Legend, MaskGrid
from seaice_cli.errors import DataError

log = logging.getLogger(__name__)
SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".fgb", ".gml", ".kml", ".parquet")
_PIECES = 64
"""A long edge is cut into this many before it is moved to another CRS, so that its curve is followed."""


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
        geometries, self._ids, crs = _read(path, legend)
        self._pixels = _in_pixels(_moved(path, geometries, crs, grid), grid)
        self._tree = shapely.STRtree(self._pixels)
        if len(geometries) and not len(self._tree.query(shapely.box(0, 0, grid.shape[1], grid.shape[0]))):
            log.warning("%s: none of its polygons lies in the scene; all of it is background", path)

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


def _read(path: Path, legend: Legend) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.uint8], str]:
    try:
        with fiona.open(path, layer=_layer(path, legend)) as source:
            names = list(source.schema["properties"])
            if legend.attribute is not None and legend.attribute not in names:
                raise DataError(f"{path}: has no attribute {legend.attribute!r}; it has {', '.join(names) or 'none'}")
            pairs = [(_polygon(path, f), _class(path, f, legend)) for f in source if f.geometry is not None]
            crs = source.crs_wkt
    except (FionaError, OSError) as error:
        raise DataError(f"{path}: cannot be read as a vector file ({str(error)[:200]})") from error
    geometries = np.array([geometry for geometry, _ in pairs], dtype=object)
    return geometries, np.array([class_id for _, class_id in pairs], dtype=np.uint8), crs


def _layer(path: Path, legend: Legend) -> str:
    names = fiona.listlayers(path)
    if legend.layer is None and len(names) == 1:
        return str(names[0])
    if legend.layer not in names:
        fault = "has several layers" if legend.layer is None else f"has no layer {legend.layer!r}"
        raise DataError(f"{path}: {fault}; name one of {', '.join(names)}")
    return str(legend.layer)


def _polygon(path: Path, feature: Any) -> Any:
    geometry = shapely.geometry.shape(feature.geometry)
    if geometry.geom_type not in ("Polygon", "MultiPolygon"):
        raise DataError(f"{path}, feature {feature.id}: is a {geometry.geom_type}; a reference holds polygons")
    return shapely.force_2d(geometry)


def _class(path: Path, feature: Any, legend: Legend) -> int:
    if legend.attribute is None:
        return legend.inside
    value = feature.properties[legend.attribute]
    class_id = legend.class_of(value)
    if class_id is None:
        raise DataError(
            f"{path}, feature {feature.id}: {legend.attribute} is {str(value)[:80]!r}, which is no class; "
            "say what it stands for with --values, as in water:0,ice:1"
        )
    return class_id


def _moved(path: Path, geometries: npt.NDArray[np.object_], wkt: str, grid: MaskGrid) -> npt.NDArray[np.object_]:
    """Bring geometries into the CRS of the grid; those that lie beyond what it can show are left out."""
    if not wkt or grid.crs is None:
        if wkt:
            raise DataError(f"{path}: has a CRS but the mask has none, so it cannot be laid over it")
        log.warning("%s: has no CRS; taken to be in that of the mask", path)
        return geometries
    change = pyproj.Transformer.from_crs(wkt, grid.crs.to_wkt(), always_xy=True)
    if change.source_crs == change.target_crs or not len(geometries):
        return geometries
    if change.source_crs.is_geographic:
        geometries = _cut(geometries)
    left, bottom, right, top = shapely.bounds(geometries).T
    dense = shapely.segmentize(geometries, np.maximum(np.maximum(right - left, top - bottom) / _PIECES, 1e-9))
    moved = shapely.transform(dense, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1])))
    coordinates, owners = shapely.get_coordinates(moved, return_index=True)
    lost = np.unique(owners[~np.isfinite(coordinates).all(axis=1)])
    if len(lost):
        log.warning("%s: %d polygons reach beyond what the CRS of the mask can show; ignored", path, len(lost))
        moved[lost] = shapely.Polygon()
    return np.asarray(moved, dtype=object)


def _cut(geometries: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Cut polygons whose longitudes jump from 180 to -180 in two, before anything looks at their edges."""
    left, _, right, _ = shapely.bounds(geometries).T
    cut = geometries.copy()
    with warnings.catch_warnings():
        # Clockwise rings are common and mean the same here.
        warnings.simplefilter("ignore", antimeridian.FixWindingWarning)
        for i in np.flatnonzero(right - left > 180):
            fix = antimeridian.fix_polygon if geometries[i].geom_type == "Polygon" else antimeridian.fix_multi_polygon
            cut[i] = fix(geometries[i])
    return cut


def _in_pixels(geometries: npt.NDArray[np.object_], grid: MaskGrid) -> npt.NDArray[np.object_]:
    a, b, c, d, e, f = tuple(~grid.transform)[:6]

    def to_pixels(xy: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.column_stack((a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f))

    return np.asarray(shapely.transform(geometries, to_pixels), dtype=object)
