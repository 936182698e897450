"""Boxes: what a user asks for in degrees or in a CRS, as bounds in a CRS."""

from __future__ import annotations

import math

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform as transform_points

from seaice_cli.errors import OptionError

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
WGS84 = "EPSG:4326"
ARCTIC, ANTARCTIC = "EPSG:3413", "EPSG:3031"
_STEPS = 2001
"""Points along an edge: over 360 degrees of a parallel, bounds are then right to 5e-6 of its radius."""


def in_degrees(box: Box) -> bool:
    """Tell whether a box is in longitudes and latitudes: no box in metres is as small and as near to the pole."""
    left, bottom, right, top = box
    return max(abs(left), abs(right)) <= 360 and max(abs(bottom), abs(top)) <= 90


def check_box(box: Box) -> None:
    """Refuse what is no box; in degrees, the left side may be east of the right one, across the antimeridian.

    Raises:
        OptionError: It is none.
    """
    left, bottom, right, top = box
    text = ",".join(f"{v:g}" for v in box)
    if not all(map(math.isfinite, box)) or not bottom < top or left == right or (left > right and not in_degrees(box)):
        raise OptionError(f"`bbox` {text}: give left,bottom,right,top, in degrees or in metres of the CRS (see `crs`)")


def polar_crs(box: Box | None) -> str:
    """Return the polar stereographic CRS that a box is shown in unless another is named: by its hemisphere."""
    southern = box is not None and in_degrees(box) and box[1] + box[3] < 0
    return ANTARCTIC if southern else ARCTIC


def bounds_in(box: Box, crs: str) -> Box:
    """Return the bounds of a box in a CRS; a box in metres is taken to be in it already.

    Args:
        box: In degrees or in the CRS.
        crs: Such as EPSG:3413.

    Raises:
        OptionError: It is no box, or the CRS does not reach there.
    """
    check_box(box)
    if not in_degrees(box) or CRS.from_user_input(crs).is_geographic:
        return box
    left, bottom, right, top = box
    if left > right:
        right += 360
    across, up = np.linspace(left, right, _STEPS), np.linspace(bottom, top, _STEPS)
    longitudes = np.concatenate([across, across, np.full(_STEPS, left), np.full(_STEPS, right)])
    latitudes = np.concatenate([np.full(_STEPS, bottom), np.full(_STEPS, top), up, up])
    x, y = np.array(transform_points(WGS84, crs, longitudes.tolist(), latitudes.tolist()))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise OptionError(f"`bbox` {','.join(f'{v:g}' for v in box)}: reaches where {crs} does not; choose another")
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def degrees_of(bounds: Box, crs: str) -> Box:
    """Return the longitudes and latitudes that contain some bounds in a CRS; across the antimeridian, all longitudes.

    Args:
        bounds: Left, bottom, right, top in the CRS.
        crs: Theirs.
    """
    left, bottom, right, top = bounds
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(left, right, 65), np.linspace(bottom, top, 65)))
    longitudes, latitudes = np.array(transform_points(crs, WGS84, x.tolist(), y.tolist()))
    pole = left <= 0 <= right and bottom <= 0 <= top and CRS.from_user_input(crs).is_projected
    wide = np.ptp(longitudes) > 180
    west, east = (-180.0, 180.0) if wide or pole else (float(longitudes.min()), float(longitudes.max()))
    return west, float(latitudes.min()), east, float(latitudes.max())
