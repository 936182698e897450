"""Reading rasters into the frame of a picture, decimated or reprojected, in memory that does not grow with the raster."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.outputs import reason_of
from seaice_cli.products.pictures.frames import Frame, bounds_of, is_upright
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.opening import open_raster, refuse_missing_bands, refuse_unclear
from seaice_cli.raster.reading.raster import Raster
from seaice_cli.raster.reading.validity import Validity

_CACHE_MEGABYTES = 64
Picture = tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]
"""Pixels, (bands, height, width), and which of them hold data, (height, width)."""


class Source:
    """A raster that pictures are taken of.

    Args:
        path: The raster.
        bands: From 1; None: three of a picture, else the first.

    Raises:
        SceneError: It cannot be opened, or lacks a band.
    """

    def __init__(self, path: Path, *, bands: tuple[int, ...] | None = None) -> None:
        self.path = path
        self._stack = ExitStack()
        self._stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE_MEGABYTES, GDAL_NUM_THREADS="ALL_CPUS"))
        try:
            self.raster = self._stack.enter_context(open_raster(str(path)))
            refuse_unclear(path, self.raster)
            self.bands = bands or usual_bands(self.raster)
            refuse_missing_bands(str(path), self.raster, self.bands)
            self.validity = Validity.of(self.raster, self.bands)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def read(self, frame: Frame, resampling: Resampling = Resampling.nearest) -> Picture:
        """Read what the raster shows of a frame; elsewhere there is no data.

        Raises:
            SceneError: The file is damaged.
            OptionError: It cannot be brought into the frame's CRS.
        """
        raster = self.raster
        if (raster.crs is None) != (frame.crs is None):
            raise OptionError(f"{self.path}: one of the rasters says where on earth it is and the other does not")
        try:
            if frame.crs is None or (raster.crs == frame.crs and is_upright(raster.transform)):
                return self._read_window(frame, resampling)
            return self._read_warped(frame, resampling)
        except FAILURES as error:
            raise SceneError(
                f"{self.path}: cannot be read ({reason_of(error)}); the file is damaged, copy it anew"
            ) from error

    def _read_window(self, frame: Frame, resampling: Resampling) -> Picture:
        rows, window = _place(self.raster, frame)
        pixels = np.zeros((len(self.bands), frame.height, frame.width), np.result_type(*self.raster.dtypes))
        valid = np.zeros((frame.height, frame.width), bool)
        if window is None:
            return pixels, valid
        shape = (rows[0].stop - rows[0].start, rows[1].stop - rows[1].start)
        where = {"window": window, "out_shape": shape}
        found = self.raster.read(
            list(self.bands), window=window, out_shape=(len(self.bands), *shape), resampling=resampling
        )
        pixels[:, rows[0], rows[1]] = found
        valid[rows] = self.validity.read(self.raster, found, **where)
        return pixels, valid

    def _read_warped(self, frame: Frame, resampling: Resampling) -> Picture:
        alpha = ColorInterp.alpha in self.raster.colorinterp
        add = not alpha and all(value is None for value in self.validity.nodata)
        with WarpedVRT(
            self.raster.dataset, crs=frame.crs, transform=frame.transform, height=frame.height, width=frame.width,
            resampling=resampling, warp_mem_limit=64, add_alpha=add,
        ) as warped:  # fmt: skip
            pixels = warped.read(list(self.bands))
            masks = warped.dataset_mask()
        by_value = self.validity.combine(pixels, None)
        return pixels, (masks != 0) if by_value is None else (masks != 0) & by_value


def open_source(path: Path, *, bands: tuple[int, ...] | None = None) -> Source:
    """Open a raster for pictures, without a word on missing georeferencing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return Source(path, bands=bands)


def usual_bands(raster: Raster) -> tuple[int, ...]:
    """Return the bands that are shown as red, green and blue; one band of what has fewer."""
    kinds = list(raster.colorinterp)
    colors = [kinds.index(c) + 1 for c in (ColorInterp.red, ColorInterp.green, ColorInterp.blue) if c in kinds]
    if len(colors) == 3:
        return tuple(colors)
    plain = [index for index, kind in enumerate(kinds, 1) if kind != ColorInterp.alpha] or [1]
    return tuple(plain[:3]) if len(plain) >= 3 else (plain[0],)


def _place(raster: Raster, frame: Frame) -> tuple[tuple[slice, slice], Window | None]:
    """Return which rows and columns of a picture a raster fills, and with which of its own; None: with none."""
    left, bottom, right, top = bounds_of(raster)
    spans, windows = [], []
    for low, high, first, count, length in (
        (frame.bounds[3], frame.bounds[1], (top, bottom), raster.height, frame.height),
        (frame.bounds[0], frame.bounds[2], (left, right), raster.width, frame.width),
    ):
        per_pixel = (high - low) / length
        start = max(0, round((first[0] - low) / per_pixel))
        stop = min(length, round((first[1] - low) / per_pixel))
        if stop <= start:
            return (slice(0, 0), slice(0, 0)), None
        own = (first[1] - first[0]) / count
        begin = max(0.0, (low + start * per_pixel - first[0]) / own)
        end = min(float(count), (low + stop * per_pixel - first[0]) / own)
        spans.append(slice(start, stop))
        windows.append((begin, max(end - begin, 1e-6)))
    (row, rows), (column, columns) = windows
    return (spans[0], spans[1]), Window(col_off=column, row_off=row, width=columns, height=rows)
