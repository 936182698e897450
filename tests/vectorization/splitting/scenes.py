"""Pictures of floes in brash, with the floes known."""

from __future__ import annotations

import numpy as np

WATER, BRASH, SNOW, GREY = 40, 130, 200, 150


def draw_floes(shape, count, *, seed=0, radii=(5, 14), gap=2.0, snow=SNOW):
    """Return brightness and the numbers of discs that do not touch, in brash that reaches to a strip of water at the left."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    brightness, numbers = BRASH + generator.normal(0, 15, shape), np.zeros(shape, int)
    brightness[:, :12] = WATER
    placed = []
    for _ in range(100 * count):
        if len(placed) == count:
            break
        row, col, radius = generator.uniform(0, shape[0]), generator.uniform(30, shape[1]), generator.uniform(*radii)
        if any(np.hypot(row - r, col - c) < radius + other + gap for r, c, other in placed):
            continue
        placed.append((row, col, radius))
        inside = np.hypot(y - row, x - col) < radius
        brightness[inside], numbers[inside] = snow, len(placed)
    return brightness + generator.normal(0, 1.5, shape), numbers


def same_parts(first, second):
    """Return whether two numberings part the same pixels alike."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()], axis=1), axis=0)
    return len(pairs) == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1]))
