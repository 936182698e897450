"""Colours: scenes for the eye, classes, and concentrations as WMO colours ice charts.

Classes have the colours of their mask, or those of a palette that people who are colour-blind can tell apart (Okabe and Ito).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.raster.reading.region import LAND, UNSURE

Color = tuple[int, int, int]
Rgba = npt.NDArray[np.uint8]

VOID: Color = (232, 226, 214)
"""What nodata looks like: a colour that neither ice nor water has."""
LAND_COLOR: Color = (139, 125, 107)
UNSURE_COLOR: Color = (230, 159, 0)
_BY_NAME: Mapping[str, Color] = {
    **dict.fromkeys(("ice", "sea ice", "floe"), (86, 180, 233)),
    **dict.fromkeys(("water", "open water", "ocean", "sea", "lead"), (0, 63, 122)),
    **dict.fromkeys(("cloud", "shadow", "cloud shadow"), (204, 121, 167)),
    **dict.fromkeys(("pond", "melt pond"), (0, 158, 115)),
    **dict.fromkeys(("thin ice", "brash", "thin ice and brash"), (240, 228, 66)),
    "land": LAND_COLOR,
}
_OTHERS: tuple[Color, ...] = (
    (0, 63, 122), (86, 180, 233), (204, 121, 167), (240, 228, 66), (0, 158, 115), (213, 94, 0),
)  # fmt: skip
CONCENTRATION: tuple[tuple[str, float, Color], ...] = (
    ("ice free, below 1/10", 0.1, (0, 100, 255)), ("1/10 to 3/10", 0.35, (140, 255, 160)), ("4/10 to 6/10", 0.65, (255, 255, 0)),
    ("7/10 to 8/10", 0.85, (255, 125, 7)), ("9/10 to 10/10", float("inf"), (255, 0, 0)),
)  # fmt: skip
"""WMO's colours of total concentration (WMO/TD 1215): what a class is called, the concentration it ends before, its colour."""
UNKNOWN_COLOR: Color = (235, 235, 235)


def class_colors(names: Mapping[int, str], table: Mapping[int, Color], *, own: bool = False) -> dict[int, Color]:
    """Return the colours of a mask's classes.

    Args:
        names: Of the classes, by value.
        table: The mask's own colour table.
        own: Whether those are taken where they are.
    """
    usual = {value: _BY_NAME[name.lower()] for value, name in names.items() if name.lower() in _BY_NAME}
    free = cycle([color for color in _OTHERS if color not in usual.values()] or _OTHERS)
    usual |= {value: next(free) for value in sorted(names) if value not in usual}
    found = {value: table.get(value, color) if own else color for value, color in usual.items()}
    return found | {LAND: LAND_COLOR, UNSURE: UNSURE_COLOR}


def paint_classes(values: npt.NDArray[Any], colors: Mapping[int, Color], opacity: float = 1.0) -> Rgba:
    """Return classes as red, green, blue and alpha, (height, width, 4); transparent where a value has no colour."""
    table = np.zeros((257, 4), np.uint8)
    for value, color in colors.items():
        if 0 <= value < 256:
            table[value] = (*color, round(255 * opacity))
    index = np.where((values >= 0) & (values < 256), values, 256).astype(np.int64)
    painted: Rgba = table[index]
    return painted


def paint_concentration(fraction: npt.NDArray[Any], land: npt.NDArray[np.bool_] | None = None) -> Rgba:
    """Return concentrations from 0 to 1 in WMO's colours, (height, width, 4); unknown ones are light grey."""
    ends = np.array([end for _, end, _ in CONCENTRATION[:-1]])
    known = np.isfinite(fraction)
    table = np.array([color for *_, color in CONCENTRATION], np.uint8)
    painted = np.full((*fraction.shape, 4), 255, np.uint8)
    painted[..., :3] = UNKNOWN_COLOR
    painted[known, :3] = table[np.searchsorted(ends, fraction[known], side="right")]
    if land is not None:
        painted[land, :3] = LAND_COLOR
    return painted


def stretch_ends(pixels: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the values that are shown black and white: all that 8 bits hold, else the 1st and 99th percentile."""
    if pixels.dtype == np.uint8:
        return 0.0, 255.0
    values = pixels[:, valid].astype(np.float32)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, (1, 99)))
    return low, max(high, low + 1e-9)


def paint_scene(pixels: npt.NDArray[Any], valid: npt.NDArray[np.bool_], ends: tuple[float, float]) -> Rgba:
    """Return one or three bands as red, green, blue and alpha, (height, width, 4); transparent where there is no data."""
    bands = pixels if len(pixels) == 3 else pixels[[0, 0, 0]]
    low, high = ends
    if bands.dtype != np.uint8 or (low, high) != (0.0, 255.0):
        bands = np.nan_to_num(np.clip((bands.astype(np.float32) - low) / (high - low), 0, 1) * 255)
    painted = np.empty((*bands.shape[1:], 4), np.uint8)
    painted[..., :3] = np.moveaxis(bands, 0, 2)
    painted[..., 3] = np.where(valid, 255, 0)
    return painted
