"""The scenes that a name stands for: those of a folder, what an address fetches, or itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from seaice_cli.errors import OptionError, SeaIceError
from seaice_cli.fetching.addresses import Wanted, fetch_address, is_address
from seaice_cli.network.catalog import find_model
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.raster.reading.opening import open_raster
from seaice_cli.storage import S3, VSIS3, Storage, is_object

log = logging.getLogger(__name__)
SUFFIXES = (".tif", ".tiff", ".vrt", ".jp2", ".png", ".jpg", ".jpeg", ".img", ".xml")
"""What counts as a scene in a folder."""


class Listed(NamedTuple):
    """A scene among those that are meant."""

    scene: str
    options: PredictOptions
    folder: Path
    """Where it lies below the folder that was named; empty for a scene that was named itself."""


def list_scenes(name: str, options: PredictOptions, *, recursive: bool = False) -> list[Listed]:
    """Return the scenes that a name stands for, with their options.

    Args:
        name: A scene, a folder of scenes, or an address that fetches one.
        options: What was chosen for all.
        recursive: Look in folders below a folder, too; hidden ones are passed over.

    Raises:
        OptionError: A folder holds no scenes.
        SeaIceError: What is to be fetched cannot be.
    """
    if is_address(name):
        path = fetch_address(name, Wanted(bbox=options.bbox, resolution=find_model(options.model).spec.resolution))
        return [Listed(str(path), replace(options, bbox=None), Path())]
    if is_object(name) and name.endswith("/"):
        return [Listed(path, options, Path()) for path in _objects(name)]
    root = Path(name)
    if not root.is_dir():
        return [Listed(name, options, Path())]
    folders = [root, *(_below(root) if recursive else [])]
    found = [Listed(str(p), options, folder.relative_to(root)) for folder in folders for p in _in_folder(folder)]
    if not found:
        below = "" if recursive else "; `recursive` looks in the folders below it, too"
        raise OptionError(f"{name}: the folder holds no scenes ({', '.join(SUFFIXES)}){below}")
    return found


def _objects(folder: str) -> list[str]:
    storage = Storage(folder.replace(VSIS3, S3, 1), OptionError)
    names = [name for name in storage.names() if "/" not in name and not name.startswith(".")]
    found = [f"{storage.place}/{name}" for name in names if Path(name).suffix.lower() in SUFFIXES[:-1]]
    if not found:
        raise OptionError(f"{folder}: holds no scenes ({', '.join(SUFFIXES[:-1])})")
    return found


def _below(root: Path) -> list[Path]:
    return sorted(
        p for p in root.rglob("*") if p.is_dir() and not any(s.startswith(".") for s in p.relative_to(root).parts)
    )


def _in_folder(folder: Path) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    return [p for p in files if p.is_file() and (p.suffix.lower() != ".xml" or _describes_raster(p, files))]


def _describes_raster(file: Path, files: Sequence[Path]) -> bool:
    """Tell whether an XML file is a scene (a WMS description, a product of several files), not what lies beside one."""
    rasters = [p for p in files if p.suffix.lower() != ".xml"]
    if any(file.name.startswith(f"{p.name}.") or file.stem == p.stem for p in rasters):
        return False
    try:
        open_raster(str(file)).close()
    except SeaIceError as error:
        log.info("%s; taken for no scene", error)
        return False
    return True
