"""Assets of a STAC item by the common names of their bands, and what their values mean.

Items of STAC 1.0 tell bands by `eo:bands` and `raster:bands`, those of 1.1 by `bands`; both are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seaice_cli.errors import OptionError, SceneError

if TYPE_CHECKING:
    import pystac

_REMOTE = re.compile(r"(https?|s3|gs)://")
_VSI = {"https": "/vsicurl/https://", "http": "/vsicurl/http://", "s3": "/vsis3/", "gs": "/vsigs/"}
_PLATFORMS = {"sentinel-2": "Sentinel-2", "sentinel-3": "Sentinel-3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A band of an asset."""

    name: str
    """The common name that it was asked for by."""
    path: str
    """What GDAL opens: read by ranges where it is on a server."""
    index: int
    """From 1."""
    scale: float | None = None
    """Reflectance = value * scale + offset; None: the item does not say."""
    offset: float | None = None
    nodata: float | None = None


def find_bands(item: pystac.Item, names: tuple[str, ...]) -> list[Band]:
    """Return the bands of an item by their common names, else by the names of assets.

    Raises:
        OptionError: It has none of a name.
        SceneError: An asset lies where no item may point to.
    """
    return [_find(item, name) for name in names]


def tags_of(items: list[pystac.Item]) -> dict[str, str]:
    """Return the tags by which `predict` recognises what a scene of these items is, and when it was acquired."""
    first, found = items[0].properties, {}
    platform = str(first.get("platform", ""))
    for prefix, title in _PLATFORMS.items():
        if platform.lower().startswith(prefix):
            found["SPACECRAFT_NAME"] = title + platform[len(prefix) :].upper()
    told = {
        "PROCESSING_BASELINE": first.get("s2:processing_baseline"),
        "PROCESSING_LEVEL": first.get("landsat:correction"),
        "SUN_ELEVATION": first.get("view:sun_elevation"),
        "ATTRIBUTION": ", ".join(p["name"] for p in first.get("providers", []) if "name" in p) or None,
        "COLLECTION": items[0].collection_id,
        "ITEMS": ", ".join(item.id for item in items),
        "ACQUIRED": _acquired(items),
    }
    return found | {key: str(value) for key, value in told.items() if value is not None}


def _acquired(items: list[pystac.Item]) -> str | None:
    starts = [i.common_metadata.start_datetime or i.datetime for i in items]
    ends = [i.common_metadata.end_datetime or i.datetime for i in items]
    times = sorted(t for t in (*starts, *ends) if t is not None)
    words = list(dict.fromkeys(f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in (times[0], times[-1]))) if times else []
    return "/".join(words) or None


def _find(item: pystac.Item, name: str) -> Band:
    candidates = sorted(_candidates(item, name), key=lambda c: c[0])
    if not candidates:
        known = {n for asset in item.assets.values() for band in _bands(asset) if (n := _common_name(band))}
        raise OptionError(
            f"`assets` {name}: the item {item.id} has {', '.join(sorted(known | set(item.assets)))[:300]}; choose of these"
        )
    _, key, index = candidates[0]
    asset = item.assets[key]
    about = _about(asset, index)
    offset = about.get("offset")
    if item.properties.get("earthsearch:boa_offset_applied") is True:
        offset = 0.0  # taken off the values already, whatever the band's own offset says
    return Band(
        name=name, path=_gdal_path(item, asset), index=index + 1, scale=about.get("scale"), offset=offset,
        nodata=_number(about.get("nodata")),
    )  # fmt: skip


def _candidates(item: pystac.Item, name: str) -> Iterator[tuple[tuple[int, int], str, int]]:
    """Yield assets and bands of a name, and how good each is: a file of its own before one of several bands, GeoTIFF first."""
    for key, asset in item.assets.items():
        if set(asset.roles or ()) & {"thumbnail", "overview", "visual"}:
            continue
        bands = _bands(asset)
        hits = [i for i, band in enumerate(bands) if name in (_common_name(band), band.get("name"))]
        if key == name and not hits and len(bands) <= 1:
            hits = [0]
        if hits:
            yield (len(bands), 0 if "tiff" in (asset.media_type or "tiff") else 1), key, hits[0]


def _bands(asset: pystac.Asset) -> list[Mapping[str, Any]]:
    found = asset.extra_fields.get("bands") or asset.extra_fields.get("eo:bands") or []
    return [band for band in found if isinstance(band, Mapping)]


def _common_name(band: Mapping[str, Any]) -> str:
    return str(band.get("eo:common_name") or band.get("common_name") or "")


def _about(asset: pystac.Asset, index: int) -> dict[str, Any]:
    """Return scale, offset and nodata of a band: what it says itself, or else its asset."""
    fields = asset.extra_fields
    rasters, bands = fields.get("raster:bands") or [], _bands(asset)
    own = {**(rasters[index] if index < len(rasters) else {}), **(bands[index] if index < len(bands) else {})}
    told: dict[str, Any] = {}
    for name in ("scale", "offset", "nodata"):
        values = (own.get(f"raster:{name}"), own.get(name), fields.get(f"raster:{name}"), fields.get(name))
        told[name] = next((value for value in values if value is not None), None)
    return told


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _gdal_path(item: pystac.Item, asset: pystac.Asset) -> str:
    """Return what GDAL opens for an asset.

    Raises:
        SceneError: An item on a server points into this machine, or into what is no file.
    """
    href = asset.get_absolute_href() or asset.href
    remote = _REMOTE.match(href)
    if remote:
        return _VSI[remote[1]] + href[remote.end() :]
    local_item = not _REMOTE.match(item.get_self_href() or "")
    if not local_item or "://" in href or href.startswith("/vsi") or not Path(href).is_file():
        raise SceneError(f"item {item.id}: its asset {href[:200]!r} is no file that can be read from here")
    return href
