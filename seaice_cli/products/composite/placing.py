"""Scenes laid on one grid: by whole pixels where they share it, else reprojected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import MaskFlags, Resampling
from rasterio.transform import array_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.region import NODATA
from seaice_cli.vectorization.masks import Mask, Probability

Pixels = npt.NDArray[np.uint8]

_WHOLE = 1e-3
"""Pixels by which the corner of a raster may be off a grid's."""
MAX_PIXELS = 1 << 36
"""More than that is a mistake in a transform."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The grid that all scenes are laid on."""

    crs: CRS | None
    transform: Affine
    height: int
    width: int


class Rows(Protocol):
    """Full rows of a raster on its own grid: a mask or a probability."""

    def read(self, top: int, stop: int) -> npt.NDArray[Any]:
        """Return rows from `top` to before `stop`."""


def canvas_of(masks: Sequence[Mask]) -> Canvas:
    """Return the grid of the first mask, grown to hold all.

    Raises:
        OptionError: A mask has no CRS where the first has one, or the other way round; or all together are too large.
    """
    first = masks[0]
    boxes = [_box(mask, first) for mask in masks]
    left, top = (min(math.floor(box[k] + _WHOLE) for box in boxes) for k in (0, 1))
    right, bottom = (max(math.ceil(box[k] - _WHOLE) for box in boxes) for k in (2, 3))
    if (right - left) * (bottom - top) > MAX_PIXELS:
        raise OptionError(f"{masks[-1].path}: lies so far from {first.path} that one mask of both is too large")
    return Canvas(first.crs, first.transform @ Affine.translation(left, top), bottom - top, right - left)


def _box(mask: Mask, first: Mask) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of a mask in columns and rows of the first."""
    if (mask.crs is None) != (first.crs is None):
        raise OptionError(f"{mask.path} and {first.path}: one says where on earth it is and the other does not")
    if mask.crs == first.crs:
        here = ~first.transform @ mask.transform
        corners = [here @ (c, r) for c in (0, mask.width) for r in (0, mask.height)]
    else:
        bounds = transform_bounds(
            mask.crs, first.crs, *array_bounds(mask.height, mask.width, mask.transform), densify_pts=63
        )
        if not np.isfinite(bounds).all():
            raise OptionError(
                f"{mask.path}: cannot be brought into the CRS of {first.path}; name it first, or reproject it"
            )
        corners = [~first.transform @ (x, y) for x in bounds[::2] for y in bounds[1::2]]
    columns, rows = zip(*corners, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


class Placed:
    """A raster laid on the canvas.

    Args:
        stack: Closes what is opened.
        rows: What reads it on its own grid.
        mask: The mask whose grid that is.
        canvas: Where it is laid.
        path: Of the raster, for reprojecting.
        resampling: How it is reprojected where grids differ.
    """

    def __init__(
        self, stack: ExitStack, rows: Rows, mask: Mask, canvas: Canvas, path: Path, resampling: Resampling
    ) -> None:  # fmt: skip
        self._rows, self._mask, self._canvas, self._path = rows, mask, canvas, path
        self._offset = _offset(mask, canvas)
        self._warped = None if self._offset else stack.enter_context(self._warp(stack, resampling))

    def read(self, top: int, stop: int, fill: int) -> npt.NDArray[Any]:
        """Return rows of the canvas, (rows, width); `fill` beyond the raster.

        Raises:
            SceneError: The file is damaged there.
        """
        if self._warped is not None:
            return self._read_warped(top, stop, fill)
        assert self._offset is not None  # noqa: S101 - one of both
        column, row = self._offset
        first, last = max(top, row), min(stop, row + self._mask.height)
        if first >= last:
            return np.full((stop - top, self._canvas.width), fill, np.int64)
        pixels = self._rows.read(first - row, last - row)
        kind = np.result_type(pixels.dtype, np.min_scalar_type(fill))
        out = np.full((stop - top, self._canvas.width), fill, kind)
        out[first - top : last - top, column : column + self._mask.width] = pixels
        return out

    def _warp(self, stack: ExitStack, resampling: Resampling) -> WarpedVRT:
        canvas = self._canvas
        try:
            source = stack.enter_context(rasterio.open(self._path))
            hidden = {MaskFlags.per_dataset, MaskFlags.alpha} & set(source.mask_flag_enums[0])
            bare = source.nodata is None or hidden
            return WarpedVRT(
                source, crs=canvas.crs, transform=canvas.transform, width=canvas.width, height=canvas.height, resampling=resampling,
                warp_mem_limit=64, **({"add_alpha": not hidden} if bare else {"src_nodata": source.nodata, "nodata": source.nodata}),
            )  # fmt: skip
        except FAILURES as error:
            raise SceneError(
                f"{self._path}: cannot be reprojected; bring it onto the grid of the others (gdalwarp -r mode)"
            ) from error

    def _read_warped(self, top: int, stop: int, fill: int) -> npt.NDArray[Any]:
        assert self._warped is not None  # noqa: S101 - asked before
        window = Window(col_off=0, row_off=top, width=self._canvas.width, height=stop - top)
        try:
            pixels = self._warped.read(self._mask.band, window=window)
            valid = self._warped.read_masks(self._mask.band, window=window)
        except FAILURES as error:
            raise SceneError(f"{self._path}: cannot be read or reprojected; copy the file anew") from error
        return np.where(valid != 0, pixels.astype(np.int64), fill)


def _offset(mask: Mask, canvas: Canvas) -> tuple[int, int] | None:
    """Return the column and row of the canvas at which a mask begins, if it shares its pixels; else None."""
    if mask.crs != canvas.crs:
        return None
    here = ~canvas.transform @ mask.transform
    column, row = round(here.c), round(here.f)
    corners = ((0, 0), (mask.width, 0), (0, mask.height))
    off = max(abs(v - w) for c, r in corners for v, w in zip(here @ (c, r), (column + c, row + r), strict=True))
    return (column, row) if off <= _WHOLE else None


def place_mask(stack: ExitStack, mask: Mask, canvas: Canvas) -> Placed:
    """Lay a mask on the canvas, by the most frequent class where it must be reprojected."""
    return Placed(stack, mask, mask, canvas, mask.path, Resampling.mode)


def place_probability(stack: ExitStack, path: Path, mask: Mask, canvas: Canvas) -> Placed:
    """Lay a mask's probability on the canvas."""
    percent = Probability(path, mask)
    stack.callback(percent.close)
    if _offset(mask, canvas) is None:
        with rasterio.open(path) as source:
            if source.dtypes[0] != "uint8" or source.nodata not in (None, NODATA):
                raise OptionError(
                    f"{path}: cannot be reprojected unless it holds per cent with nodata {NODATA}; make it uint8 first"
                )
    return Placed(stack, percent, mask, canvas, path, Resampling.bilinear)
