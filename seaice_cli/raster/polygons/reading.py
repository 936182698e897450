"""Polygons of vector files, read past what could harm."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyogrio
import pyproj
import shapely

from seaice_cli.errors import DataError, OptionError
from seaice_cli.raster.polygons.names import linked, shown_layer, split_layer

LOGGER = logging.getLogger(__name__)

Geometries = npt.NDArray[np.object_]

_SURFACE = re.compile("Polygon|Surface|Collection|Unknown|TIN|Triangle")
"""Kinds of geometry of a layer that may hold polygons."""
_FOLDERS = (".kml", ".kmz", ".gml", ".xml", ".dxf", ".gpx")
"""Formats whose layers are parts of one drawing."""
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


def read_polygons(path: Path, *, layer: str | None = None, attribute: str | None = None) -> Polygons:
    """Read the polygons of one layer of a vector file, which must hold nothing else.

    Args:
        path: Any file that GDAL reads, or a GeoParquet.
        layer: Its name; None: the only one.
        attribute: The field whose values are wanted.

    Raises:
        DataError: The file is missing or damaged, names other files, lacks the layer or the attribute, has several layers where none
            is named, or holds something that is no polygon.
    """
    (found,) = _read(path, layer, attribute, strict=True)
    others = np.flatnonzero(~np.isin(shapely.get_type_id(found.geometries), (-1, *POLYGONS)))
    if len(others):
        kind = found.geometries[others[0]].geom_type
        raise DataError(f"{path}, feature {found.numbers[others[0]]}: is a {kind}; only polygons are of use here")
    return _select(found, np.isin(shapely.get_type_id(found.geometries), POLYGONS))


def read_areas(path: Path, *, layer: str | None = None) -> list[Polygons]:
    """Read every polygon of a vector file, by layers; lines and points are left out, and told.

    Where folders of a file are its layers, as in KML, all are read; of a database with several layers that hold polygons, one must be
    named.

    Raises:
        DataError: The file is missing or damaged, names other files, lacks the layer, or has several of which none is named.
    """
    return [_only_polygons(path, found) for found in _read(path, layer, None, strict=False)]


def read_placed_areas(named: Path, parameter: str) -> list[Polygons]:
    """Read every polygon of a vector file that says where on earth they are, by layers, none of them empty.

    Args:
        named: The file, or file:layer.
        parameter: What they are for, for the texts.

    Raises:
        DataError: As `read_areas`.
        OptionError: The file holds no polygons, or has no CRS.
    """
    file, layer = split_layer(named)
    layers = [found for found in read_areas(file, layer=layer) if not shapely.is_empty(found.geometries).all()]
    if not layers:
        raise OptionError(f"{named}: holds no polygons for `{parameter}`")
    if not all(found.crs for found in layers):
        raise OptionError(f"{named}: has no CRS; assign one first (ogr2ogr -a_srs)")
    return layers


def count_values(path: Path, *, layer: str | None = None) -> dict[str, int]:
    """Return how many different values the attributes of a layer have, without those that tell every feature from all others.

    Raises:
        DataError: As `read_polygons`.
    """
    if path.suffix.lower() in (".parquet", ".geoparquet"):
        return {}
    with reading(path), linked(path) as plain:
        (name,) = _choose_layers(path, plain, layer, strict=True)
        found, _, _, columns = pyogrio.raw.read(plain, layer=name, read_geometry=False)
    counts = {str(n): len({str(v) for v in c}) for n, c in zip(found["fields"], columns, strict=True)}
    features = max((len(c) for c in columns), default=0)
    return {n: k for n, k in counts.items() if k < features or features < 3}


def _only_polygons(path: Path, found: Polygons) -> Polygons:
    kinds = shapely.get_type_id(found.geometries)
    others = ~np.isin(kinds, (-1, *POLYGONS)) & ~shapely.is_empty(found.geometries)
    if others.any():
        LOGGER.warning("%s: %d of its features are no polygons; left out", path, others.sum())
    return _select(found, np.isin(kinds, POLYGONS))


def _read(path: Path, layer: str | None, attribute: str | None, *, strict: bool) -> list[Polygons]:
    _refuse_list(path)
    with reading(path):
        if path.suffix.lower() in (".parquet", ".geoparquet"):
            return [_read_parquet(path, attribute, strict=strict)]
        with linked(path) as plain:
            layers = _choose_layers(path, plain, layer, strict=strict)
            return [_read_layer(path, plain, name, attribute, strict=strict) for name in layers]


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


def _read_layer(path: Path, plain: Path, layer: str, attribute: str | None, *, strict: bool) -> Polygons:
    # Not fiona: it crashes on damaged GeoPackages whose error texts are no UTF-8.
    names = pyogrio.read_info(plain, layer=layer)["fields"].tolist()
    if attribute is not None and attribute not in names:
        raise DataError(f"{path}: has no attribute {attribute!r}; it has {', '.join(names) or 'none'}")
    found, numbers, binary, fields = pyogrio.raw.read(
        plain, layer=layer, columns=[] if attribute is None else [attribute], return_fids=True
    )
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
    for k in np.flatnonzero(shapely.get_type_id(geometries) == shapely.GeometryType.GEOMETRYCOLLECTION):
        geometries[k] = _gathered(geometries[k], strict=strict)
    return geometries


def _gathered(collection: Any, *, strict: bool) -> Any:
    """Return the polygons of a collection as one multipolygon; the collection itself if it holds none, or must hold nothing else."""
    parts = [part for geometry in _flat(collection) for part in shapely.get_parts(geometry)]
    polygons = [part for part in parts if part.geom_type == "Polygon"]
    if not polygons or (strict and len(polygons) < len(parts)):
        return collection
    return shapely.union_all(polygons)


def _flat(geometry: Any) -> Iterator[Any]:
    if geometry.geom_type != "GeometryCollection":
        yield geometry
        return
    for part in geometry.geoms:
        yield from _flat(part)


def _choose_layers(path: Path, plain: Path, layer: str | None, *, strict: bool) -> list[str]:
    """Return the layers to read, as they are named in the file that is opened."""
    kinds = {str(name): str(kind) for name, kind in pyogrio.list_layers(plain) if kind is not None}
    names = {shown_layer(path, name): name for name in kinds}
    if layer is not None:
        if layer not in names:
            raise DataError(f"{path}: has no layer {layer!r}{_choice(path, names)}")
        return [names[layer]]
    wanted = names if strict else {n: name for n, name in names.items() if _SURFACE.search(kinds[name])} or names
    if not wanted:
        raise DataError(f"{path}: has no layer with geometries")
    if len(wanted) > 1 and (strict or path.suffix.lower() not in _FOLDERS):
        raise DataError(f"{path}: has several layers{_choice(path, wanted)}")
    return list(wanted.values())


def _choice(path: Path, names: Iterable[str]) -> str:
    several = list(names)
    return f"; name one of {', '.join(several)}, as in {path.name}:{several[-1]}" if several else ""


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
