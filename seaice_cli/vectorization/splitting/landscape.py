"""Landscape: floes as the picture shows them, where the mask has no gaps between them.

At 250 m the brash and thin ice between floes is ice to a mask, but it is darker than floes. How bright floes are, and how
dark what lies around them, changes over a scene, so both are found nearby: the brightest ice and the darkest surface in a
window, each the mean over a small block, smoothed. A pixel lies in a floe where it is nearly as bright as the floes around
it. Floes that are darker than their neighbours, of young ice or in a cloud's shadow, are looked for once more in what is
left over.

Everything is of a fixed neighbourhood at a fixed place, so that it is the same whatever part of a scene is looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio.errors
from rasterio.enums import ColorInterp
from rasterio.windows import Window
from scipy import ndimage

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.opening import open_raster
from seaice_cli.raster.reading.validity import Validity
from seaice_cli.vectorization.masks import Mask
from seaice_cli.vectorization.options import BLOCKS
from seaice_cli.vectorization.splitting.watershed import BESIDE, INSIDE, UNKNOWN, number_floes

Floats = npt.NDArray[np.float32]
Booleans = npt.NDArray[np.bool_]

ROUNDS = 2
"""How often floes are looked for: the second time in the ice that is left over."""
_DROP = 0.15
"""By how much of the way from the brightest ice to the darkest surface a pixel of a floe may be darker than that ice."""
_LEAST_DROP = 0.04
"""The same as a share of the brightest ice, where nothing near is dark: the noise inside a floe parts nothing."""
_COVER = 0.75
"""Share of a block that must be ice for its mean to count as ice."""
_SQUARE = np.ones((3, 3), bool)


class Landscape:
    """A raster whose low values part floes: the scene itself, or the probability of a floe; open for reading.

    Args:
        path: A raster that holds the mask's grid, on the same pixels.
        mask: The mask.
        bands: Their mean is the brightness, from 1; None: all but an alpha band.

    Raises:
        SceneError: The file is missing or damaged.
        OptionError: It lies on another grid, or has no such band.
    """

    def __init__(self, path: str | Path, mask: Mask, bands: tuple[int, ...] | None = None) -> None:
        self.path = str(path)
        self._source = open_raster(self.path)
        try:
            self._bands = self._choose(bands)
            self._row, self._col = self._place(mask)
            self._width = mask.width
            self._validity = Validity.of(self._source, self._bands)
        except BaseException:
            self._source.close()
            raise

    def _choose(self, bands: tuple[int, ...] | None) -> tuple[int, ...]:
        count, colors = self._source.count, self._source.colorinterp
        chosen = bands or tuple(b for b in range(1, count + 1) if colors[b - 1] != ColorInterp.alpha)
        missing = [b for b in chosen if not 1 <= b <= count]
        if missing or not chosen:
            raise OptionError(f"{self.path}: has no band {missing[0] if missing else 1}, only {count}")
        if any(np.dtype(self._source.dtypes[b - 1].replace("complex_int16", "c8")).kind not in "uif" for b in chosen):
            raise OptionError(f"{self.path}: holds complex values; give the scene or a probability as `landscape`")
        return chosen

    def _place(self, mask: Mask) -> tuple[int, int]:
        """Return the row and column of the mask's first pixel."""
        source = self._source
        to_pixels = ~source.transform @ mask.transform
        row, col = round(to_pixels.f), round(to_pixels.c)
        corners = [(0, 0), (mask.width, 0), (0, mask.height)]
        off = max(abs(v - w) for x, y in corners for v, w in zip(to_pixels @ (x, y), (x + col, y + row), strict=True))
        if off > 0.01:
            raise OptionError(
                f"{self.path}: its pixels are not those of {mask.path.name}; give the scene that the mask was made from as "
                "`landscape`"
            )
        if min(row, col) < 0 or row + mask.height > source.height or col + mask.width > source.width:
            raise OptionError(
                f"{self.path}: {source.width} x {source.height} pixels do not hold {mask.path.name}; give the whole scene as "
                "`landscape`"
            )
        return row, col

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def read(self, top: int, stop: int) -> tuple[Floats, Booleans]:
        """Read rows of the mask's grid: brightness and where it is known, (rows, width) each.

        Raises:
            SceneError: The file is damaged there.
        """
        window = Window(col_off=self._col, row_off=self._row + top, width=self._width, height=stop - top)
        try:
            values = self._source.read(self._bands, window=window)
            known = self._validity.read(self._source, values, window=window)
        except (*FAILURES, rasterio.errors.RasterioError) as error:
            raise SceneError(
                f"{self.path}: rows {self._row + top} to {self._row + stop - 1} cannot be read; copy the file anew"
            ) from error
        brightness = values.mean(axis=0, dtype=np.float32)
        known = known & np.isfinite(brightness)
        return np.where(known, brightness, np.float32(0)), known


def find_floes(brightness: Floats, known: Booleans, ice: Booleans, *, window: int) -> npt.NDArray[np.int32]:
    """Number the floes that a picture shows.

    Args:
        brightness: (height, width), any unit; floes are bright.
        known: Where there is data, (height, width).
        ice: Where the mask says ice, (height, width); floes are looked for there only.
        window: Side in pixels of the neighbourhood that floes are compared with, a multiple of `BLOCKS`; wider than floes.

    Returns:
        (height, width) number of the floe from 1 on, 0 elsewhere.
    """
    labels = np.zeros(ice.shape, np.int32)
    left = ice & known
    for again in range(ROUNDS):
        inside = _fill_specks(left & (brightness >= _find_level(brightness, known, left, window)), window)
        inside &= labels == 0
        if again:
            inside = _keep_broad(inside, window // 9)
        if not inside.any():
            break
        found = number_floes(np.where(inside, INSIDE, np.where(known, BESIDE, UNKNOWN)))
        labels = np.where(found > 0, found + labels.max(), labels)
        left &= ~ndimage.binary_dilation(inside, _SQUARE)
    labels[~ice] = 0
    return labels


def _find_level(brightness: Floats, known: Booleans, ice: Booleans, window: int) -> Floats:
    """Return how bright a pixel must be to lie in a floe, (height, width); infinite where no ice is near."""
    side = window // BLOCKS
    pixels, some_ice = _sum_blocks(known.astype(np.float32), side), _sum_blocks(ice.astype(np.float32), side)
    reach = BLOCKS + 1
    with np.errstate(invalid="ignore", divide="ignore"):
        bright = _sum_blocks(np.where(ice, brightness, np.float32(0)), side) / some_ice
        dark = _sum_blocks(np.where(known, brightness, np.float32(0)), side) / pixels
    high = ndimage.maximum_filter(np.where(some_ice >= _COVER * side**2, bright, -np.inf), reach)
    low = ndimage.minimum_filter(np.where(pixels > 0, dark, np.inf), reach)
    high, low = _smooth(high, reach), _smooth(low, reach)
    near = np.isfinite(high) & np.isfinite(low)
    high, low = np.where(near, high, 0), np.where(near, low, 0)
    level = np.where(near, high - np.maximum(_DROP * (high - low), _LEAST_DROP * np.abs(high)), np.inf)
    whole = level.repeat(side, axis=0).repeat(side, axis=1)
    return whole[: ice.shape[0], : ice.shape[1]].astype(np.float32)


def _sum_blocks(values: Floats, side: int) -> Floats:
    """Return sums over blocks; those at the right and the bottom may be smaller."""
    rows, cols = np.arange(0, values.shape[0], side), np.arange(0, values.shape[1], side)
    sums: Floats = np.add.reduceat(np.add.reduceat(values, rows, axis=0), cols, axis=1)
    return sums


def _smooth(values: Floats, reach: int) -> Any:
    """Return means over a window of what is finite, infinite where nothing is."""
    finite = np.isfinite(values)
    share = ndimage.uniform_filter(finite.astype(np.float64), reach)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = ndimage.uniform_filter(np.where(finite, values, 0).astype(np.float64), reach) / share
    return np.where(share > 0.5 / reach**2, mean, np.inf)


def _fill_specks(inside: Booleans, window: int) -> Booleans:
    """Return the same with its small holes filled: dark specks and ponds part no floe."""
    most = (window // 32) ** 2
    holes, count = ndimage.label(~inside)
    small = np.bincount(holes.ravel(), minlength=count + 1) <= most
    small[0] = False
    filled: Booleans = inside | small[holes]
    return filled


def _keep_broad(inside: Booleans, side: int) -> Booleans:
    """Return the components that hold a square of so many pixels: no rims of floes, no brash."""
    core = ndimage.binary_erosion(inside, np.ones((max(side, 1),) * 2, bool))
    parts, count = ndimage.label(inside)
    kept = np.zeros(count + 1, bool)
    kept[np.unique(parts[core])] = True
    kept[0] = False
    return np.asarray(kept[parts])
