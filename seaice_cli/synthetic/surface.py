"""The sea without its air: floes, brash, thin ice, leads, landfast ice and open water, as reflectance and as truth."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from seaice_cli.synthetic import floes
from seaice_cli.synthetic.noise import Canvas, Floats, cells, fractal, normal_threshold, spline, turn, turned
from seaice_cli.synthetic.recipe import Look

ICE_REFLECTANCE = 0.12
"""Red reflectance from which a pixel's surface counts as ice: grey ice does, dark nilas and traces of brash do not.
It is about where labels drawn from band 2 of corrected MODIS reflectance (75 counts) switch; to the eye, red 103."""
HALO = 8
"""Pixels by which the point spread function and the steps before it look beyond a block."""


def reflectance(look: Look, canvas: Canvas) -> Floats:
    """Return the red reflectance of the sea's surface before the optics blur it, (height, width)."""
    cover = floes.ice_cover(look, canvas.rows / look.region, canvas.cols / look.region, spline)
    rough = [fractal(canvas, look.seeded(30 + k), w, octaves=2) * np.float32(w / 8) for k, w in enumerate((5, 18, 60))]
    fine = fractal(canvas, look.seeded(40), 5, octaves=2, gain=0.8)
    frozen = _frozen(look, canvas)
    gap = np.clip(0.9 - 1.6 * frozen + 0.5 * rough[1] + 0.5 * rough[0], 0, 2.5)
    depth, tone = floes.stamp(floes.pick(look, canvas), canvas, rough, gap)
    between = _between(look, canvas, cover, frozen, fine)
    snow = _snow(look, canvas, tone, fine)
    # Floes that touch have rubbed each other's rims to slush: a darker line around each.
    between += np.clip(depth + gap, 0, 1) * (np.float32(0.6 * look.brash) - between)
    share = np.clip(depth + 0.5, 0, 1)
    between += share * (snow - between)
    return _fast(look, canvas, _cracked(look, canvas, between, frozen, fine), fine)


def blurred(red: Floats, look: Look) -> Floats:
    """Return what the optics make of a reflectance: blurred by the point spread function, without the halo."""
    spread: Floats = ndimage.gaussian_filter(red, look.sharpness, truncate=HALO / 2 / look.sharpness, output=np.float32)
    return spread[HALO:-HALO, HALO:-HALO]


def colors(red: Floats, look: Look, canvas: Canvas) -> Floats:
    """Return the reflectance in red, green and blue, (3, height, width): the darker a surface, the more like water."""
    water = look.water
    like_ice = np.clip((red - water[0]) / np.float32(0.45), 0, 1)
    like_ice = 1 - (1 - like_ice) ** 2
    tint = np.float32(1) + 0.3 * fractal(canvas, look.seeded(41), look.region / 3, octaves=2)
    green = red + (water[1] - water[0]) * (1 - like_ice) + np.float32(look.tint * look.green) * tint * like_ice
    blue = red + (water[2] - water[0]) * (1 - like_ice) + np.float32(look.tint) * tint * like_ice
    return np.stack([red, green, blue])


def _frozen(look: Look, canvas: Canvas) -> Floats:
    """Return how far the sea between the floes has frozen to one sheet, 0 to 1."""
    wave = fractal(canvas, look.seeded(42), look.region / 2, octaves=3)
    frozen: Floats = np.clip(np.float32(look.pack) + 0.25 * wave - 0.1, 0, 1)
    return frozen


def _between(look: Look, canvas: Canvas, cover: Floats, frozen: Floats, fine: Floats) -> Floats:
    """Return the reflectance between floes: water, thin ice in sheets, brash, small floes, or snow over all of it."""
    opening = fractal(canvas, look.seeded(43), look.opening, octaves=4, gain=0.55)
    patches = turned(
        canvas, look.seeded(44), across=look.opening / 2, along=look.opening * 1.5, angle=look.wind, octaves=3
    )
    water = np.float32(look.water[0]) * (1 + 0.1 * fractal(canvas, look.seeded(45), 200, octaves=3))
    thickness = np.clip(0.5 * (patches - 2.4 * (0.5 - np.float32(look.thin))), 0, 1) * np.clip(4 * cover, 0, 1)
    red = water + thickness * (0.07 + 0.05 * opening.clip(-1, 2) + 0.012 * fine)
    brash = np.clip(np.float32(look.brash) * (0.75 + 0.22 * fine + 0.15 * patches), 0.03, 0.8)
    amount = np.clip(4.0 * (cover - 0.72) - 1.1 * opening + 0.6 * fine - 0.6, 0, 1)
    red += amount * (brash - red)
    solid = np.float32(look.albedo) * (0.86 + 0.03 * patches + 0.03 * fine)
    red += np.clip(4 * frozen - 2.0 - 0.8 * np.maximum(opening, -0.4) + 0.5 * fine, 0, 1) * (solid - red)
    share: Floats = np.clip(1.3 * cover - 0.22 - 0.4 * np.maximum(opening, -0.3), 0, 1)
    return _mosaic(look, canvas, red, brash, share, frozen)


def _mosaic(look: Look, canvas: Canvas, red: Floats, brash: Floats, share: Floats, frozen: Floats) -> Floats:
    """Lay polygons of broken ice over the sea, from the size of brash up to that of the pieces of a broken pack."""
    bend = [fractal(canvas, look.seeded(47 + k), 7, octaves=2) for k in range(2)]
    for spacing, present, crack in ((4.5, 0.9, 1.0), (9.0, 0.75, 1.3), (look.opening / 5 + 9, 0.4, 2.0)):
        y = (canvas.rows[:, None] + (0.3 + spacing / 25) * bend[0]).astype(np.float32)
        x = (canvas.cols[None, :] + (0.3 + spacing / 25) * bend[1]).astype(np.float32)
        edge, name, border = cells(y, x, spacing, look.seeded(49) + int(spacing))
        whole = np.clip(edge - crack * (0.3 + 0.8 * border**2) * (1.25 - frozen) + 0.2, 0, 1) * (name < share * present)
        tone = brash + (0.7 + 0.3 * name / present) * (np.float32(look.albedo) * 0.96 - brash)
        red += whole * (tone - red)
    return red


def _snow(look: Look, canvas: Canvas, tone: Floats, fine: Floats) -> Floats:
    """Return the reflectance of floes: each has a tone, some are thin and grey, ridges and drifts give them grain."""
    relief = fractal(canvas, look.seeded(46), 24, octaves=3, gain=0.6)
    young = np.clip(12 * (np.float32(0.12 * look.thin) - tone), 0, 1)
    snow = np.float32(look.albedo) * (0.88 + 0.14 * tone + 0.022 * relief + 0.028 * fine)
    floe: Floats = snow * (1 - (0.1 + 4 * tone) * young)
    return floe


def _cracked(look: Look, canvas: Canvas, red: Floats, frozen: Floats, fine: Floats) -> Floats:
    """Open leads and cracks in ice that has frozen together."""
    water = np.float32(look.water[0])
    along, across = turn(canvas, look.sun)
    for k, (spacing, width) in enumerate(((420, look.leads), (150, look.leads * 0.6 - 0.5), (48, -0.3))):
        if width * 1.7 + 2 < 0:
            continue
        bend = [fractal(canvas, look.seeded(50 + 2 * k + n), spacing / 2.5, octaves=4) * spacing / 14 for n in range(2)]
        edge, _, name = cells(along / 1.5 + bend[0], across + bend[1], spacing, look.seeded(56 + k), ring=1 + (k < 2))
        half = width * (0.3 + 1.4 * name) + 0.8 * fractal(canvas, look.seeded(59 + k), spacing / 3, octaves=3)
        opened = np.clip(half - edge + 0.5, 0, 1) * np.clip(3 * frozen - 0.6, 0, 1) * np.clip(4 * red - 0.4, 0, 1)
        refrozen = np.clip(1.5 * (np.float32(look.thin) - name) + 0.3, 0, 1) * (0.1 + 0.12 * name + 0.02 * fine)
        red += opened * (water + refrozen - red)
    return red


def _fast(look: Look, canvas: Canvas, red: Floats, fine: Floats) -> Floats:
    """Lay smooth landfast ice over part of the scene, and open a flaw lead along its edge."""
    if look.fast <= 0:
        return red
    shore = fractal(canvas, look.seeded(64), look.region, octaves=5, gain=0.45)
    inside = (shore + np.float32(normal_threshold(look.fast))) * np.float32(look.region / 3)
    flaw = np.clip(-inside, 0, None)
    width = np.clip(6 + 12 * fractal(canvas, look.seeded(65), look.region / 4, octaves=3), 0, None)
    new = (
        np.float32(look.water[0])
        + np.clip(flaw / (width + 1), 0, 1) * (0.04 + 0.12 * np.float32(look.thin))
        + 0.006 * fine
    )
    red += np.clip(width - flaw + 0.5, 0, 1) * (inside <= 0) * (new - red)
    smooth = np.float32(look.albedo) * (0.97 + 0.02 * fractal(canvas, look.seeded(66), 60, octaves=4) + 0.006 * fine)
    red += np.clip(inside + 0.5, 0, 1) * (smooth - red)
    return red
