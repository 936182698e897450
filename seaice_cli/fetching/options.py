"""What can be chosen about a scene that is fetched."""

from __future__ import annotations

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
