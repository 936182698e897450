"""The frame of a picture: a grid with north up in some CRS, as fine as the picture needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from affine import Affine

from seaice_cli.raster.reading.raster import Raster

Bounds = tuple[float, float, float, float]
"""Left, bottom, right, top."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Square or oblong pixels between two corners, north up."""

    crs: Any
    """A rasterio CRS; None: coordinates are the raster's columns and, downwards, its rows."""
    bounds: Bounds
    height: int
    width: int

    @property
    def transform(self) -> Affine:
        """From columns and rows of the picture to coordinates."""
        left, bottom, right, top = self.bounds
        return Affine((right - left) / self.width, 0, left, 0, (bottom - top) / self.height, top)

    def part(self, row: int, column: int, height: int, width: int) -> Frame:
        """Return the frame of some of the picture's rows and columns."""
        left, top = self.transform @ (column, row)
        right, bottom = self.transform @ (column + width, row + height)
        return Frame(self.crs, (left, bottom, right, top), height, width)


def bounds_of(source: Raster) -> Bounds:
    """Return what a raster covers in its CRS; without one its columns and, downwards, its rows."""
    if source.crs is None:
        return (0.0, -float(source.height), float(source.width), 0.0)
    corners = [source.transform @ (c, r) for c in (0, source.width) for r in (0, source.height)]
    xs, ys = zip(*corners, strict=True)
    return (min(xs), min(ys), max(xs), max(ys))


def frame_of(source: Raster, longest: int) -> Frame:
    """Return the frame of a whole raster: its own pixels, or coarser ones, at most so many along the longer side."""
    left, bottom, right, top = bounds_of(source)
    wide, high = source.width, source.height
    if source.crs is not None and not is_upright(source.transform):
        side = math.sqrt(abs(source.transform.determinant))
        wide, high = max(1, round((right - left) / side)), max(1, round((top - bottom) / side))
    scale = min(1.0, longest / max(wide, high))
    return Frame(
        source.crs, (left, bottom, right, top), max(1, math.ceil(high * scale)), max(1, math.ceil(wide * scale))
    )


def is_upright(transform: Affine) -> bool:
    """Tell whether rows run from north to south and columns from west to east."""
    return bool(transform.b == 0 and transform.d == 0 and transform.a > 0 and transform.e < 0)
