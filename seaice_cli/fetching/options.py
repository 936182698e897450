"""What can be chosen about a scene that is fetched."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from seaice_cli.errors import OptionError
from seaice_cli.fetching.boxes import ANTARCTIC, ARCTIC, Box, check_box
from seaice_cli.fetching.transport import Patience

CONNECTIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """Where a scene lies, how it is got, and where what was got is kept.

    Raises:
        OptionError: The box is none.
    """

    bbox: Box | None = None
    """Left, bottom, right, top, in degrees or in the CRS; None: all there is."""
    crs: str | None = None
    """Of the scene; None: polar stereographic of the box's hemisphere for tiles, the items' own for a search."""
    cache: Path | None = None
    """None: in the user's cache."""
    refresh: bool = False
    """Fetch again what is in the cache."""
    connections: int = CONNECTIONS
    """To the server at once."""
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        if self.bbox is not None:
            check_box(self.bbox)


@dataclass(frozen=True, slots=True, kw_only=True)
class TileOptions(FetchOptions):
    """What can be chosen about a scene that is made of tiles.

    Raises:
        OptionError: As said above, or the tiles are in another CRS.
    """

    source: str = "gibs-truecolor"
    """A key of `sources.toml`."""
    satellite: str | None = None
    """One of the source's; None: its first."""
    server: str | None = None
    """A mirror; None: as the environment or the table says."""

    def __post_init__(self) -> None:
        FetchOptions.__post_init__(self)
        if self.crs not in (None, ARCTIC, ANTARCTIC):
            raise OptionError(f"`crs` {self.crs}: tiles are in {ARCTIC} or {ANTARCTIC}; warp the scene afterwards")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions(FetchOptions):
    """What can be chosen about a scene that is made of STAC items.

    Raises:
        OptionError: Values do not fit.
    """

    stac: str
    """The address of a STAC API, or of an item."""
    collection: str = "sentinel-2-l2a"
    assets: tuple[str, ...] = ("red", "green", "blue")
    """Common names of bands, or names of assets; the order of the scene's bands."""
    resolution: float | None = None
    """Pixels of the scene, in units of its CRS; None: the items' own."""
    max_cloud: float = 100.0
    """Per cent; cloudier items are left out."""

    def __post_init__(self) -> None:
        FetchOptions.__post_init__(self)
        if self.resolution is not None and not 0 < self.resolution < math.inf:
            raise OptionError(f"`resolution` {self.resolution:g} must be a number of metres above 0")
        if not self.assets:
            raise OptionError("`assets`: name at least one, such as red")
