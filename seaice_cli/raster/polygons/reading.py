"""Polygons of vector files, read past what could harm."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyogrio
import pyproj
import shapely

from seaice_cli.errors import DataError

LOGGER = logging.getLogger(__name__)

Geometries = npt.NDArray[np.object_]

POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True, slots=True)
class Polygons:
    """The polygons of a layer, in the order of the file."""

    path: Path
    geometries: Geometries
    """Polygons and multipolygons in two dimensions, none missing."""
    numbers: npt.NDArray[np.int64]
    """Ids of their features."""
    values: list[Any] | None
    """Of the attribute that was asked for."""
    crs: str
    """As text that PROJ reads; empty if the file does not say."""

    def __len__(self) -> int:
        return len(self.geometries)


def read_polygons(
    path: Path, *, layer: str | None = None, attribute: str | None = None, strict: bool = True
) -> Polygons:
    """Read the polygons of a vector file.

    Args:
        path: Any file that GDAL reads, or a GeoParquet.
        layer: Its name; None: the only one.
        attribute: The field whose values are wanted.
        strict: Refuse several layers where none is named, and features that are no polygons. If not, the first layer is taken, and
            its polygons alone; of GML always.

    Raises:
        DataError: The file is missing or damaged, names other files, or lacks the layer or the attribute; or it is refused as above.
    """
    _refuse_list(path)
    parquet = path.suffix.lower() in (".parquet", ".geoparquet")
    with reading(path):
        found = (
            _read_parquet(path, attribute, strict=strict)
            if parquet
            else _read_layer(path, layer, attribute, strict=strict)
        )
    others = np.flatnonzero(~np.isin(shapely.get_type_id(found.geometries), (-1, *POLYGONS)))
    if strict and len(others):
        kind = found.geometries[others[0]].geom_type
        raise DataError(f"{path}, feature {found.numbers[others[0]]}: is a {kind}; only polygons are of use here")
    return _select(found, np.isin(shapely.get_type_id(found.geometries), POLYGONS))


def _select(found: Polygons, chosen: npt.NDArray[np.bool_]) -> Polygons:
    values = None if found.values is None else [v for v, kept in zip(found.values, chosen, strict=True) if kept]
    return replace(found, geometries=found.geometries[chosen], numbers=found.numbers[chosen], values=values)


def _refuse_list(path: Path) -> None:
    """Refuse a file that names other files and addresses, which OGR would open."""
    if path.is_dir():  # a geodatabase
        return
    try:
        with path.open("rb") as file:
            listing = b"<OGRVRT" in file.read(4096)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if listing:
        raise DataError(f"{path}: only names other files; name the file with the polygons itself")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of GDAL, GEOS and Arrow into one line, and their warnings into the log."""
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            yield
    except (RuntimeError, ValueError, LookupError, OSError, shapely.errors.ShapelyError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise DataError(f"{path}: cannot be read as a vector file ({lines[0][:200]}); try it with ogrinfo") from error
    for warning in said:
        LOGGER.info("%s: %s", path, warning.message)


def _read_layer(path: Path, layer: str | None, attribute: str | None, *, strict: bool) -> Polygons:
    # Not fiona: it crashes on damaged GeoPackages whose error texts are no UTF-8.
    markup = path.suffix.lower() in (".gml", ".xml")
    if not markup:  # to list layers would leave a file beside it
        layer = _choose_layer(path, layer, strict=strict)
        names = pyogrio.read_info(path, layer=layer)["fields"].tolist()
        if attribute is not None and attribute not in names:
            raise DataError(f"{path}: has no attribute {attribute!r}; it has {', '.join(names) or 'none'}")
    found, numbers, binary, fields = pyogrio.raw.read(
        path, layer=layer, columns=[] if attribute is None else [attribute], return_fids=True,
        **({"WRITE_GFS": "NO"} if markup else {}),
    )  # fmt: skip
    if attribute is not None and not fields:
        raise DataError(f"{path}: has no attribute {attribute!r}")
    if binary is None:
        binary = np.empty(0, object)
    values = None if attribute is None else fields[0].tolist()
    return Polygons(path, _decode(path, binary, strict=strict), numbers[: len(binary)], values, found["crs"] or "")


def _decode(path: Path, binary: npt.NDArray[np.object_], *, strict: bool) -> Geometries:
    """Read well-known binary; what is damaged beyond repair is refused, or left out and told."""
    geometries: Geometries = shapely.force_2d(shapely.from_wkb(binary, on_invalid="fix"))
    given = np.array([value is not None for value in binary], bool)
    damaged = np.flatnonzero(shapely.is_missing(geometries) & given)
    if len(damaged) and strict:
        raise DataError(
            f"{path}: the geometry of its feature {damaged[0] + 1} is damaged; mend it, or take the feature out"
        )
    if len(damaged):
        LOGGER.warning("%s: %d geometries are damaged; left out", path, len(damaged))
    return geometries


def _choose_layer(path: Path, layer: str | None, *, strict: bool) -> str:
    names = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
    if layer is None and names and (len(names) == 1 or not strict):
        return names[0]
    if layer not in names:
        fault = "has no layer with geometries" if not names else f"has no layer {layer!r}"
        fault = "has several layers" if names and layer is None else fault
        raise DataError(f"{path}: {fault}" + (f"; name one of {', '.join(names)}" if names else ""))
    return str(layer)


def _read_parquet(path: Path, attribute: str | None, *, strict: bool) -> Polygons:
    """Read a GeoParquet, which GDAL as it comes with Python does not know."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    column, about = _find_geometry(path, schema.metadata or {})
    if column not in schema.names or not (
        pa.types.is_binary(t := schema.field(column).type) or pa.types.is_large_binary(t)
    ):
        raise DataError(f"{path}: is no GeoParquet; it has no column {column!r} of well-known binary")
    if attribute is not None and attribute not in schema.names:
        raise DataError(f"{path}: has no attribute {attribute!r}; it has {', '.join(schema.names)}")
    table = pq.read_table(path, columns=[column, *([] if attribute is None else [attribute])])
    geometries = _decode(path, table[column].to_numpy(), strict=strict)
    crs = about.get("crs", "OGC:CRS84")  # unless it says that there is none, by null
    values = None if attribute is None else table[attribute].to_pylist()
    text = pyproj.CRS.from_user_input(crs).to_wkt() if crs else ""
    return Polygons(path, geometries, np.arange(len(geometries)), values, text)


def _find_geometry(path: Path, metadata: dict[bytes, bytes]) -> tuple[str, dict[str, Any]]:
    """Return the column of geometries and what is said of it, as GeoParquet 1.1 has it."""
    geo = json.loads(metadata.get(b"geo", b"{}"))
    column = geo.get("primary_column") if isinstance(geo, dict) else None
    columns = geo.get("columns") if column else None
    about = columns.get(column) if isinstance(columns, dict) and isinstance(column, str) else None
    if not isinstance(about, dict):
        raise DataError(f"{path}: is no GeoParquet; its metadata names no column of geometries")
    if about.get("encoding") != "WKB":
        raise DataError(f"{path}: holds geometries as {str(about.get('encoding'))[:40]!r}, not as WKB; write it so")
    return str(column), about
