"""Files beside a file that readers take for a part of it, and how a file that is replaced gets rid of them.

GDAL, QGIS and ArcGIS look beside a raster for masks, overviews, world files and statistics, beside a Shapefile for indexes, and SQLite
looks beside a GeoPackage for what a program has not yet written into it. What belonged to an earlier file of a name would hide pixels
of the next one, move it, or damage it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from seaice_cli.errors import OutputError

STYLE = ".qml"
OWN = (".aux.xml", STYLE)
"""What this package writes beside a raster: class names behind its whole name, and a style in place of its suffix."""
STYLE_MARK = " written by seaice; replaced with its mask "
"""Stands as a comment in every style that this package writes."""
_RASTERS = (".tif", ".tiff", ".png")
_BEHIND_RASTER = (".aux.xml", ".msk", ".ovr", ".msk.ovr", ".aux", ".vat.dbf", ".vat.cpg", ".xml")
"""Behind the whole name: nobody else's, whatever else has the stem of the name."""
_SHARED = (".tfw", ".tifw", ".tiffw", ".pgw", ".pngw", ".wld", ".tab", ".rpb", "_rpc.txt", ".imd", STYLE)
"""In place of the suffix: of any raster of that stem."""
_DATABASE = ("-wal", "-shm", "-journal", ".aux.xml")
_SHAPEFILE = (
    ".shx", ".dbf", ".prj", ".cpg", ".qix", ".sbn", ".sbx", ".fbn", ".fbx", ".ain", ".aih", ".atx", ".ixs", ".mxs", ".idm", ".ind",
    ".qpj", ".qml", ".sld", ".shp.xml", ".cst",
)  # fmt: skip
LONGEST_NAME = 231
"""Bytes: names of partial files and sidecars are up to 24 longer, and 255 are allowed on all common file systems."""


def find_sidecars(target: Path) -> list[Path]:
    """Return the files beside a target, whether it exists or not, that would be taken for parts of it.

    A world file or the like that belongs to another raster of the same stem is not among them.
    """
    suffix, raster = target.suffix.lower(), target.suffix.lower() in _RASTERS
    behind = _BEHIND_RASTER if raster else {".gpkg": _DATABASE}.get(suffix, ())
    own = {target.name.lower() + end for end in behind}
    own |= {target.stem.lower() + end for end in _SHAPEFILE} if suffix == ".shp" else set()
    shared = {target.stem.lower() + end for end in _SHARED} if raster else set()
    files = [file for file in _siblings(target) if file.name != target.name]
    found = [file for file in files if file.name.lower() in own]
    others = [file for file in files if file.stem == target.stem and file.name.lower() not in own | shared]
    return found if others else found + [f for f in files if f.name.lower() in shared and _about_rasters(f)]


def sidecar_path(file: Path, end: str) -> Path:
    """Return where one of `OWN` lies beside a file."""
    return file.with_suffix(end) if end == STYLE else file.with_name(f"{file.name}{end}")


def place_file(finished: Path, target: Path) -> None:
    """Give a finished file its name; a style gives way to one of somebody else's, which another file of the stem is shown in.

    Raises:
        OSError: It cannot be renamed.
    """
    if target.suffix == STYLE and target.exists() and STYLE_MARK not in target.read_text("utf-8", "replace"):
        finished.unlink()
    else:
        finished.replace(target)


def _siblings(target: Path) -> Iterator[Path]:
    """Yield the files whose names begin as the target's does, in any case of what follows."""
    with suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if entry.name.startswith(target.stem) and not entry.is_dir():
                yield target.parent / entry.name


def _about_rasters(file: Path) -> bool:
    """Tell a MapInfo table that places a raster from one of vectors."""
    if file.suffix.lower() != ".tab":
        return True
    with suppress(OSError), file.open("rb") as stream:
        return b"raster" in stream.read(4096).lower()
    return False


def remove_sidecars(target: Path) -> None:
    """Remove what would be taken for a part of the file that is about to get this name.

    Raises:
        OutputError: The target is a database that another program has open.
        OSError: One cannot be removed.
    """
    refuse_database_in_use(target)
    for file in find_sidecars(target):
        file.unlink(missing_ok=True)


def refuse_database_in_use(target: Path) -> None:
    """Refuse to replace a GeoPackage that another program has open: what that program writes next would damage the new one.

    Asks SQLite for the only lock that nobody else can hold meanwhile; it writes what is left in the `-wal` into the file.

    Raises:
        OutputError: It is in use.
    """
    if target.suffix.lower() != ".gpkg" or not target.is_file():
        return
    try:
        with closing(sqlite3.connect(target, timeout=0, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("BEGIN EXCLUSIVE")
            database.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise OutputError(
                f"{target}: is open in another program (QGIS?); close it there, or choose another name"
            ) from error
    except sqlite3.DatabaseError:  # no database, or a damaged one: nobody writes it
        return


def refuse_long_name(target: Path) -> None:
    """Refuse a name beside which no partial file and no sidecar could have one.

    Raises:
        OutputError: It is too long.
    """
    length = len(os.fsencode(target.name))
    if length > LONGEST_NAME:
        raise OutputError(
            f"{target.name[:60]}...: a name of {length} bytes is too long; choose one of at most {LONGEST_NAME}"
        )
