"""Polygons of vector files: read past what could harm, and brought to the rasters they are laid over."""

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
from affine import Affine
from pyproj.enums import TransformDirection

from seaice_cli.errors import DataError
from seaice_cli.raster import longitudes

LOGGER = logging.getLogger(__name__)

Geometries = npt.NDArray[np.object_]
Bounds = tuple[float, float, float, float]

_POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_PIECES = 64
"""A polygon's extent is cut into this many before it is moved to another CRS, so that its edges follow their curves."""
_FINEST = 4096
"""Into no more than this the extent of a raster's surroundings is cut."""
_LONGEST = 0.25
"""Degrees between the points of an edge in longitude and latitude, at most."""
_TORN = 20
"""Neighbours that come to lie so many times as far apart as usual are torn apart."""
_MARGIN = 0.1
"""Of the extent of a raster, around it: polygons are clipped there."""


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
    with _reading(path):
        found = (
            _read_parquet(path, attribute, strict=strict)
            if parquet
            else _read_layer(path, layer, attribute, strict=strict)
        )
    others = np.flatnonzero(~np.isin(shapely.get_type_id(found.geometries), (-1, *_POLYGONS)))
    if strict and len(others):
        kind = found.geometries[others[0]].geom_type
        raise DataError(f"{path}, feature {found.numbers[others[0]]}: is a {kind}; only polygons are of use here")
    return _select(found, np.isin(shapely.get_type_id(found.geometries), _POLYGONS))


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
def _reading(path: Path) -> Iterator[None]:
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


def move(polygons: Polygons, crs: Any, bounds: Bounds, raster: str) -> Geometries:
    """Return the polygons in the CRS of a raster, clipped to its surroundings; those that lie elsewhere become empty.

    Long edges follow the curves that they become. What lies far from a raster must not be moved to its CRS at all: beyond
    its zone, or at the other pole, coordinates become infinite, or finite and wrong.

    Args:
        polygons: As read.
        crs: Of the raster (rasterio's).
        bounds: Of the raster: left, bottom, right, top, in any order.
        raster: Its name, for errors.

    Raises:
        DataError: No way leads from one CRS to the other.
    """
    left, right = sorted((bounds[0], bounds[2]))
    bottom, top = sorted((bounds[1], bounds[3]))
    with _moving(polygons.path, raster):
        change = pyproj.Transformer.from_crs(polygons.crs, crs.to_wkt(), always_xy=True)
        source, target = change.source_crs, change.target_crs
        geometries = polygons.geometries
        if source is not None and source.is_geographic:
            geometries = longitudes.tidy(geometries)
        if source != target and len(polygons):
            area = _surroundings(change, (left, bottom, right, top))
            geometries = _transform(geometries if area is None else _clip(geometries, area), change, area)
            _tell_of_lost(polygons, geometries)
            if target is not None and target.is_geographic:
                geometries = longitudes.tidy(geometries, sure=True)
        if target is not None and target.is_geographic:
            geometries = longitudes.repeat(geometries, left, right)
        # For damaged coordinates, too: GDAL counts every row that a polygon spans, were there 10^77 of them.
        return _clip(geometries, shapely.box(*_widen((left, bottom, right, top))))


@contextmanager
def _moving(path: Path, raster: str) -> Iterator[None]:
    try:
        yield
    except (pyproj.exceptions.ProjError, shapely.errors.ShapelyError) as error:
        raise DataError(
            f"{path}: cannot be brought into the CRS of {raster} ({str(error)[:200]}); reproject it"
        ) from error


def _tell_of_lost(polygons: Polygons, moved: Geometries) -> None:
    coordinates, owners = shapely.get_coordinates(moved, return_index=True)
    lost = np.unique(owners[~np.isfinite(coordinates).all(axis=1)])
    moved[lost] = shapely.Polygon()
    if len(lost):
        LOGGER.warning("%s: %d polygons reach beyond what the CRS can show; left out", polygons.path, len(lost))


def _surroundings(change: pyproj.Transformer, bounds: Bounds) -> Any:
    """Return a polygon around the raster in the CRS of the polygons; None if that cannot be told."""
    around = _widen(bounds)
    if change.target_crs is not None and change.target_crs.is_geographic:
        west, east = (around[0], around[2]) if around[0] >= -180 and around[2] <= 180 else (-180.0, 180.0)
        around = west, max(around[1], -90.0), east, min(around[3], 90.0)
    if change.source_crs is None or not change.source_crs.is_geographic:
        return _enclose(change, around)
    found = change.transform_bounds(*around, densify_pts=_PIECES, direction=TransformDirection.INVERSE)
    left, bottom, right, top = found
    if not np.isfinite(found).all():
        return None
    if left <= right:
        return shapely.box(left, bottom, right, top)
    return shapely.union(shapely.box(left, bottom, 180, top), shapely.box(-180, bottom, right, top))


def _widen(bounds: Bounds) -> Bounds:
    left, bottom, right, top = bounds
    wide, high = _MARGIN * (right - left), _MARGIN * (top - bottom)
    return left - wide, bottom - high, right + wide, top + high


def _enclose(change: pyproj.Transformer, around: Bounds) -> Any:
    """Return the box of what a grid of points becomes; None where neighbours are torn apart, as at a pole or a seam."""
    x, y = np.meshgrid(np.linspace(around[0], around[2], _PIECES + 1), np.linspace(around[1], around[3], _PIECES + 1))
    there = np.stack(change.transform(x, y, direction=TransformDirection.INVERSE))
    if not np.isfinite(there).all():
        return None
    steps = [np.hypot(*np.diff(there, axis=axis)) for axis in (1, 2)]
    if any(step.max() > _TORN * np.median(step) for step in steps):
        return None
    more = max(step.max() for step in steps)
    return shapely.box(*(there.min(axis=(1, 2)) - more), *(there.max(axis=(1, 2)) + more))


def _clip(geometries: Geometries, area: Any) -> Geometries:
    """Return what lies within an area."""
    far = ~shapely.is_empty(geometries) & ~shapely.covers(area, shapely.box(*shapely.bounds(geometries).T))
    clipped = geometries.copy()
    clipped[far] = [only_polygons(g) for g in shapely.intersection(shapely.make_valid(geometries[far]), area)]
    return clipped


def only_polygons(geometry: Any) -> Any:
    """Return a geometry without the points and lines that an operation has left."""
    if shapely.get_type_id(geometry) in _POLYGONS:
        return geometry
    return shapely.MultiPolygon([p for p in shapely.get_parts(geometry) if p.geom_type == "Polygon"])


def _transform(geometries: Geometries, change: pyproj.Transformer, area: Any) -> Geometries:
    left, bottom, right, top = shapely.bounds(geometries).T
    extent = np.nan_to_num(np.fmax(right - left, top - bottom), nan=1.0)  # of empty ones
    whole = shapely.bounds(area) if area is not None else shapely.total_bounds(geometries)
    least = np.nan_to_num(max(whole[2] - whole[0], whole[3] - whole[1]), nan=1.0) / _FINEST
    longest = _LONGEST if change.source_crs is not None and change.source_crs.is_geographic else np.inf
    dense = shapely.segmentize(geometries, np.minimum(np.maximum(extent / _PIECES, max(least, 1e-9)), longest))
    return np.asarray(shapely.transform(dense, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1]))))


def to_pixels(geometries: Geometries, transform: Affine) -> Geometries:
    """Return geometries in columns and rows of a raster with this transform."""
    a, b, c, d, e, f = tuple(~transform)[:6]

    def apply(xy: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.column_stack((a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f))

    return np.asarray(shapely.transform(geometries, apply), dtype=object)
