"""What can be chosen about a map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seaice_cli.errors import OptionError

STYLES = ("fill", "outline")
FORMATS = (".png", ".pdf", ".svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOptions:
    """How a map looks.

    Raises:
        OptionError: Values do not fit.
    """

    style: str = "fill"
    """`fill` lays classes over the scene, `outline` draws their edges."""
    opacity: float | None = None
    """Of filled classes, from 0 to 1; None: 0.45 over a scene, else 1."""
    own_colors: bool = False
    """Whether classes have the colours of their mask, not those that colour-blind people can tell apart."""
    title: str | None = None
    """None: scene, time and model, as the tags say."""
    coast: Path | None = None
    """Polygons whose outlines are drawn as the coast."""
    width: float = 7.5
    """Inches."""
    dpi: int = 300
    band: int | None = None
    """Band of the mask, from 1; None: its only one."""
    variable: str | None = None
    """Of NetCDF; None: by its standard name."""

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise OptionError(f"`style` {self.style}: choose {' or '.join(STYLES)}")
        if self.opacity is not None and not 0 < self.opacity <= 1:
            raise OptionError(f"`opacity` {self.opacity:g}: must be above 0 and at most 1")
        if not 2 <= self.width <= 40:
            raise OptionError(f"`width` {self.width:g}: must be from 2 to 40 inches")
        if not 50 <= self.dpi <= 1200:
            raise OptionError(f"`dpi` {self.dpi}: must be from 50 to 1200")
