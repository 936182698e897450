"""The air above the ice: banks of cloud of several kinds, their shadows, and haze.

A pixel is cloud in the truth where the clouds' opacity reaches `HIDING`, an optical depth of 0.7: from there on they
hide more of the surface than they show. Thinner cloud and haze brighten and soften it, but leave it its class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seaice_cli.synthetic.noise import Canvas, Floats, fractal, hashed, normal_threshold, turned, uniform
from seaice_cli.synthetic.recipe import Look

HIDING = 0.5
"""Opacity from which a pixel is cloud."""
HALO = 24
"""Pixels by which the shadows of clouds reach into a block."""
KINDS = ("deck", "streets", "cells", "veil")


@dataclass(frozen=True, slots=True)
class Air:
    """What lies over a block, arrays (height, width)."""

    opacity: Floats
    """Of cloud, 0 to 1."""
    brightness: Floats
    """Red reflectance of the cloud itself."""
    haze: Floats
    """Opacity of haze, 0 to 1."""
    shade: Floats
    """Share of the sunlight that shadows take from the surface, 0 to 1."""


def air(look: Look, canvas: Canvas) -> Air:
    """Return the air over a block of pixels."""
    wide = canvas.grown(HALO)
    inner = slice(HALO, HALO + canvas.height), slice(HALO, HALO + canvas.width)
    depth = optical_depth(look, wide)
    opacity = 1 - np.exp(-depth)
    # Clouds have rims: less in between than the smooth fields would give.
    opacity = opacity**2 * (3 - 2 * opacity)
    down, right = (round(look.shadow * f(look.sun)) for f in (np.cos, np.sin))
    cast = opacity[HALO - down : HALO - down + canvas.height, HALO - right : HALO - right + canvas.width]
    shade = np.float32(0.35) * cast * (1 - opacity[inner])
    # Cloud tops that face the sun are brighter than those behind.
    relief = np.clip(depth[HALO + 1 : -HALO + 1, inner[1]] - depth[HALO - 1 : -HALO - 1, inner[1]], -0.6, 0.6)
    relief = relief * np.float32(np.cos(look.sun)) + np.float32(np.sin(look.sun)) * np.clip(
        depth[inner[0], HALO + 1 : -HALO + 1] - depth[inner[0], HALO - 1 : -HALO - 1], -0.6, 0.6
    )
    tone = fractal(canvas, look.seeded(60), 300, octaves=6, gain=0.6)
    thick = np.clip(depth[inner] / 6, 0, 1)
    brightness = np.float32(look.cloud_albedo) * (0.8 + 0.22 * thick + 0.06 * tone - 0.32 * relief)
    veil = fractal(canvas, look.seeded(61), 500, octaves=2)
    haze = np.float32(look.haze) * np.clip(0.4 + 0.45 * veil, 0, 1)
    return Air(opacity[inner], brightness, haze, shade)


def optical_depth(look: Look, canvas: Canvas) -> Floats:
    """Return the optical depth of the clouds, as far as it hides the surface, (height, width)."""
    total = np.zeros((canvas.height, canvas.width), np.float32)
    if look.clouds <= 0:
        return total
    kinds = [KINDS[int(hashed(look.seeded(62), k)) % len(KINDS)] for k in range(2)]
    for k, kind in enumerate(kinds):
        bank = 0.9 * fractal(canvas, look.seeded(63 + k), 1700, octaves=5, gain=0.75) + normal_threshold(
            look.clouds * (0.75, 0.45)[k]
        )
        if bank.max() > -1:
            total += _KINDS[kind](look, canvas, bank, look.seeded(70 + 10 * k))
    return total


def _deck(look: Look, canvas: Canvas, bank: Floats, seed: int) -> Floats:
    """Stratus: smooth, thick inside, with a soft rim and gentle waves."""
    grain = fractal(canvas, seed + 1, 60, octaves=5, gain=0.5)
    waves = turned(canvas, seed + 2, across=10, along=50, angle=look.wind + 1.3, octaves=3, gain=0.7)
    depth: Floats = np.clip(2.8 * bank + 0.7 + 0.45 * grain + 0.22 * waves, 0, None)
    return depth


def _streets(look: Look, canvas: Canvas, bank: Floats, seed: int) -> Floats:
    """Rolls along the wind, as cold air makes them over open water and leads."""
    width = 7 + 16 * float(uniform(seed, 1))
    rolls = turned(canvas, seed + 1, across=width, along=width * 14, angle=look.wind)
    puffs = turned(canvas, seed + 2, across=width / 2, along=width, angle=look.wind, octaves=3, gain=0.7)
    depth: Floats = np.clip(1.8 * bank + 0.9 + 1.2 * rolls + 0.5 * puffs, 0, None) * np.clip(bank + 0.9, 0, 1)
    return depth


def _cells(_look: Look, canvas: Canvas, bank: Floats, seed: int) -> Floats:
    """Cumulus and stratocumulus: puffs with gaps."""
    size = 10 + 26 * float(uniform(seed, 1))
    puffs = fractal(canvas, seed + 1, size, octaves=4, gain=0.55)
    depth: Floats = np.clip(2.0 * bank + 0.8 + 1.5 * puffs, 0, None) * np.clip(bank + 0.9, 0, 1)
    return depth


def _veil(look: Look, canvas: Canvas, bank: Floats, seed: int) -> Floats:
    """Cirrus and fog: thin, fibrous, the surface shines through."""
    fibres = turned(canvas, seed + 1, across=22, along=140, angle=look.wind + 0.6, octaves=4, gain=0.6)
    depth: Floats = np.clip(0.8 * bank + 0.4 * fibres + 0.4, 0, None)
    return depth


_KINDS = {"deck": _deck, "streets": _streets, "cells": _cells, "veil": _veil}
