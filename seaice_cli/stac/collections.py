"""A folder of masks as a STAC collection: an item for each, and where and when they are together."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seaice_cli.errors import DataError, OptionError, SeaIceError
from seaice_cli.extras import require_extra
from seaice_cli.outputs import new_file, refuse_target
from seaice_cli.stac.items import ForeignRasterError, item_path, make_item

if TYPE_CHECKING:
    import pystac

log = logging.getLogger(__name__)
_RASTERS = (".tif", ".tiff")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionOptions:
    """What is said of a collection."""

    name: str = ""
    """Empty: the folder's name."""
    title: str = ""
    description: str = "Sea-ice maps from satellite scenes"
    license: str = "other"
    """An SPDX expression, or "other"."""


def write_collection(
    folder: Path, target: Path, *, options: CollectionOptions | None = None, overwrite: bool = False
) -> int:
    """Write a collection of the masks in a folder and below it; every mask gets an item beside it that belongs to the collection.

    Args:
        folder: Of masks; what else lies there is left out, with a line in the log.
        target: The collection.
        options: What is said of it.
        overwrite: Replace a collection that exists; items are made anew always.

    Returns:
        How many items it has.

    Raises:
        OptionError: The folder holds no mask that an item can be made of.
        DataError: There is no such folder, or a file of an item's name is none.
        OutputError: A file cannot be written.
        InstallationError: The extra `stac` is not installed.
    """
    require_extra("stac", "a STAC collection")
    options = options or CollectionOptions()
    if target.suffix.lower() != ".json":
        raise OptionError(f"{target}: a collection is JSON; let its name end in .json")
    refuse_target(target, overwrite=overwrite)
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    items = _items(folder)
    if not items:
        raise OptionError(f"{folder}: holds no mask that says when it was acquired; make one with `seaice predict`")
    _refuse_shared_names(items, target)
    for raster, item in items.items():
        _keep_assets(item, _read_item(item_path(raster)), raster.parent)
    collection = _collection(list(items.values()), options, options.name or folder.resolve().name)
    for raster, item in items.items():
        _belong(collection, item, item_path(raster), target)
        with new_file(item_path(raster), overwrite=True) as partial:
            _write(partial, item)
    with new_file(target, overwrite=overwrite) as partial:
        _write(partial, collection)
    return len(items)


def _items(folder: Path) -> dict[Path, pystac.Item]:
    found: dict[Path, Any] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in _RASTERS and not _is_hidden(p, folder)):
        try:
            found[path] = make_item(path)
        except ForeignRasterError as error:
            log.info("left out: %s", error)
        except SeaIceError as error:
            log.warning("left out: %s", error)
    return found


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _refuse_shared_names(rasters: Iterable[Path], target: Path) -> None:
    """Refuse masks whose items would have one name, or that of the collection."""
    own = [item_path(raster).resolve() for raster in rasters]
    shared = {path for path in own if own.count(path) > 1}
    if shared:
        raise OptionError(f"{min(shared)}: would be the item of two masks; rename one of them")
    if target.resolve() in own:
        raise OptionError(f"{target}: is the name of a mask's item; choose another, such as collection.json")


def _keep_assets(item: pystac.Item, known: Mapping[str, Any], folder: Path) -> None:
    """Keep what an earlier item says of other files of the mask (polygons, a preview), as far as they are there."""
    import pystac

    for name, asset in known.get("assets", {}).items():
        if name not in item.assets and (folder / str(asset.get("href", ""))).is_file():
            item.add_asset(name, pystac.Asset.from_dict(asset))


def _read_item(path: Path) -> dict[str, Any]:
    """Return what is in an item's file, nothing if there is none.

    Raises:
        DataError: A file of that name is no item.
    """
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        values = None
    if not (isinstance(values, dict) and values.get("type") == "Feature" and "stac_version" in values):
        raise DataError(
            f"{path}: is no STAC item, and the item of the mask beside it would have this name; rename one of them"
        )
    return values


def _collection(items: list[pystac.Item], options: CollectionOptions, name: str) -> pystac.Collection:
    import pystac

    boxes = [item.bbox for item in items if item.bbox] or [[-180.0, -90.0, 180.0, 90.0]]
    across = any(box[0] > box[2] for box in boxes)
    sides = list(zip(*boxes, strict=True))
    west, east = (-180.0, 180.0) if across else (min(sides[0]), max(sides[2]))
    times = [
        t for i in items for t in (i.datetime, i.common_metadata.start_datetime, i.common_metadata.end_datetime) if t
    ]
    extent = pystac.Extent(
        pystac.SpatialExtent([[west, min(sides[1]), east, max(sides[3])]]),
        pystac.TemporalExtent([[min(times), max(times)]]),
    )
    return pystac.Collection(name, options.description, extent, title=options.title or None, license=options.license)


def _belong(collection: pystac.Collection, item: pystac.Item, item_file: Path, collection_file: Path) -> None:
    """Let a collection and an item name each other."""
    import pystac

    there = Path(os.path.relpath(item_file.resolve(), collection_file.resolve().parent)).as_posix()
    back = Path(os.path.relpath(collection_file.resolve(), item_file.resolve().parent)).as_posix()
    collection.add_link(pystac.Link("item", f"./{there}", media_type=pystac.MediaType.GEOJSON, title=item.id))
    item.collection_id = collection.id
    for relation in ("root", "parent", "collection"):
        item.add_link(pystac.Link(relation, back, media_type=pystac.MediaType.JSON))


def _write(path: Path, thing: Any) -> None:
    text = json.dumps(thing.to_dict(include_self_link=False, transform_hrefs=False), indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
