"""A mask, or another raster of this package, as a STAC item: where and when it is, what its values mean, how it was made."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from seaice_cli.errors import DataError, OptionError
from seaice_cli.extras import require_extra
from seaice_cli.outputs import reason_of
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.acquisition import acquired
from seaice_cli.raster.reading.region import LAND, NODATA, UNSURE
from seaice_cli.stac.extensions import CLASSIFICATION, COG, PROCESSING, PROJECTION, RASTER, class_object

if TYPE_CHECKING:
    import pystac

_EDGE_POINTS = 64
"""Along each side of a footprint, which is bent in longitudes and latitudes."""
_MEDIA = {
    ".tif": COG, ".tiff": COG, ".png": "image/png", ".gpkg": "application/geopackage+sqlite3", ".geojson": "application/geo+json",
    ".fgb": "application/vnd.flatgeobuf", ".parquet": "application/vnd.apache.parquet", ".nc": "application/netcdf",
}  # fmt: skip
_KEPT = {
    "MODEL": "model",
    "MODEL_SHA256": "model_sha256",
    "SCENE": "scene",
    "UNCERTAIN": "uncertain",
    "RULE": "rule",
    "WARNINGS": "warnings",
}
"""Tags that become properties."""


class ForeignRasterError(DataError):
    """A raster was not made by this package."""


def item_path(raster: Path) -> Path:
    """Return where the item of a raster lies."""
    return raster.with_suffix(".json")


def require_moment(name: str, tags: Mapping[str, str]) -> None:
    """Refuse to describe what does not say when it was acquired: an item must.

    Raises:
        OptionError: It does not.
    """
    if not acquired(tags):
        raise OptionError(
            f"{name}: does not say when it was acquired, as a STAC item must; tag it: gdal_edit.py -mo ACQUIRED=2024-06-01T12:00Z"
        )


def write_item(
    raster: Path, target: Path, *, known_as: Path | None = None, assets: Mapping[str, Path] | None = None
) -> None:
    """Write the item of a raster, without anything about files that are not there yet.

    Args:
        raster: Where the raster lies now.
        target: The item; addresses in it are relative to where it will lie.
        known_as: Where raster and item will lie; None: where they are.
        assets: More files that belong to it, by name.

    Raises:
        DataError: It is no raster of this package.
        OptionError: It does not say when it was acquired.
        OutputError: The item cannot be written.
        InstallationError: The extra `stac` is not installed.
    """
    item = make_item(raster, known_as=known_as, assets=assets)
    target.write_text(json.dumps(item.to_dict(include_self_link=False), indent=2) + "\n", encoding="utf-8")


def make_item(raster: Path, *, known_as: Path | None = None, assets: Mapping[str, Path] | None = None) -> pystac.Item:
    """Make the item of a raster; the arguments are those of `write_item`.

    Raises:
        SeaIceError: As `write_item`.
    """
    require_extra("stac", "a STAC item")
    import pystac

    path = known_as or raster
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.open(raster) as source:
                tags, bands = source.tags(), _bands(source)
                projection, (geometry, bbox) = _projection(source), _footprint(source)
        except FAILURES as error:
            raise DataError(f"{path}: cannot be opened as a raster ({reason_of(error)})") from error
    software = tags.get("SOFTWARE", "")
    if not software.startswith("seaice"):
        raise ForeignRasterError(f"{path}: was not made by this program, or its tags are lost")
    require_moment(str(path), tags)
    first, last = acquired(tags)[0]
    processing: dict[str, Any] = {
        "processing:software": {"seaice": software.removeprefix("seaice").strip() or "unknown"}
    }
    if tags.get("COMMAND"):
        processing["processing:lineage"] = tags["COMMAND"]
    item = pystac.Item(
        path.stem, geometry, bbox, first if first == last else None,
        {**projection, **processing, **{f"seaice:{name}": tags[tag] for tag, name in _KEPT.items() if tags.get(tag)}},
        start_datetime=None if first == last else first, end_datetime=None if first == last else last,
        stac_extensions=[PROJECTION, RASTER, CLASSIFICATION, PROCESSING],
    )  # fmt: skip
    own = pystac.Asset(_relative(path, path), path.stem, media_type=COG, roles=["data"], extra_fields={"bands": bands})
    item.add_asset("data", own)
    for name, file in (assets or {}).items():
        roles = ["overview"] if file.suffix == ".png" else ["data"]
        item.add_asset(
            name, pystac.Asset(_relative(file, path), name, media_type=_MEDIA.get(file.suffix.lower()), roles=roles)
        )
    return item


def _relative(file: Path, beside: Path) -> str:
    """Return the address of a file as seen from the folder of another."""
    found = Path(os.path.relpath(file.resolve(), beside.resolve().parent)).as_posix()
    return found if found.startswith("..") else f"./{found}"


def _bands(source: Any) -> list[dict[str, Any]]:
    """Return what the bands are, the classes of a mask among it."""
    found = []
    for index, dtype in enumerate(source.dtypes, start=1):
        band: dict[str, Any] = {"name": source.descriptions[index - 1] or f"band {index}", "data_type": dtype}
        nodata = source.nodatavals[index - 1]
        if nodata is not None:
            band["nodata"] = "nan" if np.isnan(nodata) else nodata
        if source.crs is not None and source.crs.is_projected:
            band["raster:spatial_resolution"] = abs(source.transform.a) * float(source.crs.linear_units_factor[1])
        if index == 1 and (classes := _classes(source)):
            band["classification:classes"] = classes
        found.append(band)
    return found


def _classes(source: Any) -> list[dict[str, Any]]:
    tags = source.tags()
    named = {int(k[6:]): v for k, v in tags.items() if k.startswith("CLASS_") and k[6:].isdecimal()}
    if not named or "UNITS" in tags or source.count > 1:  # a probability and layers have the tags of their mask, too
        return []
    further = {UNSURE: "unsure"} if "UNSURE" in tags else {}
    further |= {LAND: "land"} if "LAND" in tags else {}
    try:
        colors = source.colormap(1)
    except ValueError:  # it has none
        colors = {}
    classes = [
        class_object(v, name, colors[v][:3] if v in colors else None)
        for v, name in sorted({**named, **further}.items())
    ]
    return [*classes, class_object(NODATA, "nodata", None, nodata=True)]


def _projection(source: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "proj:code": None,
        "proj:shape": [source.height, source.width],
        "proj:transform": list(source.transform)[:6],
    }
    if source.crs is None:
        return found
    authority = source.crs.to_authority()
    found["proj:bbox"] = list(source.bounds)
    return found | (
        {"proj:code": ":".join(authority)} if authority else {"proj:wkt2": source.crs.to_wkt(version="WKT2_2019")}
    )


def _footprint(source: Any) -> tuple[dict[str, Any] | None, list[float] | None]:
    """Return the raster's outline in longitudes and latitudes, cut at the antimeridian, and its box; None without a CRS."""
    if source.crs is None:
        return None, None
    import shapely

    from seaice_cli.vectorization.projection import WGS84, Projection

    corners = [
        source.transform @ corner
        for corner in ((0, 0), (0, source.height), (source.width, source.height), (source.width, 0))
    ]
    polygon = shapely.orient_polygons(shapely.Polygon(corners))
    move = Projection(source.crs.to_wkt(), WGS84, longest=polygon.length / (4 * _EDGE_POINTS))
    outline = shapely.make_valid(move(np.array([polygon], object))[0])
    west, south, east, north = (float(v) for v in outline.bounds)
    parts = shapely.get_parts(outline)
    if len(parts) == 2 and (west, east) == (-180.0, 180.0) and parts[0].bounds[2] - parts[0].bounds[0] < 180:
        western, eastern = sorted(parts, key=lambda part: part.bounds[0])
        west, east = (
            float(eastern.bounds[0]),
            float(western.bounds[2]),
        )  # across the antimeridian, as RFC 7946 writes it
    return json.loads(shapely.to_geojson(shapely.set_precision(outline, 1e-7))), [west, south, east, north]
