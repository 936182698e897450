"""Names of vector files that pyogrio would take for addresses: files it reads and writes go by plain names meanwhile.

pyogrio parses every name: what stands before an exclamation mark is an archive to it, and what follows a semicolon is lost. A name of
its own choice is no way out of that, so such a file is linked, with all that lies beside it, into a folder that goes away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_PLAIN = "layer"
_PARSED = re.compile(r"[!;\t\r\n]|://|^//|\.zip$", re.IGNORECASE)
_MARKUP = (".gml", ".xml", ".kml", ".kmz", ".csv")
"""Beside files of these kinds GDAL may write others while it only reads them."""


def split_layer(path: Path) -> tuple[Path, str | None]:
    """Return a vector file and the layer that is named behind it, as in `coast.gpkg:land`; None if none is."""
    file, colon, layer = str(path).rpartition(":")
    if path.exists() or not colon or not Path(file).exists():
        return path, None
    return Path(file), layer


def shown_layer(path: Path, layer: str) -> str:
    """Return the name that a layer has for the user: where there is but one, many formats name it like their file."""
    return path.stem if layer == _PLAIN and not _is_plain(path) else layer


@contextmanager
def linked(path: Path) -> Iterator[Path]:
    """Give a name under which pyogrio reads a file as it is, and the files beside it that belong to it."""
    if _is_plain(path) or str(path).lower().endswith(".zip"):
        yield _absolute(path)
        return
    with TemporaryDirectory(prefix="seaice-") as folder:
        plain = Path(folder) / f"{_PLAIN}{path.suffix}"
        for file in [path] if path.is_dir() else path.resolve().parent.iterdir():
            if file.name.startswith(f"{path.stem}.") or file == path:
                (Path(folder) / f"{_PLAIN}{file.name.removeprefix(path.stem)}").symlink_to(file.resolve())
        if not plain.exists():  # a link to a file of another name
            plain.symlink_to(path.resolve())
        yield plain


@contextmanager
def renamed(path: Path) -> Iterator[Path]:
    """Give a name under which pyogrio writes a file that does not exist yet; it and those beside it are renamed in the end."""
    if _is_plain(path):
        yield _absolute(path)
        return
    with TemporaryDirectory(prefix="seaice-") as folder:
        beside = Path(folder) / "beside"
        beside.symlink_to(path.parent.resolve(), target_is_directory=True)
        yield beside / f"{_PLAIN}{path.suffix}"
        for file in list(path.parent.glob(f"{_PLAIN}.*")):
            file.replace(path.with_name(f"{path.stem}{file.name.removeprefix(_PLAIN)}"))


def _is_plain(path: Path) -> bool:
    return not _PARSED.search(os.path.abspath(path)) and path.suffix.lower() not in _MARKUP  # noqa: PTH100 - links stay


def _absolute(path: Path) -> Path:
    """Return a name that cannot begin like an address."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - links stay
