"""A small picture of a scene and its mask, side by side."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from seaice_cli.errors import OutputError
from seaice_cli.raster.environment import FAILURES
from seaice_cli.raster.mask import LAND_COLOR
from seaice_cli.raster.region import LAND
from seaice_cli.raster.scene import Scene

SIDE = 1000
"""Pixels along the longer side of each of the two pictures."""
GAP = 12
VOID = (232, 226, 214)
"""What nodata looks like: a colour that neither ice nor water has."""


def write_preview(scene: Scene, mask: Path, target: Path, *, colors: Sequence[tuple[int, int, int]]) -> None:
    """Write a PNG: the scene on the left, the mask's classes in their colours on the right.

    Raises:
        OutputError: The target cannot be written.
    """
    scale = min(1.0, SIDE / max(scene.height, scene.width))
    height, width = max(1, round(scene.height * scale)), max(1, round(scene.width * scale))
    with rasterio.open(mask) as dataset:
        classes = dataset.read(1, out_shape=(height, width))
    pictures = (_natural(scene, height, width), _colored(classes, colors))
    gap = np.full((3, height, GAP), 255, np.uint8)
    _write_png(np.concatenate([pictures[0], gap, pictures[1]], axis=2), target)


def _natural(scene: Scene, height: int, width: int) -> npt.NDArray[np.uint8]:
    look = scene.overview(height, width)
    bands = look.pixels[[0, 1, 2]] if len(look.pixels) >= 3 else look.pixels[[0, 0, 0]]
    valid = np.ones(bands.shape[1:], bool) if look.valid is None else look.valid
    if bands.dtype != np.uint8:
        bands = _stretched(bands.astype(np.float32), valid)
    picture: npt.NDArray[np.uint8] = bands.astype(np.uint8)
    picture[:, ~valid] = np.array(VOID, np.uint8)[:, None]
    return picture


def _stretched(bands: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Stretch to 0..255 between the 1st and 99th percentile; for the eye only."""
    values = bands[:, valid]
    low, high = (float(v) for v in np.nanpercentile(values, (1, 99))) if values.size else (0.0, 1.0)
    scaled = np.clip((bands - np.float32(low)) / np.float32(max(high - low, 1e-9)), 0, 1) * 255
    visible: npt.NDArray[np.float32] = np.nan_to_num(scaled).astype(np.float32)
    return visible


def _colored(classes: npt.NDArray[np.uint8], colors: Sequence[tuple[int, int, int]]) -> npt.NDArray[np.uint8]:
    table = np.full((256, 3), VOID, np.uint8)
    table[: len(colors)] = colors
    table[LAND] = LAND_COLOR
    return np.moveaxis(table[classes], 2, 0)


def _write_png(picture: npt.NDArray[np.uint8], target: Path) -> None:
    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED="NO"):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            profile = {
                "driver": "PNG",
                "count": 3,
                "height": picture.shape[1],
                "width": picture.shape[2],
                "dtype": "uint8",
            }
            with rasterio.open(target, "w", **profile) as dataset:
                dataset.write(picture)
        except FAILURES as error:
            raise OutputError(f"{target}: the preview cannot be written ({error})") from error
