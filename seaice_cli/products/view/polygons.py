"""Polygons of a page: simplified to what the finest level shows, in whole numbers, with their attributes."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from seaice_cli.errors import DataError, OptionError
from seaice_cli.products.pictures.frames import Frame
from seaice_cli.raster.polygons.names import linked
from seaice_cli.raster.polygons.reading import reading

LOGGER = logging.getLogger(__name__)
_PARTS = 4
"""Units of the whole numbers in a pixel."""
_DOUBT = ("doubt", "prob_mean")


def read_polygons(path: Path, frame: Frame, *, most: int) -> dict[str, Any]:
    """Return a layer of polygons as the browser is told it.

    Args:
        path: Any vector file that GDAL reads.
        frame: Of the page.
        most: So many are shown at most, the largest.

    Raises:
        DataError: The file cannot be read, or holds no polygons.
        OptionError: It cannot be brought to the page's CRS, or is a GeoParquet, whose attributes are not read here.
    """
    import pyogrio

    if path.suffix.lower() in (".parquet", ".geoparquet"):
        raise OptionError(f"{path}: a page shows no GeoParquet; write the polygons as .gpkg, .fgb or .geojson")

    with reading(path), linked(path) as plain:
        meta, _, binary, columns = pyogrio.raw.read(plain, force_2d=True)
    shapes = shapely.from_wkb(binary)
    kept = np.flatnonzero(np.isin(shapely.get_type_id(shapes), (3, 6)))
    if not kept.size:
        raise DataError(f"{path}: holds no polygons")
    if kept.size > most:
        LOGGER.warning("%s: the page shows the %d largest of its %d polygons", path, most, kept.size)
        kept = np.sort(kept[np.argsort(-shapely.area(shapes[kept]), kind="stable")[:most]])
    placed = _placed(path, shapes[kept], meta["crs"], frame)
    left, _, right, top = frame.bounds
    unit = (right - left) / frame.width / _PARTS
    simple = shapely.simplify(placed, 2 * unit, preserve_topology=True)
    return {
        "id": "polygons", "name": path.name, "opacity": 1.0, "visible": True, "unit": unit, "fields": [str(f) for f in meta["fields"]],
        "shapes": [_flat(shape, left, top, unit) for shape in simple],
        "rows": [[_plain(column[k]) for column in columns] for k in kept],
    }  # fmt: skip


def review_order(layer: dict[str, Any]) -> list[int]:
    """Return the polygons in the order of doubt: by `doubt`, else by how near `prob_mean` is to one half; else the largest first."""
    name = next((n for n in _DOUBT if n in layer["fields"]), None)
    if name is None:
        return list(range(len(layer["rows"])))
    column = layer["fields"].index(name)
    values = [row[column] if isinstance(row[column], (int, float)) else math.nan for row in layer["rows"]]
    scale = 100.0 if name == "prob_mean" and max((v for v in values if not math.isnan(v)), default=0) > 1 else 1.0
    keys = [-v if name == "doubt" else abs(v / scale - 0.5) for v in values]
    return sorted(range(len(keys)), key=lambda k: (math.isnan(keys[k]), keys[k]))


def class_names(layer: dict[str, Any]) -> list[str]:
    """Return the classes that polygons of a layer have."""
    if "class_name" not in layer["fields"]:
        return []
    column = layer["fields"].index("class_name")
    return sorted({str(row[column]) for row in layer["rows"]})


def _placed(path: Path, shapes: npt.NDArray[Any], crs: str | None, frame: Frame) -> npt.NDArray[Any]:
    if (crs is None) != (frame.crs is None):
        raise OptionError(f"{path}: one of the files says where on earth it is and the other does not")
    if crs is None or frame.crs is None:
        flipped = shapely.total_bounds(shapes)[3] > 0  # rows counted downwards
        turned: npt.NDArray[Any] = shapely.transform(shapes, lambda xy: xy * (1, -1)) if flipped else shapes
        return turned
    own, wanted = pyproj.CRS.from_user_input(crs), pyproj.CRS.from_wkt(frame.crs.to_wkt())
    if own == wanted:
        return shapes
    change = pyproj.Transformer.from_crs(own, wanted, always_xy=True)
    placed: npt.NDArray[Any] = shapely.transform(
        shapes, lambda xy: np.stack(change.transform(xy[:, 0], xy[:, 1]), axis=1)
    )
    if not np.isfinite(shapely.bounds(placed)).all():
        raise OptionError(f"{path}: cannot be brought to the CRS of the page; reproject it first (ogr2ogr -t_srs)")
    return placed


def _flat(shape: Any, left: float, top: float, unit: float) -> list[list[list[int]]]:
    """Return the parts and rings of a polygon: differences of whole numbers, across and down."""
    parts = []
    for part in getattr(shape, "geoms", [shape]):
        rings = []
        for ring in (part.exterior, *part.interiors):
            xy = shapely.get_coordinates(ring)
            whole = np.rint((xy - (left, top)) / (unit, -unit)).astype(np.int64)
            rings.append(np.diff(whole, axis=0, prepend=0).ravel().tolist())
        parts.append(rings)
    return parts


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
