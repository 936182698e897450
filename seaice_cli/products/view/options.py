"""What can be chosen about a page."""

from __future__ import annotations

from dataclasses import dataclass

from seaice_cli.errors import OptionError


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """What a page shows.

    Raises:
        OptionError: Values do not fit.
    """

    title: str | None = None
    """None: the first file's name."""
    own_colors: bool = False
    """Whether classes have the colours of their mask, not those that colour-blind people can tell apart."""
    most_polygons: int = 20_000
    """Of a layer, the largest."""
    embed: int = 24 << 20
    """Bytes of pictures that the page itself holds; more lie in a folder beside it."""

    def __post_init__(self) -> None:
        if self.most_polygons < 1:
            raise OptionError(f"`most_polygons` {self.most_polygons}: must be 1 or more")
