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
    boxes = [_box(mask, first.crs, first.transform, str(first.path)) for mask in masks]
    left, top = (min(math.floor(box[k] + _WHOLE) for box in boxes) for k in (0, 1))
    right, bottom = (max(math.ceil(box[k] - _WHOLE) for box in boxes) for k in (2, 3))
    if (right - left) * (bottom - top) > MAX_PIXELS:
        raise OptionError(f"{masks[-1].path}: lies so far from {first.path} that one mask of both is too large")
    return Canvas(first.crs, first.transform @ Affine.translation(left, top), bottom - top, right - left)


def _box(mask: Mask, crs: CRS | None, transform: Affine, name: str) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of a mask in columns and rows of a grid, whose name is for errors."""
    if (mask.crs is None) != (crs is None):
        raise OptionError(f"{mask.path} and {name}: one says where on earth it is and the other does not")
    if mask.crs == crs:
        here = ~transform @ mask.transform
        corners = [here @ (c, r) for c in (0, mask.width) for r in (0, mask.height)]
    else:
        bounds = array_bounds(mask.height, mask.width, mask.transform)
        left, bottom, right, top = transform_bounds(mask.crs, crs, *bounds, densify_pts=63)
        if (
            not np.isfinite((left, bottom, right, top)).all() or left > right
        ):  # so GDAL tells that it crosses the antimeridian
            raise OptionError(f"{mask.path}: cannot be brought into the CRS of {name}; name it first, or reproject it")
        corners = [~transform @ (x, y) for x in (left, right) for y in (bottom, top)]
    columns, rows = zip(*corners, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


Part = tuple[slice, slice]
"""Rows and columns of some rows of the canvas."""


class Placed:
    """A raster laid on the canvas.

    Args:
        stack: Closes what is opened.
        rows: What reads it on its own grid.
        mask: The mask whose grid that is.
        canvas: Where it is laid.
        file: Path and band of the raster, for reprojecting.
        resampling: How it is reprojected where grids differ.
    """

    def __init__(
        self, stack: ExitStack, rows: Rows, mask: Mask, canvas: Canvas, file: tuple[Path, int], resampling: Resampling
    ) -> None:  # fmt: skip
        self._rows, self._canvas = rows, canvas
        self._path, self._band = file
        offset = _offset(mask, canvas)
        self._warped = None if offset else stack.enter_context(self._warp(stack, resampling))
        self._frame = (*offset, mask.height, mask.width) if offset else _frame_of(mask, canvas)

    def read(self, top: int, stop: int, fill: int) -> tuple[Part, npt.NDArray[Any]] | None:
        """Read what the raster shows of some rows of the canvas.

        Args:
            top: First row.
            stop: The row after the last.
            fill: What pixels get that a reprojected raster does not show.

        Returns:
            Which part of the rows it shows, and that part; None: nothing.

        Raises:
            SceneError: The file is damaged there.
        """
        row, column, height, width = self._frame
        first, last = max(top, row), min(stop, row + height)
        if first >= last:
            return None
        part = slice(first - top, last - top), slice(column, column + width)
        if self._warped is None:
            return part, self._rows.read(first - row, last - row)
        return part, self._read_warped(Window(col_off=column, row_off=first, width=width, height=last - first), fill)

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

    def _read_warped(self, window: Window, fill: int) -> npt.NDArray[Any]:
        assert self._warped is not None  # noqa: S101 - asked before
        try:
            pixels = self._warped.read(self._band, window=window)
            valid = self._warped.read_masks(self._band, window=window)
        except FAILURES as error:
            raise SceneError(f"{self._path}: cannot be read or reprojected; copy the file anew") from error
        return np.where(valid != 0, pixels.astype(np.int64), fill)


def _frame_of(mask: Mask, canvas: Canvas) -> tuple[int, int, int, int]:
    """Return row, column, height and width of what a mask of another grid covers of the canvas."""
    left, top, right, bottom = _box(mask, canvas.crs, canvas.transform, "the first mask")
    column, row = max(0, math.floor(left)), max(0, math.floor(top))
    return row, column, min(canvas.height, math.ceil(bottom)) - row, min(canvas.width, math.ceil(right)) - column


def _offset(mask: Mask, canvas: Canvas) -> tuple[int, int] | None:
    """Return the row and column of the canvas at which a mask begins, if it shares its pixels; else None."""
    if mask.crs != canvas.crs:
        return None
    here = ~canvas.transform @ mask.transform
    column, row = round(here.c), round(here.f)
    corners = ((0, 0), (mask.width, 0), (0, mask.height))
    off = max(abs(v - w) for c, r in corners for v, w in zip(here @ (c, r), (column + c, row + r), strict=True))
    return (row, column) if off <= _WHOLE else None


def place_mask(stack: ExitStack, mask: Mask, canvas: Canvas) -> Placed:
    """Lay a mask on the canvas, by the most frequent class where it must be reprojected."""
    return Placed(stack, mask, mask, canvas, (mask.path, mask.band), Resampling.mode)


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
    return Placed(stack, percent, mask, canvas, (path, 1), Resampling.bilinear)
