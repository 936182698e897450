"""Smooth random fields that are pure functions of a seed and absolute pixel coordinates.

Random numbers come from hashing lattice indices, so a field needs no state and no order of evaluation: any two windows
agree where they overlap. Fields are cubic B-splines over a lattice of such numbers (smooth to the second derivative,
no grid-aligned creases as in value noise) and sums of octaves of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.floating[Any]]

_UNIT_DEVIATION = 3.616
"""Brings a B-spline of numbers uniform in -1..1 to a standard deviation of about one (averaged over the lattice)."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A rectangle of absolute pixels: where to evaluate a field. May reach beyond the scene."""

    row: int
    col: int
    height: int
    width: int

    def grown(self, margin: int) -> Canvas:
        """Return the rectangle with `margin` more pixels on each side."""
        return Canvas(self.row - margin, self.col - margin, self.height + 2 * margin, self.width + 2 * margin)

    @property
    def rows(self) -> npt.NDArray[np.float64]:
        """The absolute row of every pixel centre, (height,)."""
        return np.arange(self.row, self.row + self.height, dtype=np.float64) + 0.5

    @property
    def cols(self) -> npt.NDArray[np.float64]:
        """The absolute column of every pixel centre, (width,)."""
        return np.arange(self.col, self.col + self.width, dtype=np.float64) + 0.5


def hashed(seed: int, i: npt.ArrayLike, j: npt.ArrayLike = 0) -> npt.NDArray[np.uint32]:
    """Hash pairs of whole numbers to 32 well-mixed bits (the finalizer of MurmurHash3, applied twice).

    Args:
        seed: Which of the independent hash functions.
        i: First whole numbers, of any sign.
        j: Second whole numbers; broadcast against the first.
    """
    with np.errstate(over="ignore"):
        start = np.uint32(seed & 0xFFFFFFFF) * np.uint32(0x9E3779B1) + np.uint32(0x7F4A7C15)
        x = _mixed(np.asarray(i, np.int64).astype(np.uint32) + start)
        return _mixed(x + np.asarray(j, np.int64).astype(np.uint32) * np.uint32(0x85EBCA77))


def _mixed(x: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def uniform(seed: int, i: npt.ArrayLike, j: npt.ArrayLike = 0) -> Floats:
    """Return numbers uniform in 0 (inclusive) to 1 (exclusive), float32, one per pair of whole numbers."""
    return (hashed(seed, i, j) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def _weights(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the four cubic B-spline weights at fractions t, (4, *t.shape)."""
    u = 1 - t
    return np.stack([u**3, 4 - 3 * t**2 * (2 - t), 4 - 3 * u**2 * (2 - u), t**3]) / 6


def _along(axis: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
    """Return the lattice indices an axis needs, the first of the four taps of each position in them, the weights."""
    cell = np.floor(axis).astype(np.int64)
    first = int(cell[0]) - 1
    return np.arange(first, int(cell[-1]) + 3), cell - 1 - first, _weights(axis - cell).astype(np.float32)


def spline(rows: npt.NDArray[np.float64], cols: npt.NDArray[np.float64], seed: int) -> Floats:
    """Evaluate a smooth field on the grid of two axes.

    Args:
        rows: Positions along the first axis in lattice units, ascending.
        cols: Positions along the second axis in lattice units, ascending.
        seed: Which field.

    Returns:
        (len(rows), len(cols)) float32, mean 0, standard deviation about 1, within -3.7 to 3.7.
    """
    (i, top, down), (j, left, across) = _along(rows), _along(cols)
    lattice = (2 * uniform(seed, i[:, None], j) - 1) * np.float32(_UNIT_DEVIATION)
    # Taps one by one rather than a product of matrices: BLAS threads cost more than they give at this size.
    wide = sum(lattice[:, left + k] * across[k] for k in range(4))
    result: Floats = wide[top] * down[0, :, None]
    for k in range(1, 4):
        result += wide[top + k] * down[k, :, None]
    return result


def spline_at(y: npt.NDArray[np.float64], x: npt.NDArray[np.float64], seed: int) -> Floats:
    """Evaluate the field of `spline` at scattered positions in lattice units, both (n,); float32 (n,)."""
    i, j = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    taps = np.arange(-1, 3)
    lattice = 2 * uniform(seed, (i[:, None] + taps)[:, :, None], (j[:, None] + taps)[:, None, :]) - 1
    weights = _weights(y - i).T[:, :, None] * _weights(x - j).T[:, None, :]
    field: Floats = (lattice * weights).sum((1, 2)).astype(np.float32)
    return field * np.float32(_UNIT_DEVIATION)


def fractal(canvas: Canvas, seed: int, wavelength: float, *, octaves: int = 1, gain: float = 0.5) -> Floats:
    """Sum octaves of smooth fields over a rectangle of pixels.

    Args:
        canvas: Where.
        seed: Which field.
        wavelength: Lattice spacing of the first octave in pixels; each next octave halves it.
        octaves: How many.
        gain: Amplitude of an octave relative to the one before.

    Returns:
        (height, width) float32, mean 0, standard deviation about 1.
    """
    return fractal_on(canvas.rows / wavelength, canvas.cols / wavelength, seed, octaves=octaves, gain=gain)


def fractal_on(
    rows: npt.NDArray[np.float64], cols: npt.NDArray[np.float64], seed: int, *, octaves: int = 1, gain: float = 0.5
) -> Floats:
    """Sum octaves of smooth fields on the grid of two axes in units of the first octave's lattice."""
    total = spline(rows, cols, seed)
    for k in range(1, octaves):
        total += np.float32(gain**k) * spline(rows * 2**k, cols * 2**k, seed + 7919 * k)
    total *= np.float32(sum(gain ** (2 * k) for k in range(octaves)) ** -0.5)
    return total


def turned(
    canvas: Canvas, seed: int, *, across: float, along: float, angle: float, octaves: int = 1, gain: float = 0.5
) -> Floats:
    """Return a fractal field stretched along a direction, such as cloud streets or wind-blown streaks.

    Args:
        canvas: Where.
        seed: Which field.
        across: Lattice spacing of the first octave in pixels across the direction.
        along: Lattice spacing in pixels along it.
        angle: The direction in radians, from the row axis towards the column axis.
        octaves: How many.
        gain: Amplitude of an octave relative to the one before.

    Returns:
        (height, width) float32, mean 0, standard deviation about 1.
    """
    from scipy import ndimage

    u, v = turn(canvas, angle)
    # The field is laid out along its own axes, four nodes per shortest wavelength, then sampled bilinearly.
    per_cell = 4 * 2 ** (octaves - 1)
    u, v = u * np.float32(per_cell / along), v * np.float32(per_cell / across)
    low_u, low_v = int(np.floor(u.min())), int(np.floor(v.min()))
    rows = np.arange(low_u, int(np.ceil(u.max())) + 2) / per_cell
    cols = np.arange(low_v, int(np.ceil(v.max())) + 2) / per_cell
    field = fractal_on(rows, cols, seed, octaves=octaves, gain=gain)
    result: Floats = ndimage.map_coordinates(field, [u - low_u, v - low_v], order=1, output=np.float32)
    return result


def turn(canvas: Canvas, angle: float) -> tuple[Floats, Floats]:
    """Return the absolute pixel coordinates along and across a direction, both (height, width)."""
    y, x = canvas.rows[:, None], canvas.cols[None, :]
    along = y * np.cos(angle) + x * np.sin(angle)
    across = x * np.cos(angle) - y * np.sin(angle)
    return along.astype(np.float32), across.astype(np.float32)


def normal_threshold(share: float) -> float:
    """Return what to add to a standard normal variable so that about this share of it is positive."""
    share = min(max(share, 1e-4), 1 - 1e-4)
    return math.log(share / (1 - share)) / 1.702


def cells(y: Positions, x: Positions, spacing: float, seed: int, *, ring: int = 1) -> tuple[Floats, Floats, Floats]:
    """Divide the plane into irregular polygons, those of a Voronoi diagram of one hashed site per lattice cell.

    Args:
        y: Positions in pixels along the first axis, (height, width); warp them to bend the borders.
        x: Positions along the second axis.
        spacing: Lattice spacing in pixels.
        seed: Which division.
        ring: How many lattice cells around a position's own are searched for sites.

    Returns:
        Distance in pixels to the nearest border, a number from 0 to 1 for the polygon, and one for that border (the
        same from both sides); (height, width) each.
    """
    y, x = (y / spacing).astype(np.float32), (x / spacing).astype(np.float32)
    home_i, home_j = np.floor(y).astype(np.int32), np.floor(x).astype(np.int32)
    low_i, low_j = int(home_i.min()) - ring, int(home_j.min()) - ring
    i = np.arange(low_i, int(home_i.max()) + ring + 1)[:, None]
    j = np.arange(low_j, int(home_j.max()) + ring + 1)[None, :]
    site_y = (i + 0.1 + 0.8 * uniform(seed, i, j)).astype(np.float32).ravel()
    site_x = (j + 0.1 + 0.8 * uniform(seed + 1, i, j)).astype(np.float32).ravel()
    home = ((home_i - low_i) * j.size + (home_j - low_j)).astype(np.intp)
    offsets = np.array([di * j.size + dj for di in range(-ring, ring + 1) for dj in range(-ring, ring + 1)])
    # Squared distance in the upper 27 bits (below 16 cells), which site in the lower 5: the two least tell all.
    first = second = np.full(y.shape, 0xFFFFFFFF, np.uint32)
    for k, offset in enumerate(offsets):
        site = home + offset
        distance = (y - site_y[site]) ** 2 + (x - site_x[site]) ** 2
        key = (distance * np.float32(2.0**23)).astype(np.uint32) * np.uint32(32) + np.uint32(k)
        second = np.minimum(second, np.maximum(first, key))
        first = np.minimum(first, key)
    owner, other = home + offsets[first % 32], home + offsets[second % 32]
    gain = ((second // 32).astype(np.float32) - (first // 32).astype(np.float32)) * np.float32(2.0**-23)
    apart = np.hypot(site_y[owner] - site_y[other], site_x[owner] - site_x[other]) + np.float32(1e-3)
    name = uniform(seed + 2, i, j).ravel()
    edge = gain / (2 * apart) * np.float32(spacing)
    return edge, name[owner], (name[owner] + name[other]) % 1
