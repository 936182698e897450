"""Vector files: which suffix means which format, and writing batches of features into them, all or nothing."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from seaice_cli.errors import OptionError
from seaice_cli.locking import LOCK, alone
from seaice_cli.outputs import refuse_target, refuse_unwritable_folder, write_error
from seaice_cli.raster.polygons.names import renamed
from seaice_cli.sidecars import place_file, remove_sidecars
from seaice_cli.vectorization.writing.spooling import Spool
from seaice_cli.vectorization.writing.styles import build_qml, write_style

LOGGER = logging.getLogger(__name__)

GEOMETRY = "geometry"
"""Name of the column of geometries, as well-known binary."""


@dataclass(frozen=True, slots=True)
class Format:
    """A vector format."""

    driver: str
    """Name of GDAL's driver; empty: written through pyarrow."""
    geographic: bool = False
    """Whether the format allows longitudes and latitudes only."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Other names for fields whose names are too long for the format."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of GDAL's layer."""
    creation: Mapping[str, str] = field(default_factory=dict)
    """Options of GDAL's dataset."""


_GEOJSON = Format("GeoJSON", geographic=True, options={"COORDINATE_PRECISION": "8", "WRITE_NAME": "NO"})
_GEOJSONSEQ = Format("GeoJSONSeq", geographic=True, options={"COORDINATE_PRECISION": "8"})
_SHORT = {
    "touches_edge": "at_edge", "perimeter_m": "perim_m", "feret_max_m": "feret_max", "feret_min_m": "feret_min",
    "circularity": "circular",
}  # fmt: skip
FORMATS: Mapping[str, Format] = {
    # Of 1.4 the older of the GDALs and QGISs in use warn that they may not understand it.
    ".gpkg": Format("GPKG", options={"SPATIAL_INDEX": "YES", "GEOMETRY_NAME": "geom"}, creation={"VERSION": "1.3"}),
    ".fgb": Format("FlatGeobuf", options={"SPATIAL_INDEX": "YES"}),
    ".parquet": Format(""),
    ".geoparquet": Format(""),
    ".shp": Format("ESRI Shapefile", names=_SHORT, options={"ENCODING": "UTF-8", "SPATIAL_INDEX": "YES"}),
    ".geojson": _GEOJSON,
    ".json": _GEOJSON,
    ".geojsonl": _GEOJSONSEQ,
    ".geojsons": _GEOJSONSEQ,
}
_SHAPEFILE_BYTES = 2**31
"""Beyond this many tools read a Shapefile wrongly or not at all."""


_NO_BEGINNING = "`~!@#$%^&*()+-={}|[]\\:\";'<>?,./"
"""What GDAL allows no layer of a GeoPackage to begin with."""
_RESERVED = re.compile(r"(gpkg|rtree|sqlite|ogr|gpkgext)_|layer_styles$", re.IGNORECASE)
"""Tables of a GeoPackage, and those that GDAL, QGIS and SQLite keep in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What is said about the features of a file as a whole."""

    name: str
    wkt: str | None
    """Coordinate reference system; None: coordinates are the raster's columns and rows."""
    geometry_type: str = "Polygon"
    title: str = ""
    """What it shows, in a few words; a GeoPackage keeps it, and the abstract."""
    abstract: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    styles: tuple[tuple[int, str, tuple[int, int, int]], ...] = ()
    """Value, name and colour of every class; empty: no style is written."""


def find_format(target: Path) -> Format:
    """Return the format that the target's suffix names.

    Raises:
        OptionError: No format has that suffix.
    """
    found = FORMATS.get(target.suffix.lower())
    if found is None:
        raise OptionError(
            f"{target}: unknown format {target.suffix or '(no suffix)'!r}; choose one of {', '.join(FORMATS)}"
        )
    return found


def choose_layer_name(target: Path, given: str | None) -> str:
    """Return the name of the layer: the one given, else that of the target, as far as the format allows it.

    Raises:
        OptionError: The format keeps that name for itself, or allows no such name.
    """
    name = target.stem if given is None else given
    if find_format(target).driver != "GPKG":
        return name
    allowed = name.lstrip(_NO_BEGINNING)
    if allowed != name and given is not None:
        raise OptionError(f"{target}: a layer's name cannot begin with {name[:1]!r}; choose another `layer`")
    if not name or _RESERVED.match(allowed):
        raise OptionError(f"{target}: a GeoPackage keeps the name {name!r} for itself; choose another `layer`")
    return allowed or "layer"


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that cannot become a file, before any work is done.

    Raises:
        OutputError: As `refuse_target`, or no file can be made in its folder.
    """
    refuse_target(target, overwrite=overwrite)
    refuse_unwritable_folder(target)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a path in a hidden folder beside the target; move what was written there into place if all went well.

    What a killed run has left in the folder is removed by the next.

    Raises:
        OutputError: The folder cannot be written to, the disk is full, or another run writes the target.
    """
    folder = target.parent / f".{target.name}.partial"
    with alone(folder, target):
        try:
            _clear(folder)
            yield folder / target.name
            finished = [path for path in folder.iterdir() if path.name != LOCK]
            remove_sidecars(target)
            for path in sorted(finished, key=lambda p: p.name == target.name):
                place_file(path, target.parent / path.name)
        except OSError as error:
            raise write_error(target, error) from error
        finally:
            with suppress(OSError):
                _clear(folder)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != LOCK:
            path.unlink()


def write_features(target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], layer: Layer) -> None:
    """Write features as they come; the target appears only when all are written.

    Args:
        target: Its suffix names the format.
        schema: Of the batches; geometries are well-known binary in the column `GEOMETRY`.
        batches: The features; may be empty.
        layer: Name, reference system, style and metadata.

    Raises:
        OutputError: The target cannot be written.
    """
    kind = find_format(target)
    with replacing(target) as path:
        if not kind.driver:
            _write_parquet(path, schema, batches, layer)
            return
        with renamed(path) as plain:
            _write_gdal(plain, target, schema, batches, layer, kind)
            if kind.driver == "GPKG" and layer.styles:
                write_style(
                    plain, layer.name, build_qml(layer.styles, fields=[n for n in schema.names if n != GEOMETRY])
                )


def _write_gdal(
    path: Path, target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], layer: Layer, kind: Format
) -> None:
    import pyogrio

    failures: list[BaseException] = []
    rows = 0

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        source = iter(batches)
        while (batch := next(source, None)) is not None:
            rows += batch.num_rows
            ready = [batch.rename_columns(named.names)]
            del batch  # held by who writes it alone
            yield ready.pop()

    named = pa.schema([(kind.names.get(f.name, f.name), f.type) for f in schema])
    spool = Spool(path.with_name("large"), GEOMETRY)
    stream = spool.divert(counted()) if kind.driver == "GPKG" else counted()
    reader = pa.RecordBatchReader.from_batches(named, _keeping(stream, failures))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            pyogrio.write_arrow(
                reader, path, driver=kind.driver, layer=layer.name, geometry_name=GEOMETRY,
                crs=None if kind.driver == "GeoJSON" else layer.wkt,  # GeoJSON has no member for it since RFC 7946
                geometry_type=layer.geometry_type, layer_options={**kind.options, **_described(layer, kind)},
                dataset_options=dict(kind.creation) or None,
                layer_metadata=dict(layer.metadata) if kind.driver in ("GPKG", "FlatGeobuf") else None,
            )  # fmt: skip
        _verify(path, rows, kind)
        spool.restore(path, layer.name, kind.options.get("GEOMETRY_NAME", ""))
    except BaseException as error:
        if failures:
            raise failures[0] from None
        if isinstance(error, (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, RuntimeError, OSError)):
            raise write_error(target, error) from error
        raise
    if kind.driver == "ESRI Shapefile" and max(p.stat().st_size for p in path.parent.iterdir()) > _SHAPEFILE_BYTES:
        LOGGER.warning("%s: is larger than the 2 GB that a Shapefile may have for most tools; use .gpkg", target)


def _described(layer: Layer, kind: Format) -> dict[str, str]:
    told = {"IDENTIFIER": layer.title, "DESCRIPTION": layer.abstract} if kind.driver == "GPKG" else {}
    return {name: text for name, text in told.items() if text}


def _verify(path: Path, rows: int, kind: Format) -> None:
    """Read the end of a file back: GDAL does not say when the last of it did not fit on the disk.

    Raises:
        OSError: It is not there.
    """
    import pyogrio

    if kind.driver.startswith("GeoJSON"):  # would be read as a whole
        with path.open("rb") as file:
            file.seek(-min(16, path.stat().st_size), os.SEEK_END)
            there = file.read().rstrip().endswith(b"}") or (kind.driver == "GeoJSONSeq" and not rows)
    else:
        there = pyogrio.read_info(path, force_feature_count=True)["features"] == rows
        if there and rows:
            geometry = pyogrio.raw.read(path, skip_features=rows - 1)[2]
            there = len(geometry) == 1 and geometry[0] is not None
    if not there:
        raise OSError(errno.ENOSPC, "its end is missing")


def _keeping(batches: Iterable[pa.RecordBatch], failures: list[BaseException]) -> Iterator[pa.RecordBatch]:
    """Pass batches on; keep an exception, of which C code between us and the caller would lose the type."""
    try:
        yield from batches
    except BaseException as error:
        failures.append(error)
        raise


def _write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], layer: Layer) -> None:
    import pyarrow.parquet as pq
    import pyproj

    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": [], "orientation": "counterclockwise"}
    column["crs"] = pyproj.CRS.from_user_input(layer.wkt).to_json_dict() if layer.wkt else None
    geo = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
    metadata = {**layer.metadata, "geo": json.dumps(geo)}
    described = schema.with_metadata(metadata)
    repeated = [f.name for f in schema if pa.types.is_string(f.type)]
    plain = [f.name for f in schema if f.name != GEOMETRY]  # no copies of the least and largest geometry
    with pq.ParquetWriter(
        path, described, compression="zstd", use_dictionary=repeated, write_statistics=plain
    ) as writer:
        for batch in batches:
            writer.write_batch(batch.replace_schema_metadata(metadata))
