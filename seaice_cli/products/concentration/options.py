"""What can be chosen about a concentration."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from seaice_cli.errors import OptionError
from seaice_cli.products.meanings import Meanings


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcentrationOptions:
    """How masks become concentration.

    Raises:
        OptionError: Values do not fit, or not together.
    """

    grid: str | None = None
    """One of `grids.GRIDS`; None: cells of `cell` on the first mask's CRS."""
    cell: float | None = None
    """The side of a cell in units of the first mask's CRS."""
    min_valid: float = 0.5
    """Share of a cell's sea (its area without land) that must be known."""
    meanings: Meanings = field(default_factory=Meanings)
    land: Path | None = None
    """Polygons of land; pixels with their centre in one are land, whatever the mask says."""
    band: int | None = None

    def __post_init__(self) -> None:
        if bool(self.grid) == (self.cell is not None):
            raise OptionError("choose the name of a `grid`, or the side of its cells with `cell`")
        if not 0 < self.min_valid <= 1:
            raise OptionError(f"`min_valid` {self.min_valid:g} must be above 0 and at most 1")
