"""Which pixels of a raster hold data: the one answer for every command that reads one.

A file can say "no data here" by a nodata value of each band, an alpha band, a mask band, a .msk file, masks of single bands, and NaN.
All of them count, together. Over several bands they are combined as GDAL combines them for a dataset mask: a pixel is data as soon as
one band has data there, so a dark lead with a zero in one band stays data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, MaskFlags

from seaice_cli.raster.reading.raster import Raster

NODATA_OFF = "none"
SHARED, OF_BANDS, ALPHA = "shared", "of bands", "alpha"
"""Masks beside nodata values: one for all bands, one for each, an alpha band."""


@dataclass(frozen=True, slots=True)
class Validity:
    """Where some bands of a raster hold data."""

    bands: tuple[int, ...]
    """From 1."""
    nodata: tuple[float | None, ...]
    """The value of each band that is no data; None: it has none."""
    mask: str
    """What says so beside values: `SHARED`, `OF_BANDS`, `ALPHA`, or nothing."""

    @classmethod
    def of(cls, dataset: Raster, bands: tuple[int, ...], override: float | str | None = None) -> Self:
        """Find out how a raster says where it has no data.

        Args:
            dataset: Open for reading.
            bands: From 1.
            override: A nodata value in place of those declared; `NODATA_OFF`: none.
        """
        return cls(bands, nodata_values(dataset, bands, override), mask_kind(dataset, bands))

    def without(self, named: Callable[[float], bool]) -> Self:
        """Return the same without the nodata values for which `named` is true: the user says that they are meant."""
        return replace(self, nodata=tuple(None if v is not None and named(v) else v for v in self.nodata))

    def read_mask(self, dataset: Raster, **where: Any) -> npt.NDArray[np.uint8] | None:
        """Return what the masks beside the values say, (height, width), 0 where there is no data; None without any.

        Args:
            dataset: The raster, or another handle of it.
            where: `window` and `out_shape`, as rasterio has them.
        """
        if not self.mask:
            return None
        if self.mask == ALPHA:
            alpha = dataset.colorinterp.index(ColorInterp.alpha) + 1
            seen: npt.NDArray[np.uint8] = (dataset.read(alpha, **where) != 0).view(np.uint8)
            return seen
        bands = self.bands[:1] if self.mask == SHARED else self.bands
        masks: npt.NDArray[np.uint8] = np.maximum.reduce([dataset.read_masks(b, **where) for b in bands])
        return masks

    def combine(self, pixels: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.bool_] | None:
        """Return where there is data, (height, width), True = data; None: everywhere.

        Args:
            pixels: (bands, height, width), as read.
            mask: What `read_mask` returned for them.
        """
        valid: npt.NDArray[np.bool_] | None = mask != 0 if mask is not None else None
        bands = [band_valid(band, nodata) for band, nodata in zip(pixels, self.nodata, strict=True)]
        known = [b for b in bands if b is not None]
        if len(known) == len(bands):
            some = np.logical_or.reduce(known)
            valid = some if valid is None else valid & some
        return None if valid is None or valid.all() else valid

    def read(self, dataset: Raster, pixels: npt.NDArray[Any], **where: Any) -> npt.NDArray[np.bool_]:
        """Return where pixels that were just read hold data, (height, width), True = data; masks are read from the same place."""
        valid = self.combine(pixels, self.read_mask(dataset, **where))
        return np.ones(pixels.shape[1:], bool) if valid is None else valid


def mask_kind(dataset: Raster, bands: tuple[int, ...]) -> str:
    """Return what, beside nodata values, says where there is no data; empty: nothing."""
    every = dataset.mask_flag_enums
    flags = [every[b - 1] for b in bands]
    if MaskFlags.per_dataset in flags[0]:
        return SHARED
    if not any(flags):
        return OF_BANDS
    # GDAL looks no further than a nodata value.
    return ALPHA if ColorInterp.alpha in dataset.colorinterp else ""


def nodata_values(dataset: Raster, bands: tuple[int, ...], override: float | str | None) -> tuple[float | None, ...]:
    """Return the nodata value in force for each of the bands; None: none is."""
    if override == NODATA_OFF:
        return (None,) * len(bands)
    if override is not None:
        return (float(override),) * len(bands)
    declared = dataset.nodatavals
    return tuple(declared[b - 1] for b in bands)


def band_valid(band: npt.NDArray[Any], nodata: float | None) -> npt.NDArray[np.bool_] | None:
    """Return where one band has data; None where nothing can tell."""
    if band.dtype.kind == "f":
        valid: npt.NDArray[np.bool_] = ~np.isnan(band)
        if nodata is not None and not np.isnan(nodata):
            valid &= band != band.dtype.type(nodata)
        return valid
    if nodata is None or not np.isfinite(nodata):
        return None
    known: npt.NDArray[np.bool_] = band != nodata
    return known
