"""What can be fetched as tiles, and from where: the table `sources.toml`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from affine import Affine

from seaice_cli.errors import OptionError

SERVER_VARIABLE = "SEAICE_SERVER"
"""The environment variable that names a mirror of the servers in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileGrid:
    """Square tiles of one level, counted from the upper left corner."""

    epsg: int
    level: int
    tiles: int
    """Along a side."""
    tile: int
    """Pixels along the side of one."""
    pixel: float
    """Metres along the side of a pixel."""
    origin: tuple[float, float]
    """x and y of the upper left corner."""

    @property
    def size(self) -> int:
        """Pixels along a side."""
        return self.tiles * self.tile

    @property
    def transform(self) -> Affine:
        """From columns and rows of pixels to x and y."""
        return Affine(self.pixel, 0, self.origin[0], 0, -self.pixel, self.origin[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A layer of pictures, and what its first bands show."""

    layer: str
    bands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A row of the table; its fields are explained at the head of `sources.toml`."""

    name: str
    title: str
    url: str
    path: str
    attribution: str
    satellites: Mapping[str, str]
    since: Mapping[str, date]
    pictures: tuple[Picture, ...]
    grids: Mapping[int, TileGrid]

    @property
    def bands(self) -> tuple[str, ...]:
        """What the bands of its scenes show."""
        return tuple(band for picture in self.pictures for band in picture.bands)

    def satellite(self, name: str | None) -> str:
        """Return the satellite of that name, by default the first one.

        Raises:
            OptionError: The source has none of that name.
        """
        chosen = name or next(iter(self.satellites))
        if chosen not in self.satellites:
            raise OptionError(f"`satellite` {name}: {self.name} has {', '.join(self.satellites)}")
        return chosen

    def address(self, server: str | None = None) -> str:
        """Return where its tiles come from: a mirror, the mirror that the environment names, or the table's server."""
        return (server or os.environ.get(SERVER_VARIABLE) or self.url).rstrip("/")


@cache
def sources() -> Mapping[str, Source]:
    """Return the table, by name."""
    table = tomllib.loads((resources.files(__package__) / "sources.toml").read_text(encoding="utf-8"))
    return {name: _source(name, row, table["servers"][row["server"]]) for name, row in table["sources"].items()}


def find_source(name: str) -> Source:
    """Return the source of that name.

    Raises:
        OptionError: The table has none.
    """
    if name not in sources():
        raise OptionError(f"`source` {name}: is none of {', '.join(sources())}")
    return sources()[name]


def _source(name: str, row: Mapping[str, Any], server: Mapping[str, Any]) -> Source:
    grids = {
        int(epsg): TileGrid(epsg=int(epsg), **{**grid, "origin": tuple(grid["origin"])})
        for epsg, grid in server["grids"].items()
    }
    pictures = tuple(Picture(layer=p["layer"], bands=tuple(p["bands"])) for p in row["pictures"])
    return Source(
        name=name, title=row["title"], url=server["url"], path=server["path"], attribution=server["attribution"],
        satellites=row["satellites"], since=row["since"], pictures=pictures, grids=grids,
    )  # fmt: skip
