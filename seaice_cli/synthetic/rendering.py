"""From a recipe to pixels and their true classes, block by block.

Scenes are made of blocks at fixed places. A block is computed as a whole from its absolute coordinates, whichever
window asks for it, so that all windows agree to the last bit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.synthetic import surface
from seaice_cli.synthetic.clouds import HIDING, air
from seaice_cli.synthetic.noise import Canvas, Floats, fractal, hashed, turn
from seaice_cli.synthetic.recipe import Look, SceneRecipe, look

Bytes = npt.NDArray[np.uint8]

BLOCK = 256
WATER, ICE, CLOUD, NODATA = 0, 1, 2, 255
"""Values of the truth; in the pixels, data is never (0, 0, 0) and nodata always is."""

_STRETCH = np.interp(
    np.linspace(0, 1.15, 4097), np.array([0, 30, 60, 120, 190, 255]) * 1.1 / 255, [0, 110, 160, 210, 240, 255]
)
"""From reflectance to counts as in corrected reflectance images of MODIS: bright surfaces are compressed."""


def generate(recipe: SceneRecipe, window: Window) -> tuple[Bytes, Bytes]:
    """Return the pixels of a window of a scene and their true classes.

    Args:
        recipe: What the scene is like.
        window: Whole pixels, inside the scene.

    Returns:
        (3, height, width) uint8 red, green, blue, 0 where there is no data, and (height, width) uint8 classes: 0 water,
        1 ice, 2 cloud, 255 no data.
    """
    top, left, height, width = (round(v) for v in (window.row_off, window.col_off, window.height, window.width))
    if top < 0 or left < 0 or top + height > recipe.height or left + width > recipe.width or min(height, width) < 0:
        raise ValueError(f"{window} is not inside a scene of {recipe.height} x {recipe.width} pixels")
    pixels, classes = np.zeros((3, height, width), np.uint8), np.full((height, width), NODATA, np.uint8)
    for row in range(top // BLOCK * BLOCK, top + height, BLOCK):
        for col in range(left // BLOCK * BLOCK, left + width, BLOCK):
            rows = slice(max(row, top), min(row + BLOCK, top + height))
            cols = slice(max(col, left), min(col + BLOCK, left + width))
            there = slice(rows.start - top, rows.stop - top), slice(cols.start - left, cols.stop - left)
            here = slice(rows.start - row, rows.stop - row), slice(cols.start - col, cols.stop - col)
            block, truth = _block(recipe, row, col)
            pixels[:, *there], classes[there] = block[:, *here], truth[here]
    return pixels, classes


@lru_cache(maxsize=16)
def _block(recipe: SceneRecipe, row: int, col: int) -> tuple[Bytes, Bytes]:
    canvas, scene = Canvas(row, col, BLOCK, BLOCK), look(recipe)
    valid = swath(recipe, scene, canvas)
    if not valid.any():
        return np.zeros((3, BLOCK, BLOCK), np.uint8), np.full((BLOCK, BLOCK), NODATA, np.uint8)
    red = surface.blurred(surface.reflectance(scene, canvas.grown(surface.HALO)), scene)
    over = air(scene, canvas)
    classes = np.where(red >= surface.ICE_REFLECTANCE, ICE, WATER).astype(np.uint8)
    classes[over.opacity >= HIDING] = CLOUD
    light = surface.colors(red, scene, canvas) * (1 - over.shade)
    gain = np.float32(scene.gain) + np.float32(scene.light) * fractal(canvas, scene.seeded(85), 2500, octaves=2)
    for opacity, brightness, tint in ((over.opacity, over.brightness, scene.cloud_tint), (over.haze, 0.3, 0.03)):
        color = brightness + np.array([0, tint / 2, tint], np.float32)[:, None, None]
        light += opacity * (color - light)
    counts = _STRETCH.astype(np.float32)[np.clip(light * gain * np.float32(4096 / 1.15), 0, 4096).astype(np.int32)]
    counts += _noise(scene, canvas)
    pixels = np.clip(np.rint(counts), 1, 255).astype(np.uint8)
    pixels[:, ~valid], classes[~valid] = 0, NODATA
    return pixels, classes


def swath(recipe: SceneRecipe, scene: Look, canvas: Canvas) -> npt.NDArray[np.bool_]:
    """Return where the instrument has looked: a turned rectangle around the scene's centre, (height, width)."""
    angle, reach = scene.collar
    y = (canvas.rows * 2 / recipe.height - 1)[:, None]
    x = (canvas.cols * 2 / recipe.width - 1)[None, :]
    along, across = np.abs(y * np.cos(angle) + x * np.sin(angle)), np.abs(x * np.cos(angle) - y * np.sin(angle))
    return np.asarray(np.maximum(along, across) <= reach)


def _noise(scene: Look, canvas: Canvas) -> Floats:
    """Return noise in counts, (3, height, width): mostly common to the bands, and stripes of the scanner's detectors."""
    rows = np.arange(canvas.row, canvas.row + canvas.height)[:, None]
    cols = np.arange(canvas.col, canvas.col + canvas.width)[None, :]
    bits = hashed(scene.seeded(80), rows, cols)
    grain = sum(((bits >> np.uint32(s)) & np.uint32(255)).astype(np.float32) for s in (0, 8, 16, 24))
    common = (grain - 510) / np.float32(147.8) * np.float32(scene.noise)
    along, _ = turn(canvas, scene.collar[0] + 0.2)
    detector = np.floor(along / 4).astype(np.int64) % 10
    common += np.float32(scene.stripes) * (hashed(scene.seeded(81), detector) % np.uint32(5)).astype(np.float32) / 4
    color = np.stack([fractal(canvas, scene.seeded(82 + k), 6) for k in range(3)])
    return common + np.float32(0.35) * color
