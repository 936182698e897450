"""What `vectorize` can be asked for, and what it answers. Light: imports none of the libraries that do the work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from seaice_cli.errors import OptionError

Attributes = Literal["basic", "floe", "none"]
ATTRIBUTES = get_args(Attributes)
BLOCKS = 16
"""Blocks along the side of the window that floes are compared with."""
Progress = Callable[[Sequence[int]], Iterable[int]]
"""Wraps the rows that strips begin with, as tqdm does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorOptions:
    """What becomes a polygon, and how it is written."""

    classes: tuple[int | str, ...] | None = None
    """Values or names of classes; None: all that the mask names, else all but nodata."""
    connectivity: Literal[4, 8] = 4
    """Whether pixels that touch at a corner only make two polygons (4) or a multipolygon (8)."""
    min_area: float = 0.0
    """Square metres; smaller components are dropped before outlines are made."""
    min_pixels: int = 1
    """Components of fewer pixels are dropped before outlines are made."""
    fill_holes: float = 0.0
    """Square metres; holes up to this area are filled, and what lies in them is swallowed."""
    simplify: float = 0.0
    """Metres by which an outline may differ from the edges of pixels."""
    smooth: bool = False
    """Whether outlines run where the probability crosses the threshold; needs the probability."""
    threshold: float | None = None
    """Probability at which smooth outlines run; None: what the mask was made with, else 0.5."""
    split_floes: bool = False
    """Whether floes that touch are taken apart: where they are narrow, and where a landscape shows what parts them."""
    floe_window: int = 64
    """Side in pixels of the neighbourhood whose brightest ice and darkest surface floes of a landscape are compared with;
    a multiple of 16, wider than most floes."""
    landscape_bands: tuple[int, ...] | None = None
    """Bands of the landscape, from 1, whose mean is its brightness; None: all."""
    attributes: Attributes = "basic"
    t_srs: str | None = None
    """Reference system to write, such as "EPSG:3413"; None: the mask's, or WGS84 where the format allows no other."""
    sigrid3: bool = False
    """Whether to write the fields of an ice chart instead of attributes; the target must be a Shapefile."""
    layer: str | None = None
    """Name of the layer; None: that of the target."""
    band: int | None = None
    """Band of the mask, from 1; None: its only one."""
    blank: bool = False
    """Whether a mask without any data gives a file without polygons, not an error."""
    overwrite: bool = False
    strip_rows: int | None = None
    """Rows read at once; None: about eight million pixels. The polygons do not depend on it."""

    def __post_init__(self) -> None:
        problems = [text for wrong, text in self._checks() if wrong]
        if problems:
            raise OptionError("\n".join(problems))

    def _checks(self) -> list[tuple[bool, str]]:
        return [
            (self.connectivity not in (4, 8), f"`connectivity` {self.connectivity}: must be 4 or 8"),
            (self.attributes not in ATTRIBUTES, f"`attributes` {self.attributes}: choose {', '.join(ATTRIBUTES)}"),
            (not 0 <= self.min_area < float("inf"), f"`min_area` {self.min_area}: must be 0 or more"),
            (not 0 <= self.fill_holes < float("inf"), f"`fill_holes` {self.fill_holes}: must be 0 or more"),
            (not 0 <= self.simplify < float("inf"), f"`simplify` {self.simplify}: must be 0 or more"),
            (self.min_pixels < 1, f"`min_pixels` {self.min_pixels}: must be at least 1"),
            (self.strip_rows is not None and self.strip_rows < 1, "a strip has at least one row"),
            (
                self.floe_window < 2 * BLOCKS or self.floe_window % BLOCKS > 0,
                f"`floe_window` {self.floe_window}: must be a multiple of {BLOCKS} from {2 * BLOCKS} on",
            ),
            (self.smooth and self.simplify > 0, "`smooth` and `simplify`: choose one of the two"),
            (self.threshold is not None and not self.smooth, "`threshold`: is for `smooth` only"),
            (self.threshold is not None and not 0 < self.threshold < 1, "`threshold`: must lie between 0 and 1"),
            (self.sigrid3 and self.attributes == "none", "`sigrid3`: a chart has attributes; drop `attributes` none"),
        ]


@dataclass(slots=True)
class VectorSummary:
    """What was written."""

    target: str
    polygons: int = 0
    vertices: int = 0
    pixels: int = 0
    """Pixels inside the polygons."""
    area_m2: float | None = None
    """True area of the polygons; None: the mask does not say where on earth it is."""
    by_class: dict[str, int] = field(default_factory=dict)
    """Polygons per class, by name."""
    warnings: list[str] = field(default_factory=list)
    """What a user should know before trusting them."""

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return asdict(self)
