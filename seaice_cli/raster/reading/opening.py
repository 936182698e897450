"""Opening a raster, and refusing at once what cannot be read as a scene."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, Interleaving
from rasterio.errors import NotGeoreferencedWarning

from seaice_cli import outputs
from seaice_cli.errors import SceneError, SeaIceError
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.raster import Raster
from seaice_cli.raster.reading.sensors import Facts

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64")
_SHOWN = 12
MAX_BLOCK_BYTES = 1 << 30
"""GDAL decodes whole blocks: one larger than this is a damaged header, or a file that no machine should read in pieces."""


def open_raster(path: str) -> Raster:
    """Open a raster, or say in one line why it cannot be.

    Raises:
        SceneError: It cannot.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return Raster(path, rasterio.open(path))
    except (*FAILURES, ValueError, TypeError) as error:
        local = Path(path)
        if local.is_dir():
            raise SceneError(f"{path}: a folder, not a scene") from error
        if "://" not in path and not path.startswith("/vsi") and "<" not in path and not local.exists():
            raise SceneError(f"{path}: no such file; check its name") from error
        if local.is_file() and local.stat().st_size == 0:
            raise SceneError(f"{path}: an empty file; get the scene anew") from error
        raise SceneError(
            f"{path}: not a raster that GDAL can open ({reason_of(error)}); try it with gdalinfo"
        ) from error


def refuse_unreadable(path: str, dataset: Raster) -> None:
    """Refuse a raster that has no windows of values: no bands, GCPs only, complex, a palette, blocks beyond measure.

    Raises:
        SceneError: It is one of these; the text says what to do.
    """
    refuse_unclear(path, dataset)
    gcps, crs = dataset.gcps
    if gcps and dataset.transform.is_identity:
        out = Path(path).stem + "_warped.tif"
        epsg = crs.to_string() if crs and not crs.is_geographic else "EPSG:3413"
        raise SceneError(
            f"{path}: is placed by ground control points only, which no window can be cut from exactly; "
            f"warp it first: gdalwarp -order 3 -t_srs {epsg} {path} {out}"
        )
    for index, dtype in enumerate(dataset.dtypes, 1):
        if dtype not in DTYPES:
            raise SceneError(
                f"{path}: band {index} is {dtype}; complex and 64-bit values are not imagery. "
                f"Write amplitudes first, for instance with gdal_calc"
            )
    height, width = dataset.block_shapes[0]
    together = dataset.count if dataset.interleaving == Interleaving.pixel else 1
    if height * width * together * np.dtype(dataset.dtypes[0]).itemsize > MAX_BLOCK_BYTES:
        raise SceneError(
            f"{path}: is stored in blocks of {width} x {height} pixels, too large to be read one by one; "
            f"rewrite it in tiles: gdal_translate -co TILED=YES {path} tiled.tif"
        )
    if dataset.colorinterp[0] == ColorInterp.palette:
        raise SceneError(
            f"{path}: holds palette indices, not radiances; expand it first: gdal_translate -expand rgb {path} rgb.tif"
        )


def refuse_unclear(path: str | Path, dataset: Raster, error: type[SeaIceError] = SceneError) -> None:
    """Refuse what is no single raster, or one whose values mean the opposite of what they say.

    Args:
        path: Named in the error.
        dataset: Just opened.
        error: What to raise.

    Raises:
        SeaIceError: Of that class: the file holds several rasters and none by itself, or 0 is white in it.
    """
    if dataset.count == 0:
        names = list(dataset.subdatasets)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise error(
            f"{path}: has no bands of its own"
            + (f"; name one of its rasters: {', '.join(names[:_SHOWN])}{more}" if names else "")
        )
    if dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":
        raise error(
            f"{path}: is stored with 0 for white (MinIsWhite), so its values would be read the wrong way round; turn them first, "
            f"for 8 bits: gdal_translate -scale 0 255 255 0 {path} turned.tif"
        )


def read_facts(path: str, dataset: Raster) -> Facts:
    """Return what a raster says of itself, beside its pixels."""
    tags = {**dataset.tags(ns="IMAGERY"), **dataset.tags()}
    return Facts(
        path=path, dtype=str(np.result_type(*dataset.dtypes)), tags={str(k): str(v) for k, v in tags.items()},
        descriptions=tuple(text or "" for text in dataset.descriptions), colors=tuple(c.name for c in dataset.colorinterp),
        scales=tuple(float(v) for v in dataset.scales), offsets=tuple(float(v) for v in dataset.offsets),
    )  # fmt: skip


def spectral_bands(dataset: Raster) -> tuple[int, ...]:
    """Return all bands but an alpha band, from 1."""
    return tuple(i for i, c in enumerate(dataset.colorinterp, 1) if c != ColorInterp.alpha) or (1,)


def refuse_missing_bands(path: str, dataset: Raster, bands: tuple[int, ...]) -> None:
    """Refuse bands that the raster does not have.

    Raises:
        SceneError: It lacks one.
    """
    missing = [b for b in bands if not 1 <= b <= dataset.count]
    if missing:
        raise SceneError(
            f"{path}: has {dataset.count} bands, so there is no band {missing[0]}; choose others with `bands`"
        )


def refuse_impossible_nodata(path: str, dataset: Raster, bands: tuple[int, ...], nodata: float | str | None) -> None:
    """Refuse a nodata value that no pixel of the bands can have; what a file itself declares is let be.

    Raises:
        SceneError: None can.
    """
    if nodata is None or isinstance(nodata, str):
        return
    dtypes = {dataset.dtypes[b - 1] for b in bands}
    if not any(_can_hold(np.dtype(d), nodata) for d in dtypes):
        raise SceneError(
            f"{path}: `nodata` {nodata:g} is no value that {', '.join(sorted(dtypes))} pixels can have; choose another"
        )


def _can_hold(dtype: np.dtype[Any], value: float) -> bool:
    if dtype.kind == "f":
        return True
    return value.is_integer() and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


def reason_of(error: BaseException) -> str:
    """Return GDAL's own reason for an error, as one line."""
    return outputs.reason_of(error)
