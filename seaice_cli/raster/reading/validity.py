"""Every way a file says "no data here", band by band."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, MaskFlags

from seaice_cli.raster.reading.raster import Raster

NODATA_OFF = "none"
SHARED, OF_BANDS, ALPHA = "shared", "of bands", "alpha"
"""Masks beside nodata values: one for all bands, one for each, an alpha band."""


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
