"""Meridians and parallels on a frame of any CRS, and what its middle says of north and of distances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj

from seaice_cli.products.pictures.frames import Frame
from seaice_cli.raster.area import on_earth

Array = npt.NDArray[np.float64]

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 45.0)
_MOST_PARALLELS, _MOST_MERIDIANS = 6, 9
_SAMPLES, _POINTS = 41, 361
LEFT, BOTTOM, RIGHT, TOP = range(4)


@dataclass(frozen=True, slots=True)
class Line:
    """A meridian or parallel."""

    points: Array
    """(n, 2) in the frame's CRS; NaN between parts."""
    text: str
    place: tuple[float, float] | None
    """Where it leaves the frame; None: nowhere."""
    edge: int


@dataclass(frozen=True, slots=True)
class Middle:
    """The middle of a frame."""

    north: float
    """Degrees clockwise from the frame's upward direction to north."""
    metres: float
    """Of the ground under one unit of the frame's x axis."""


class Earth:
    """Between a frame's coordinates and longitude and latitude.

    Args:
        frame: Of a CRS that is on earth.
    """

    def __init__(self, frame: Frame) -> None:
        crs = pyproj.CRS.from_wkt(frame.crs.to_wkt())
        self.geographic = bool(crs.is_geographic)
        self._geod = crs.get_geod() or pyproj.Geod(ellps="WGS84")
        self._to = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)

    def degrees(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return longitudes and latitudes; infinite where there are none."""
        if self.geographic:
            return np.asarray(x, np.float64), np.asarray(y, np.float64)
        return self._to.transform(x, y)  # type: ignore[no-any-return]  # pyproj's is typed Any

    def place(self, longitude: Any, latitude: Any) -> tuple[Any, Any]:
        """Return coordinates of the frame; infinite where there are none."""
        if self.geographic:
            return np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
        return self._to.transform(longitude, latitude, direction="INVERSE")  # type: ignore[no-any-return]  # pyproj's is typed Any

    def middle(self, frame: Frame) -> Middle:
        """Return what the middle of the frame says."""
        left, bottom, right, top = frame.bounds
        x, y = (left + right) / 2, (bottom + top) / 2
        longitude, latitude = self.degrees(x, y)
        step = -1e-4 if latitude > 89.99 else 1e-4
        north = self.place(longitude, latitude + step)
        turn = math.degrees(math.atan2(float(north[0]) - x, float(north[1]) - y)) + (180 if step < 0 else 0)
        reach = (right - left) / 1000
        a, b = self.degrees(np.array([x - reach, x + reach]), np.array([y, y]))
        metres = self._geod.inv(a[0], b[0], a[1], b[1])[2]
        return Middle(turn, metres / (2 * reach))


def has_graticule(frame: Frame) -> bool:
    """Tell whether a frame has longitudes and latitudes."""
    return on_earth(frame.crs)


def lines_of(frame: Frame) -> list[Line]:
    """Return the meridians and parallels of a frame that is on earth."""
    earth = Earth(frame)
    (west, east), (south, north) = _extent(earth, frame)
    across, up = _step(east - west, _MOST_MERIDIANS), _step(north - south, _MOST_PARALLELS)
    highest = math.floor(min(north, 90 - up / 2) / up) * up if north > 89 else north
    lowest = math.ceil(max(south, -90 + up / 2) / up) * up if south < -89 else south
    along_meridian, along_parallel = np.linspace(lowest, highest, _POINTS), np.linspace(west, east, _POINTS)
    found = []
    for longitude in _multiples(west, east, across):
        points = _placed(earth, frame, np.full(_POINTS, longitude), along_meridian)
        found.append(_line(points, frame, _name(longitude, "EW"), (BOTTOM, TOP, LEFT, RIGHT)))
    for latitude in _multiples(south, north, up):
        if abs(latitude) < 90:
            points = _placed(earth, frame, along_parallel, np.full(_POINTS, latitude))
            found.append(_line(points, frame, _name(latitude, "NS"), (LEFT, RIGHT, BOTTOM, TOP)))
    return [line for line in found if np.isfinite(line.points).all(axis=1).any()]


def _extent(earth: Earth, frame: Frame) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the longitudes, from west to east without a jump, and the latitudes that a frame holds."""
    left, bottom, right, top = frame.bounds
    x, y = np.meshgrid(np.linspace(left, right, _SAMPLES), np.linspace(bottom, top, _SAMPLES))
    longitudes, latitudes = (np.ravel(v) for v in earth.degrees(x, y))
    known = np.isfinite(longitudes) & np.isfinite(latitudes)
    longitudes, latitudes = longitudes[known], latitudes[known]
    south, north = float(latitudes.min()), float(latitudes.max())
    if earth.geographic:
        return (left, right), (south, north)
    for pole in (90.0, -90.0):
        at = earth.place(0.0, pole)
        if left <= at[0] <= right and bottom <= at[1] <= top:
            return (-180.0, 180.0), (south, 90.0) if pole > 0 else (-90.0, north)
    ordered = np.sort(longitudes % 360)
    gaps = np.diff(np.append(ordered, ordered[0] + 360))
    widest = int(np.argmax(gaps))
    west = float(ordered[(widest + 1) % len(ordered)])
    return (west, west + 360 - float(gaps[widest])), (south, north)


def _step(length: float, most: int) -> float:
    return next((step for step in _STEPS if length / step <= most), _STEPS[-1])


def _multiples(low: float, high: float, step: float) -> Array:
    numbers: Array = (
        np.arange(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1, dtype=np.float64) * step
    )
    whole_circle = high - low >= 360 - 1e-9 and len(numbers) > 1
    return numbers[:-1] if whole_circle else numbers


def _placed(earth: Earth, frame: Frame, longitudes: Array, latitudes: Array) -> Array:
    x, y = earth.place(longitudes, latitudes)
    points = np.stack([x, y], axis=1)
    left, bottom, right, top = frame.bounds
    far = np.hypot(np.diff(x, prepend=x[0]), np.diff(y, prepend=y[0])) > max(right - left, top - bottom)
    points[~np.isfinite(points).all(axis=1) | far] = np.nan
    return points


def _line(points: Array, frame: Frame, text: str, edges: tuple[int, ...]) -> Line:
    for edge in edges:
        place = _crossing(points, frame, edge)
        if place is not None:
            return Line(points, text, place, edge)
    return Line(points, text, None, edges[0])


def _crossing(points: Array, frame: Frame, edge: int) -> tuple[float, float] | None:
    """Return where a line first crosses an edge of the frame."""
    left, bottom, right, top = frame.bounds
    axis, value = ((0, left), (1, bottom), (0, right), (1, top))[edge]
    low, high = (bottom, top) if axis == 0 else (left, right)
    with np.errstate(invalid="ignore"):
        side = points[:, axis] - value
        crosses = np.flatnonzero(side[:-1] * side[1:] <= 0)
    for k in crosses:
        share = side[k] / (side[k] - side[k + 1]) if side[k] != side[k + 1] else 0.0
        along = points[k, 1 - axis] + share * (points[k + 1, 1 - axis] - points[k, 1 - axis])
        if low <= along <= high:
            return (value, float(along)) if axis == 0 else (float(along), value)
    return None


def _name(degrees: float, sides: str) -> str:
    if sides == "EW":
        degrees = (degrees + 180) % 360 - 180
    side = "" if degrees in (0, -180) else sides[0] if degrees > 0 else sides[1]
    return f"{abs(degrees):.6g}°{side}"
