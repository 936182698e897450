"""Tiles of pictures: from the cache or the server, decoded and looked at before they are kept."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.io import MemoryFile

from seaice_cli.errors import SceneError
from seaice_cli.fetching.cache import read_cached, write_cached
from seaice_cli.fetching.redaction import public
from seaice_cli.fetching.transport import Client
from seaice_cli.raster.gdal import FAILURES, STRICTNESS

_TRIES = 3
"""Times that a tile is asked for whose picture turns out to be damaged."""


@dataclass(slots=True)
class TileStore:
    """Gets tiles, and keeps them in the cache, so that nothing is asked for twice.

    May be used by several threads.
    """

    client: Client
    server: str
    """The address that all paths begin with."""
    cache: Path
    size: int
    """Pixels along the side of a tile."""
    refresh: bool = False
    """Ask for tiles that are in the cache, too."""
    fetched: int = 0
    """Tiles that came from the server."""
    absent: int = 0
    """Tiles that the server does not have."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, path: str, bands: int) -> npt.NDArray[np.uint8] | None:
        """Return the first bands of a tile, (bands, size, size); None where the server has none.

        Args:
            path: Behind the server's address.
            bands: How many.

        Raises:
            SceneError: The server does not deliver, or delivers no such picture.
            OutputError: The cache cannot be written.
        """
        kept = self.cache / "tiles" / self._host / path
        content = None if self.refresh else read_cached(kept)
        if content is not None:
            try:
                return self._decoded(content, bands, path)
            except SceneError:
                kept.unlink(missing_ok=True)  # a damaged disk; the server has it still
        return self._from_server(path, kept, bands)

    def _from_server(self, path: str, kept: Path, bands: int) -> npt.NDArray[np.uint8] | None:
        url = f"{self.server}/{path}"
        for last in (False,) * (_TRIES - 1) + (True,):
            content = self.client.get(url)
            if content is None:
                self._count(absent=1)
                return None
            try:
                pixels = self._decoded(content, bands, public(url))
            except SceneError:
                if last:
                    raise
                continue
            write_cached(kept, content)
            self._count(fetched=1)
            return pixels
        return None

    def _decoded(self, content: bytes, bands: int, name: str) -> npt.NDArray[np.uint8]:
        try:
            with rasterio.Env(**STRICTNESS), MemoryFile(content) as file, file.open() as picture:
                shape, count, dtype = picture.shape, picture.count, picture.dtypes[0]
                pixels: npt.NDArray[Any] | None = picture.read(range(1, bands + 1)) if count >= bands else None
        except (*FAILURES, ValueError) as error:
            begin = content[:80].decode("ascii", "replace").split("\n")[0]
            told = f"it begins with {begin!r}" if content[:1] == b"<" else f"{len(content)} bytes"
            raise SceneError(
                f"{name}: is no complete picture ({told}); try again later, or another `server`"
            ) from error
        if pixels is None or shape != (self.size, self.size) or dtype != "uint8":
            raise SceneError(
                f"{name}: is a picture of {shape[1]} x {shape[0]} pixels and {count} bands ({dtype}) where tiles have {self.size} x "
                f"{self.size} and {bands} (uint8); choose another `server`"
            )
        return pixels

    def _count(self, *, fetched: int = 0, absent: int = 0) -> None:
        with self._lock:
            self.fetched += fetched
            self.absent += absent

    @property
    def _host(self) -> str:
        return hashlib.sha256(self.server.encode()).hexdigest()[:12]
