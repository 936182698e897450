"""Addresses of scenes: `gibs:2024-06-01` and STAC items in place of a file, fetched into the cache before they are read.

SOURCE:DATE, or SOURCE/SATELLITE:DATE, where SOURCE is one of `sources.toml`, or `gibs` for the first of them; or a STAC item, as a
file or an address that ends in .json.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from seaice_cli.choices import SOURCES
from seaice_cli.errors import OptionError
from seaice_cli.fetching.cache import cache_folder
from seaice_cli.fetching.days import parse_days
from seaice_cli.fetching.redaction import public

_TILES = re.compile(r"(?P<source>[a-z][a-z0-9-]*)(?:/(?P<satellite>[a-z0-9]+))?:(?P<day>\d{4}-\d\d-\d\d)")
_ALIAS = "gibs"
_TAG, _BOX_TAG = "ADDRESS", "ADDRESS_BBOX"
"""The tags of a scene in the cache that say what it was asked for by."""
_UNFINISHED_DAYS = 3
"""Days that are younger may still be completed on the server, and are fetched anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which part of an address is wanted, and how fine."""

    bbox: tuple[float, float, float, float] | None = None
    """Left, bottom, right, top, in degrees or in metres of the scene's CRS."""
    resolution: float | None = None
    """Metres; for STAC items, None: their own."""


def is_address(scene: str) -> bool:
    """Tell whether a scene is an address that has to be fetched first, not what GDAL opens by itself."""
    found = _TILES.fullmatch(scene)
    return found["source"] in (*SOURCES, _ALIAS) if found else _is_item(scene)


def fetch_address(scene: str, wanted: Wanted) -> Path:
    """Fetch what an address stands for into the cache, if it is not there yet; return the scene's file.

    Raises:
        SeaIceError: As `fetch_tiles` and `mosaic_items`.
    """
    found = _TILES.fullmatch(scene)
    return _fetch_day(found, wanted) if found else _fetch_item(scene, wanted)


def address_of(path: str, tags: Mapping[str, str]) -> tuple[str, str]:
    """Return the address and the box that a scene in the cache was asked for by; empty texts for any other scene."""
    try:
        cached = Path(path).resolve().is_relative_to((cache_folder() / "scenes").resolve())
    except (OSError, ValueError):
        cached = False
    return (tags.get(_TAG, ""), tags.get(_BOX_TAG, "")) if cached else ("", "")


def _fetch_day(found: re.Match[str], wanted: Wanted) -> Path:
    from seaice_cli.fetching.mosaic import TileScene, fetch_tiles
    from seaice_cli.fetching.options import TileOptions

    named = SOURCES[0] if found["source"] == _ALIAS else found["source"]
    options = TileOptions(source=named, satellite=found["satellite"], bbox=wanted.bbox)
    scene = TileScene.of(parse_days(found["day"])[0], options)
    target = _place(f"{scene.name}.tif", scene.name, options.bbox, scene.source.address())
    young = (datetime.now(UTC).date() - scene.day).days < _UNFINISHED_DAYS
    if young or not target.exists():
        address = f"{scene.source.name}/{scene.satellite}:{scene.day}"
        fetch_tiles(scene.day, target, replace(options, refresh=young), overwrite=True, tags=_tags(address, wanted))
    return target


def _fetch_item(path: str, wanted: Wanted) -> Path:
    from seaice_cli.fetching.options import SearchOptions
    from seaice_cli.fetching.stac.mosaic import mosaic_items
    from seaice_cli.fetching.stac.search import read_item

    item = read_item(path)
    options = SearchOptions(stac=path, bbox=wanted.bbox, resolution=wanted.resolution)
    name = re.sub(r"[^\w.-]", "_", item.id)[:100] or "item"
    target = _place(f"{name}.tif", path, item.to_dict(transform_hrefs=False), asdict(wanted))
    if not target.exists():
        shown = public(path) if "://" in path else Path(path).name
        mosaic_items([item], target, options, name=item.id, tags=_tags(shown, wanted))
    return target


def _tags(address: str, wanted: Wanted) -> dict[str, str]:
    box = {_BOX_TAG: ",".join(repr(v).removesuffix(".0") for v in wanted.bbox)} if wanted.bbox else {}
    return {_TAG: address, **box}


def _place(name: str, *parts: object) -> Path:
    """Return where the scene of an address lies, after its folder was made."""
    folder = cache_folder() / "scenes" / hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"{folder}: cannot be made ({error.strerror}); choose another cache with SEAICE_CACHE"
        ) from error
    return folder / name


def _is_item(scene: str) -> bool:
    """Tell a STAC item by its suffix and, of a file, by what it says."""
    if not scene.partition("?")[0].lower().endswith((".json", ".geojson")):
        return False
    if scene.startswith(("http://", "https://")):
        return True
    try:
        with Path(scene).open("rb") as file:
            return b'"stac_version"' in file.read(1 << 20)
    except (OSError, ValueError):
        return False
