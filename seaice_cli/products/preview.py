"""A small picture of a scene and its mask, side by side."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from seaice_cli.errors import OutputError
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.quicklook import Quicklook
from seaice_cli.raster.reading.region import LAND, UNSURE
from seaice_cli.raster.reading.scene import Rows, Scene
from seaice_cli.raster.writing.cog import LAND_COLOR, UNSURE_COLOR

SIDE = 1000
"""Pixels along the longer side of each of the two pictures."""
GAP = 12
VOID = (232, 226, 214)
"""What nodata looks like: a colour that neither ice nor water has."""


def open_quicklook(scene: Scene) -> Quicklook:
    """Return the decimated scene that a preview shows."""
    scale = min(1.0, SIDE / max(scene.height, scene.width))
    return Quicklook(scene, max(1, round(scene.height * scale)), max(1, round(scene.width * scale)))


def write_preview(
    quicklook: Rows,
    mask: Path,
    target: Path,
    *,
    colors: Sequence[tuple[int, int, int]],
    ends: tuple[float, float] | None = None,
) -> None:
    """Write a PNG: the scene on the left, the mask's classes in their colours on the right.

    Args:
        quicklook: The scene, decimated.
        mask: The mask, of any size.
        target: The PNG.
        colors: Of the classes, by id.
        ends: The scene's values that are shown black and white; None: as they are if they are 8 bit, else what few pixels exceed.

    Raises:
        OutputError: The target cannot be written.
    """
    height = quicklook.pixels.shape[1]
    with rasterio.open(mask) as dataset:
        classes = dataset.read(1, out_shape=quicklook.pixels.shape[1:])
    gap = np.full((3, height, GAP), 255, np.uint8)
    _write_png(np.concatenate([_natural(quicklook, ends), gap, _colored(classes, colors)], axis=2), target)


def _natural(quicklook: Rows, ends: tuple[float, float] | None) -> npt.NDArray[np.uint8]:
    bands = quicklook.pixels[[0, 1, 2]] if len(quicklook.pixels) >= 3 else quicklook.pixels[[0, 0, 0]]
    valid = np.ones(bands.shape[1:], bool) if quicklook.valid is None else quicklook.valid
    if ends or bands.dtype != np.uint8:
        bands = _stretched(bands.astype(np.float32), ends or _usual(bands[:, valid]))
    picture: npt.NDArray[np.uint8] = bands.astype(np.uint8)
    picture[:, ~valid] = np.array(VOID, np.uint8)[:, None]
    return picture


def _usual(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the 1st and 99th percentile; for the eye only."""
    if not values.size:
        return 0.0, 1.0
    low, high = np.nanpercentile(values.astype(np.float32), (1, 99))
    return float(low), max(float(high), float(low) + 1e-9)


def _stretched(bands: npt.NDArray[np.float32], ends: tuple[float, float]) -> npt.NDArray[np.float32]:
    low, high = ends
    scaled = np.clip((bands - np.float32(low)) / np.float32(high - low), 0, 1) * 255
    visible: npt.NDArray[np.float32] = np.nan_to_num(scaled).astype(np.float32)
    return visible


def _colored(classes: npt.NDArray[np.uint8], colors: Sequence[tuple[int, int, int]]) -> npt.NDArray[np.uint8]:
    table = np.full((256, 3), VOID, np.uint8)
    table[: len(colors)] = colors
    table[LAND], table[UNSURE] = LAND_COLOR, UNSURE_COLOR
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
