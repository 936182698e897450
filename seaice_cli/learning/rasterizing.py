"""Vector labels as class ids, burnt in windows on the pixels of a scene."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyogrio
import pyproj
import shapely
from affine import Affine
from rasterio.features import rasterize
from rasterio.windows import Window

from seaice_cli.errors import DataError
from seaice_cli.learning.palettes import IGNORE
from seaice_cli.learning.rasters import open_raster
from seaice_cli.learning.rules import LabelRules

log = logging.getLogger(__name__)
_POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True, slots=True)
class Layer:
    """The polygons of a vector label in the pixel coordinates of a scene (x = column, y = row)."""

    geometries: npt.NDArray[np.object_]
    ids: npt.NDArray[np.uint8]
    """The class of every geometry; where two lie over each other, the later one counts."""
    tree: shapely.STRtree
    height: int
    """Of the scene, in pixels."""
    width: int
    background: int

    def rasterize(self, window: Window | None = None) -> npt.NDArray[np.uint8]:
        """Return (height, width) class ids of a window; a pixel belongs to the polygon that holds its centre."""
        window = window or Window(col_off=0, row_off=0, width=self.width, height=self.height)
        corner = window.col_off, window.row_off
        box = shapely.box(*corner, corner[0] + window.width, corner[1] + window.height)
        hits = np.sort(self.tree.query(box))
        shape = (window.height, window.width)
        if not len(hits):
            return np.full(shape, self.background, dtype=np.uint8)
        return np.asarray(
            rasterize(
                zip(self.geometries[hits], self.ids[hits].tolist(), strict=True),
                out_shape=shape,
                fill=self.background,
                transform=Affine.translation(*corner),
                dtype="uint8",
            )
        )


def read_layer(vector: Path, image: Path, rules: LabelRules) -> Layer:
    """Read a vector label in the pixel coordinates of an image.

    Raises:
        DataError: The file cannot be read, has several layers and none is named, holds other things than polygons, a polygon without a
            known class, or lies in a CRS that cannot be brought to the image's.
    """
    geometries, ids, crs = _read_features(vector, rules)
    with open_raster(image) as dataset:
        places = _project(vector, geometries, crs, image, dataset.crs)
        pixels = _to_pixels(places, ~dataset.transform)
        return Layer(pixels, ids, shapely.STRtree(pixels), dataset.height, dataset.width, rules.background)


def _read_features(vector: Path, rules: LabelRules) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.uint8], str]:
    """Read geometries, their classes, and the CRS as text; features without a geometry are left out."""
    with _reading(vector):
        layer = _layer_name(vector, rules)
        _refuse_unknown_attribute(vector, rules, pyogrio.read_info(vector, layer=layer)["fields"].tolist())
        columns = [] if rules.attribute is None else [rules.attribute]
        found, fids, wkb, fields = pyogrio.raw.read(
            vector, layer=layer, columns=columns, force_2d=True, return_fids=True
        )
        geometries = shapely.from_wkb(wkb)
    _refuse_no_polygons(vector, fids, geometries)
    ids = np.ones(len(geometries), dtype=np.uint8)
    if rules.attribute is not None:
        ids[:] = [_class_of(f"{vector}, feature {fid}", v, rules) for fid, v in zip(fids, fields[0], strict=True)]
    present = ~shapely.is_missing(geometries)
    return geometries[present], ids[present], found["crs"] or ""


@contextmanager
def _reading(vector: Path) -> Iterator[None]:
    """Turn errors of GDAL and GEOS into one line, and their warnings into the log."""
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            yield
    except (RuntimeError, ValueError, OSError, shapely.errors.ShapelyError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise DataError(f"{vector}: cannot be read ({lines[0][:200]})") from error
    for warning in said:
        log.info("%s: %s", vector, warning.message)


def _layer_name(vector: Path, rules: LabelRules) -> str:
    names = [str(name) for name, geometry in pyogrio.list_layers(vector) if geometry is not None]
    if rules.layer is None and len(names) == 1:
        return names[0]
    if rules.layer not in names:
        fault = "has no layer with geometries" if not names else f"has no layer {rules.layer!r}"
        fault = "has several layers" if names and rules.layer is None else fault
        raise DataError(f"{vector}: {fault}" + (f"; name one of {', '.join(names)}" if names else ""))
    return str(rules.layer)


def _refuse_unknown_attribute(vector: Path, rules: LabelRules, names: list[str]) -> None:
    if rules.attribute is not None and rules.attribute not in names:
        raise DataError(f"{vector}: has no attribute {rules.attribute!r}; it has {', '.join(names) or 'none'}")


def _refuse_no_polygons(vector: Path, fids: npt.NDArray[np.int64], geometries: npt.NDArray[np.object_]) -> None:
    others = np.flatnonzero(~np.isin(shapely.get_type_id(geometries), (-1, *_POLYGONS)))
    if len(others):
        kind = geometries[others[0]].geom_type
        raise DataError(f"{vector}, feature {fids[others[0]]}: is a {kind}; labels are polygons")


def _class_of(where: str, value: object, rules: LabelRules) -> int:
    class_id = rules.class_of(value)
    if class_id is None:
        raise DataError(
            f"{where}: {rules.attribute} is {str(value)[:80]!r}, which is no class ({rules.describe()}); "
            f"say what it stands for, as in `ice:1`, or `{IGNORE}` to ignore it"
        )
    return class_id


def _project(
    vector: Path, geometries: npt.NDArray[np.object_], wkt: str, image: Path, crs: Any
) -> npt.NDArray[np.object_]:
    """Bring geometries into the CRS of the image; those that lie wholly beyond what it can show become empty."""
    if not wkt or crs is None:
        if wkt:
            raise DataError(f"{vector}: has a CRS but the image {image.name} has none, so it cannot be laid over it")
        if crs is not None:
            log.warning("%s: has no CRS; taken to be in that of %s", vector, image.name)
        return geometries
    try:
        change = pyproj.Transformer.from_crs(wkt, crs.to_wkt(), always_xy=True)
        if change.source_crs == change.target_crs:
            return geometries
        moved = shapely.transform(geometries, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1])))
    except pyproj.exceptions.ProjError as error:
        raise DataError(f"{vector}: cannot be brought into the CRS of {image.name} ({str(error)[:200]})") from error
    return _without_infinite(vector, moved)


def _without_infinite(vector: Path, geometries: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    coordinates, owners = shapely.get_coordinates(geometries, return_index=True)
    finite = np.isfinite(coordinates).all(axis=1)
    lost, kept = np.unique(owners[~finite]), np.unique(owners[finite])
    if len(torn := np.intersect1d(lost, kept)):
        raise DataError(f"{vector}, polygon {torn[0] + 1}: reaches beyond what the image's CRS can show; clip it first")
    return np.array([shapely.Polygon() if i in set(lost) else g for i, g in enumerate(geometries)], dtype=object)


def _to_pixels(geometries: npt.NDArray[np.object_], inverse: Affine) -> npt.NDArray[np.object_]:
    a, b, c, d, e, f = tuple(inverse)[:6]
    return np.asarray(
        shapely.transform(
            geometries,
            lambda xy: np.column_stack((a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f)),
        ),
        dtype=object,
    )
