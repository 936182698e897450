"""What a scene is made of: the files behind it, told from their later states, and the files that a VRT names, checked.

A VRT is a list of other files. GDAL opens whatever stands there, a URL as well, and reads zeros without a word where it has failed
to open a file twice before. So the names are looked at first: a scene on this machine never reaches for the network, and a file
that is missing is an error.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import rasterio

from seaice_cli.errors import SceneError
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.storage import is_object, stamp

VECTORS = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".gdb", ".kml", ".gml", ".parquet", ".geoparquet")
"""Suffixes of files that polygons are read from."""

_REMOTE = re.compile(
    r"(?<!vrt)://|/vsi(?:curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs)|^\s*<|^(?:AGS|DAAS|EEDAI?|GTI|OGCAPI|PLMOSAIC|STAC\w+|WCS|WMS|WMTS):",
    re.IGNORECASE,
)
_NAMES = ("SourceFilename", "SourceDataset", "Filename")
MAX_VRT_BYTES = 256 << 20
MAX_OPENED = 2000
"""So many of a VRT's files are opened to see that they can be; of more, only that they exist is looked at."""
PATIENCE = 20.0
"""Seconds for a server to say which state of a file it holds."""


def remote(path: str) -> bool:
    """Tell whether reading this scene goes to the network."""
    return bool(_REMOTE.search(path)) and not path.lstrip().startswith("<")


def identify(files: list[str]) -> list[list[Any]]:
    """Return what tells each of these files from a later state of itself: size and time, or what the server says of them."""
    return [_stamp(name) for name in files]


def _stamp(name: str) -> list[Any]:
    if is_object(name):
        return [name, *stamp(name)]
    url = re.match(r"(?:/vsicurl/)?(https?://.*)", name)
    if url:
        return [name, *_headers(url[1])]
    try:
        stat = Path(name).stat()
    except OSError:
        return [name]
    return [name, stat.st_size, stat.st_mtime_ns]


def _headers(url: str) -> list[str | None]:
    """Ask for the first byte: many servers that sign their addresses allow nothing but reading."""
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(url, headers={"Range": "bytes=0-0"}), timeout=PATIENCE) as answer:  # noqa: S310 - http(s) alone
            length = answer.headers.get("Content-Range", answer.headers.get("Content-Length"))
            return [length, answer.headers.get("ETag"), answer.headers.get("Last-Modified")]
    except (URLError, OSError, ValueError):
        return []


def check_sources(path: str) -> None:
    """Quicklook through a local VRT, and the VRTs in it, before GDAL opens it.

    Raises:
        SceneError: It names a file that is missing or cannot be opened, an address on the network, or itself.
    """
    if not remote(path):
        for number, (vrt, name) in enumerate(_named(path, frozenset())):
            _check(path, vrt, name, with_opening=number < MAX_OPENED)


def _check(path: str, vrt: Path, name: str, *, with_opening: bool) -> None:
    if _REMOTE.search(name):
        raise SceneError(
            f"{path}: names {name[:200]!r}, which is on the network; a file on this machine reads nothing from there. "
            f"Name that address as the scene, or fetch it first"
        )
    file = vrt.parent / name
    if ":" not in name and not name.startswith("/vsi") and not file.exists():
        raise SceneError(f"{path}: names {name[:200]!r}, which does not exist")
    if with_opening and file.is_file() and not is_vrt(str(file)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rasterio.open(file).close()
        except FAILURES as error:
            raise SceneError(f"{path}: names {name[:200]!r}, which is no raster that can be opened") from error


def _named(path: str, above: frozenset[Path]) -> Iterator[tuple[Path, str]]:
    """Yield every name in a VRT with the file it stands in, and those in the VRTs that it names."""
    inline = path.lstrip().startswith("<VRTDataset")
    vrt = Path() / "inline" if inline else Path(path)
    if not inline and not is_vrt(path):
        return
    if vrt.resolve() in above:
        raise SceneError(f"{path}: a VRT that is made of itself")
    for element in _elements(path, vrt, inline=inline):
        if element.tag in _NAMES:
            name = (element.text or "").strip()
            base = vrt if element.get("relativeToVRT", element.get("relativetoVRT", "0")) == "1" else Path("./here")
            yield base, name
            if not _REMOTE.search(name):
                yield from _named(str(base.parent / name), above | {vrt.resolve()})


def _elements(path: str, vrt: Path, *, inline: bool) -> Iterator[ET.Element]:
    """Yield the elements of a VRT; none of them is kept."""
    try:
        if not inline and vrt.stat().st_size > MAX_VRT_BYTES:
            raise SceneError(f"{path}: is too large for a VRT")
        with io.BytesIO(path.encode()) if inline else vrt.open("rb") as file:
            for _, element in ET.iterparse(file):  # noqa: S314 - expat itself refuses to blow up
                yield element
                element.clear()
    except (ET.ParseError, ValueError, OSError) as error:
        raise SceneError(f"{path}: a VRT that is no well-formed XML ({error})") from error


def is_vrt(path: str) -> bool:
    """Tell whether this is a VRT, in a file or written out."""
    if path.lstrip().startswith("<VRTDataset"):
        return True
    try:
        with Path(path).open("rb") as file:
            return b"<VRTDataset" in file.read(2048)
    except (OSError, ValueError):
        return False
