"""What a raster may be given as, brought to what the library reads: a path that GDAL opens.

An array, or a dataset that cannot be opened by its name once more, is written into a folder of the call. So everything goes through
the same line as files do, and gives the same bytes.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from seaice_cli.errors import SceneError, SeaIceError
from seaice_cli.extras import require_extra
from seaice_cli.outputs import writing

Source: TypeAlias = Any
"""A path (text or `os.PathLike`, or anything GDAL opens by name), an open rasterio dataset, an array (bands, height, width) or
(height, width), or an `xarray.DataArray` with the spatial attributes of rioxarray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where the pixels of an array lie."""

    transform: Affine | None = None
    """From (column, row) of a corner to coordinates; None: nowhere on earth."""
    crs: Any = None
    """Anything that `rasterio.crs.CRS.from_user_input` takes."""
    nodata: float | None = None
    """The value of pixels without data; None: all hold data."""


@contextmanager
def call_folder() -> Iterator[Path]:
    """Give a folder for the files of one call, which errors do not speak of: "array: has 2 bands", not "/tmp/.../array: ...".

    Raises:
        SeaIceError: As raised inside, by names without the folder.
    """
    with tempfile.TemporaryDirectory(prefix="seaice-") as name:
        folder = Path(name)
        try:
            yield folder
        except SeaIceError as error:
            text = str(error).replace(f"{folder}{os.sep}", "")
            if text == str(error):
                raise
            raise type(error)(text) from error.__cause__


def locate(source: Source, folder: Path, placement: Placement, *, name: str = "array") -> str:
    """Return what GDAL opens a source by, after it was written into the folder if it is no file.

    Args:
        source: See `Source`.
        folder: For what must be written.
        placement: Of an array; what else knows its own must be given none.
        name: Of the file in the folder; errors call the source so.

    Raises:
        TypeError: The source is of no such kind, or has a placement of its own.
        ValueError: An array has no (bands, height, width), or a dataset is closed.
        SceneError: An array is of a type that no raster has.
        OutputError: The folder cannot be written.
        InstallationError: An `xarray.DataArray` is given, and rioxarray is not installed.
    """
    if type(source).__module__.partition(".")[0] == "xarray":
        pixels, placement = _unpack(source, placement)
        return _write(pixels, folder / name, placement)
    if isinstance(source, np.ndarray):
        return _write(source, folder / name, placement)
    if placement != Placement():
        raise TypeError(
            "transform, crs and nodata are for arrays; a file, a dataset or an xarray.DataArray has its own"
        )
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    if hasattr(source, "dataset_mask") and hasattr(source, "name"):
        return _name_of(source, folder / name)
    kinds = "a path, an open rasterio dataset, an array or an xarray.DataArray"
    raise TypeError(f"a raster is given as {kinds}, not as {type(source).__name__}")


def _name_of(dataset: Any, copy: Path) -> str:
    """Return the name by which an open dataset can be opened once more; else that of a copy."""
    if dataset.closed:
        raise ValueError(f"{dataset.name}: the dataset is closed; give its path, or open it")
    if dataset.mode != "r":
        raise ValueError(f"{dataset.name}: the dataset is open for writing; close it and give its path")
    if isinstance(dataset, rasterio.io.DatasetReader) and _opens_alike(dataset):
        return str(dataset.name)
    with writing(copy):
        rasterio.shutil.copy(dataset, copy, driver="GTiff", BIGTIFF="IF_SAFER")
    return str(copy)


def _opens_alike(dataset: Any) -> bool:
    try:
        with _quiet(), rasterio.open(dataset.name) as again:
            return bool(again.profile == dataset.profile)
    except (rasterio.errors.RasterioError, OSError):
        return False


def _unpack(source: Any, placement: Placement) -> tuple[npt.NDArray[Any], Placement]:
    """Return pixels (bands, height, width) of an `xarray.DataArray`, and where they lie."""
    require_extra("notebook", "reading an xarray.DataArray", "rioxarray")
    import rioxarray  # noqa: F401 - gives arrays their attribute `rio`

    if placement != Placement():
        raise TypeError(
            "transform, crs and nodata are for arrays without attributes; set them by .rio on an xarray.DataArray"
        )
    rio = source.rio
    others = [name for name in source.dims if name not in (rio.y_dim, rio.x_dim)]
    pixels = source.transpose(*others, rio.y_dim, rio.x_dim).to_numpy()
    nodata = rio.nodata
    stored = rio.encoded_nodata
    if stored is not None and "dtype" in source.encoding | {"dtype": source.encoding.get("rasterio_dtype")}:
        dtype = np.dtype(source.encoding.get("rasterio_dtype") or source.encoding["dtype"])
        if dtype.kind in "ui" and pixels.dtype.kind == "f":  # opened with masked=True: NaN stands for the file's nodata
            pixels, nodata = np.where(np.isnan(pixels), stored, pixels).astype(dtype), stored
    return pixels, Placement(transform=rio.transform(recalc=True), crs=rio.crs, nodata=nodata)


def _write(pixels: npt.NDArray[Any], path: Path, placement: Placement) -> str:
    """Write an array as a GeoTIFF that holds exactly its values; a masked array's pixels without data in a mask."""
    bands = pixels[None] if pixels.ndim == 2 else pixels
    if bands.ndim != 3 or not bands.size:
        raise ValueError(f"{path.name}: must be (bands, height, width) or (height, width), not of shape {pixels.shape}")
    if bands.dtype.name not in rasterio.dtypes.dtype_fwd.values() or bands.dtype.kind not in "uif":
        raise SceneError(f"{path.name}: holds {bands.dtype}, which no raster does; convert it with .astype first")
    profile = {
        "driver": "GTiff", "count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype.name,
        "crs": placement.crs, "transform": placement.transform, "nodata": placement.nodata, "tiled": True, "blockxsize": 512,
        "blockysize": 512, "photometric": "MINISBLACK", "interleave": "band", "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    with (
        writing(path),
        _quiet(),
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", **profile) as target,
    ):
        target.write(np.ma.getdata(bands))
        if np.ma.is_masked(bands):
            target.write_mask(~np.ma.getmaskarray(bands).all(axis=0))
    return str(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Say nothing of rasters that lie nowhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
