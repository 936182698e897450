"""Ice floes: where they lie, how large they are, and how they look from above.

Floes come in levels. A level is a square lattice with one candidate per cell, hashed from the cell's indices: centre,
diameter, outline, tone. Each level's cells are half as wide as those of the level before and its diameters cover the
next octave down, so that their number per area follows N(diameter > d) ~ d^-1.9. That exponent is within the 1.7 to
2.5 of Rothrock and Thorndike (1984) and near the 1.87 that Toyota et al. (2006) found for floes wider than 40 m.

A candidate is dropped where a bigger floe lies already, and is cut where their outlines overlap, so that pressed floes
meet along a crack. The decision about a floe depends only on bigger ones near it: levels are settled from big to small
over margins wide enough that every window decides alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.synthetic.noise import Canvas, Floats, hashed, spline_at, uniform
from seaice_cli.synthetic.recipe import Look

Positions = npt.NDArray[np.float64]

LEVELS = (512, 256, 128, 64, 32, 16)
"""Lattice spacing of each level in pixels; its floes are a quarter to half of that in radius."""
EXPONENT = 1.9
"""Of the cumulative number of floes over diameter."""
SIDES = 7
_REACH = 1.6
"""How far an outline reaches at most, in radii."""
_PRESENCE = 0.62
"""Share of the cells of the middle level that have a candidate where the sea is full of ice."""
_CROWDING = 0.2
"""By how much the exponent of candidates must exceed that of floes, because bigger floes displace smaller ones."""


@dataclass(frozen=True, slots=True)
class Floes:
    """Floes in order of falling radius, one entry per floe in every array."""

    row: Positions
    col: Positions
    radius: Floats
    """In pixels; that of a circle of about equal area."""
    identity: npt.NDArray[np.uint32]
    """Hash that settles the outline and the tone."""

    def __len__(self) -> int:
        return len(self.row)

    def take(self, which: npt.NDArray[Any]) -> Floes:
        """Return some of the floes, by indices or by a boolean array."""
        return Floes(*(getattr(self, f.name)[which] for f in fields(self)))


def ice_cover(look: Look, rows: Positions, cols: Positions, field: Callable[..., Floats] = spline_at) -> Floats:
    """Return the share of ice, 0 to 1: it varies over hundreds to thousands of kilometres.

    Args:
        look: Of the scene.
        rows: Positions along the first axis in units of `look.region`.
        cols: Positions along the second axis.
        field: `spline_at` for scattered positions, the result is (n,); `spline` for the grid of two axes.
    """
    wave = sum(
        np.float32(amplitude) * field(rows * scale, cols * scale, look.seeded(1 + k))
        for k, (scale, amplitude) in enumerate(((0.25, 0.6), (1, 0.65), (3, 0.45)))
    )
    cover: Floats = np.clip(np.float32(look.cover) + np.float32(look.spread) * wave, 0, 1)
    return cover


def pick(look: Look, canvas: Canvas) -> Floes:
    """Return every floe whose outline may reach into a rectangle of pixels."""
    settled = _candidates(look, LEVELS[look.biggest], canvas)
    for spacing in LEVELS[look.biggest + 1 :]:
        new = _candidates(look, spacing, canvas)
        settled = _joined(settled, new.take(~_blocked(new, settled)))
    reach = _REACH * settled.radius + 2
    near = (np.abs(settled.row - canvas.row - canvas.height / 2) < canvas.height / 2 + reach) & (
        np.abs(settled.col - canvas.col - canvas.width / 2) < canvas.width / 2 + reach
    )
    return settled.take(near)


def _candidates(look: Look, spacing: int, canvas: Canvas) -> Floes:
    """Return one level's candidates for a rectangle, and for the margin that decides about smaller floes in it."""
    wide = canvas.grown(2 * spacing)
    i = np.arange(wide.row // spacing, -(-(wide.row + wide.height) // spacing))
    j = np.arange(wide.col // spacing, -(-(wide.col + wide.width) // spacing))
    i, j = (a.ravel() for a in np.meshgrid(i, j, indexing="ij"))
    seed = look.seeded(10 + spacing)
    row = ((i + uniform(seed + 1, i, j).astype(np.float64)) * spacing).astype(np.float64)
    col = ((j + uniform(seed + 2, i, j).astype(np.float64)) * spacing).astype(np.float64)
    # Inverse of the truncated power law: diameters from half a lattice spacing to a whole one.
    radius = spacing / 4 * (1 - (1 - 2**-EXPONENT) * uniform(seed + 3, i, j)) ** (-1 / EXPONENT)
    cover = ice_cover(look, row / look.region, col / look.region)
    # Waves break floes near the ice edge: the big ones go first.
    share = _PRESENCE * (spacing / 64) ** (2 - EXPONENT - _CROWDING) * cover ** (1 + spacing / 128)
    present = uniform(seed + 4, i, j) < share
    order = np.argsort(-radius[present], kind="stable")
    return Floes(row, col, radius.astype(np.float32), hashed(seed + 5, i, j)).take(present).take(order)


def _blocked(new: Floes, settled: Floes) -> npt.NDArray[np.bool_]:
    """Return which new floes lie in or mostly in a settled one."""
    distance = np.hypot(new.row[:, None] - settled.row, new.col[:, None] - settled.col)
    return np.asarray((distance < settled.radius + 0.65 * new.radius[:, None]).any(1))


def _joined(first: Floes, second: Floes) -> Floes:
    return Floes(*(np.concatenate([getattr(first, f.name), getattr(second, f.name)]) for f in fields(first)))


def stamp(floes: Floes, canvas: Canvas, rough: list[Floats], gap: Floats) -> tuple[Floats, Floats]:
    """Draw floes.

    Args:
        floes: In order of falling radius: where two overlap, the bigger stays whole.
        canvas: Where.
        rough: Displacements of outlines in pixels, (height, width) each; the k-th for radii from 4^(k+1) on.
        gap: Width in pixels of the crack around floes that touch, (height, width).

    Returns:
        Depth in pixels inside the nearest floe (negative outside, -99 far from any) and the tone of that floe,
        uniform in 0 to 1; both (height, width).
    """
    depth = np.full((canvas.height, canvas.width), -99, np.float32)
    tone = np.full_like(depth, 0.5)
    sides = uniform(3, floes.identity[:, None], np.arange(2 * SIDES + 3))
    for row, col, radius, u in zip(floes.row, floes.col, floes.radius, sides, strict=True):
        reach = _REACH * float(radius) + 2
        top, left = max(0, int(row - reach - canvas.row)), max(0, int(col - reach - canvas.col))
        part = (
            slice(top, max(top, int(row + reach - canvas.row) + 1)),
            slice(left, max(left, int(col + reach - canvas.col) + 1)),
        )
        before = depth[part]
        if not before.size:
            continue
        dy = (canvas.rows[part[0]] - row).astype(np.float32)
        dx = (canvas.cols[part[1]] - col).astype(np.float32)
        inside = _depth(dy, dx, radius, u)
        for k, displacement in enumerate(rough):
            if radius >= 4 ** (k + 1):
                inside += displacement[part]
        np.minimum(inside, -before - gap[part], out=inside)
        closer = inside > before
        before[closer] = inside[closer]
        tone[part][closer] = u[2 * SIDES]
    return depth, tone


def _depth(dy: Floats, dx: Floats, radius: Any, u: Floats) -> Floats:
    """Return the depth in pixels inside a rounded polygon around the origin, on the grid of two axes of offsets."""
    angle = 2 * np.pi * (u[-1] + (np.arange(SIDES) + 0.7 * u[:SIDES]) / SIDES)
    longish = 1 + 0.25 * u[-2] * np.cos(2 * (angle - angle[0]))
    apothem = radius * (0.68 + 0.4 * u[SIDES : 2 * SIDES]) * longish
    down = np.cos(angle)[:, None] * dy / apothem[:, None]
    across = np.sin(angle)[:, None] * dx / apothem[:, None]
    polygon = (down[:, :, None] + across[:, None, :]).max(0)
    circle = np.sqrt(dy[:, None] ** 2 + dx[None, :] ** 2) / radius
    result: Floats = ((1 - (0.75 * polygon + 0.25 * circle)) * radius).astype(np.float32)
    return result
