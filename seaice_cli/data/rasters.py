"""Opening images and labels, and reading windows that may reach beyond them."""

from __future__ import annotations

import os
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rasterio.windows import Window

from seaice_cli.errors import DataError
from seaice_cli.outputs import reason_of, writing
from seaice_cli.raster.gdal import GDAL_ERRORS
from seaice_cli.raster.reading.opening import refuse_unclear
from seaice_cli.raster.reading.raster import Raster
from seaice_cli.raster.reading.scene import Scene
from seaice_cli.raster.reading.validity import OF_BANDS, SHARED, Validity, mask_kind

MAX_BANDS = 1000
"""A file that says it has more is damaged, and would take hours to read."""


@contextmanager
def without_georeference_warning() -> Iterator[None]:
    """Let rasters without georeferencing pass in silence: a PNG is no worse a label for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def open_raster(path: Path) -> Iterator[Raster]:
    """Open a raster for reading; images without georeferencing are as good as any.

    Raises:
        DataError: The file is missing, no raster, or damaged where it is read inside the `with` block.
    """
    with _reading(path), _open(path) as dataset:
        yield dataset


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (*GDAL_ERRORS, ValueError, MemoryError) as error:
        raise DataError(f"{path}: cannot be read ({reason_of(error)}); the file is damaged or no raster") from error


def _open(path: Path) -> Raster:
    with without_georeference_warning():
        dataset = Raster(path, rasterio.open(path), error=DataError)
    refuse_unclear(path, dataset, DataError)
    if not 1 <= dataset.count <= MAX_BANDS:
        count = dataset.count
        dataset.close()
        raise DataError(f"{path}: has {count} bands; 1 to {MAX_BANDS} can be")
    return dataset


class DatasetPool:
    """Rasters that stay open, so that many small windows cost no opening; for one thread of each process.

    Args:
        limit: The raster that was longest unused is closed when there would be more.
    """

    def __init__(self, limit: int = 32) -> None:
        self._limit, self._process = limit, os.getpid()
        self._rasters: OrderedDict[Path, Raster] = OrderedDict()

    def __reduce__(self) -> tuple[type[DatasetPool], tuple[int]]:
        return DatasetPool, (self._limit,)

    @contextmanager
    def open(self, path: Path) -> Iterator[Raster]:
        """Give a raster that may be open already, and leave it open.

        Raises:
            DataError: As `open_raster`.
        """
        if self._process != os.getpid():  # a forked worker shares file positions with its parent
            self._process, self._rasters = os.getpid(), OrderedDict()
        with _reading(path):
            if path not in self._rasters:
                self._rasters[path] = _open(path)
            self._rasters.move_to_end(path)
            if len(self._rasters) > self._limit:
                self._rasters.popitem(last=False)[1].close()
            yield self._rasters[path]


def whole(dataset: Raster) -> Window:
    """Return the window that is all of a raster."""
    return Window(col_off=0, row_off=0, width=dataset.width, height=dataset.height)


def read_window(dataset: Raster, window: Window, *, bands: list[int], fill: float = 0) -> npt.NDArray[Any]:
    """Read (bands, height, width) of a window; what lies beyond the raster is `fill`."""
    inside, at = _within(dataset, window)
    if inside == window:
        return np.asarray(dataset.read(bands, window=window))
    pixels = np.full((len(bands), window.height, window.width), fill, dtype=np.result_type(*dataset.dtypes))
    if inside.width and inside.height:
        pixels[:, *at] = dataset.read(bands, window=inside)
    return pixels


def read_valid(dataset: Any, validity: Validity, pixels: npt.NDArray[Any], window: Window) -> npt.NDArray[np.bool_]:
    """Return where the pixels of a window hold data, (height, width); what lies beyond the raster holds none.

    Args:
        dataset: The raster.
        validity: Of the bands of `pixels`.
        pixels: What `read_window` returned.
        window: Of them.
    """
    inside, at = _within(dataset, window)
    valid = np.zeros(pixels.shape[1:], dtype=np.bool_)
    if inside.width and inside.height:
        valid[at] = validity.read(dataset, pixels[:, *at], window=inside)
    return valid


def _within(dataset: Any, window: Window) -> tuple[Window, tuple[slice, slice]]:
    """Return the part of a window that lies on a raster, and where in the window that is."""
    top, left = max(0, window.row_off), max(0, window.col_off)
    height = max(0, min(dataset.height, window.row_off + window.height) - top)
    width = max(0, min(dataset.width, window.col_off + window.width) - left)
    row, column = top - window.row_off, left - window.col_off
    inside = Window(col_off=left, row_off=top, width=width, height=height)
    return inside, (slice(row, row + height), slice(column, column + width))


def strips(height: int, width: int, *, pixels: int = 2**20) -> Iterator[Window]:
    """Yield full-width windows from top to bottom, each of at most `pixels` pixels or one row."""
    rows = max(1, pixels // max(1, width))
    for top in range(0, height, rows):
        yield Window(col_off=0, row_off=top, width=width, height=min(rows, height - top))


@contextmanager
def open_scene(path: Path) -> Iterator[Scene]:
    """Open an image as a scene, which knows where it has data; images without georeferencing are as good as any.

    Raises:
        SceneError: The image cannot be opened or is of a kind that is no imagery.
    """
    with without_georeference_warning():
        scene = Scene(str(path))
    with scene:
        if len(scene.bands) > MAX_BANDS:
            raise DataError(f"{path}: has {len(scene.bands)} bands; at most {MAX_BANDS} can be")
        yield scene


@dataclass(frozen=True, slots=True)
class RasterProfile:
    """What a tile takes over from its scene besides pixels."""

    crs: Any
    transform: Affine
    nodata: float | None
    dtypes: tuple[str, ...]
    descriptions: tuple[str | None, ...] = ()
    colors: tuple[ColorInterp, ...] = ()
    colormap: dict[int, tuple[int, int, int, int]] | None = None
    masked: bool = False
    """Whether the raster says by more than one nodata value or an alpha band where it has no data."""

    @property
    def fits_png(self) -> bool:
        """Whether a PNG can hold the bands and what the raster says of them."""
        return len(self.dtypes) <= 4 and set(self.dtypes) in ({"uint8"}, {"uint16"}) and not self.masked

    def at(self, window: Window) -> RasterProfile:
        """Return the profile of a window."""
        return replace(self, transform=self.transform @ Affine.translation(window.col_off, window.row_off))

    def of_ids(self) -> RasterProfile:
        """Return the profile of a label in class ids on the same pixels."""
        return RasterProfile(self.crs, self.transform, None, ("uint8",))


def profile_of(dataset: Raster) -> RasterProfile:
    """Return the profile of an open raster."""
    colormap = dataset.colormap(1) if dataset.colorinterp[0] == ColorInterp.palette else None
    mask = mask_kind(dataset, tuple(dataset.indexes))
    several = len(set(map(repr, dataset.nodatavals))) > 1 and ColorInterp.alpha not in dataset.colorinterp
    return RasterProfile(
        dataset.crs,
        dataset.transform,
        None if several else dataset.nodata,
        dataset.dtypes,
        dataset.descriptions,
        dataset.colorinterp,
        colormap,
        masked=several or mask in (SHARED, OF_BANDS),
    )


def write_raster(
    path: Path, pixels: npt.NDArray[Any], profile: RasterProfile, *, valid: npt.NDArray[np.bool_] | None = None
) -> None:
    """Write (bands, height, width) as GeoTIFF, or as PNG if the path ends so; what no PNG can say is left out.

    Args:
        path: The file.
        pixels: Of all bands.
        profile: Of the raster that they come from.
        valid: (height, width), True = data: written as a mask band of the file.

    Raises:
        OutputError: The file cannot be written.
    """
    png = path.suffix.lower() == ".png"
    options = {} if png else {"compress": "deflate", "crs": profile.crs}
    with writing(path), without_georeference_warning(), rasterio.Env(
        GDAL_PAM_ENABLED="NO", GDAL_TIFF_INTERNAL_MASK=True
    ), rasterio.open(
        path, "w", driver="PNG" if png else "GTiff", count=len(pixels), height=pixels.shape[1], width=pixels.shape[2],
        dtype=pixels.dtype, nodata=profile.nodata, transform=profile.transform, **options,
    ) as dataset:  # fmt: skip
        if profile.colormap:
            dataset.write_colormap(1, profile.colormap)
        if not png:
            _describe(
                dataset, profile
            )  # before any pixel: afterwards a GeoTIFF cannot say any more which band is alpha
        dataset.write(pixels)
        if valid is not None:
            dataset.write_mask(valid)


def _describe(dataset: Any, profile: RasterProfile) -> None:
    for band, text in enumerate(profile.descriptions, 1):
        if text:
            dataset.set_band_description(band, text)
    if profile.colors and not profile.colormap:
        dataset.colorinterp = profile.colors


def write_streamed(
    path: Path, chips: Iterable[tuple[Window, npt.NDArray[np.uint8]]], profile: RasterProfile, size: Window
) -> None:
    """Write a raster of class ids from (height, width) chips, as tiled GeoTIFF, or as PNG if the path ends so.

    Raises:
        rasterio.errors.RasterioError: The file cannot be written.
    """
    png = path.suffix.lower() == ".png"
    tif = path.with_name(f"{path.name}.tif") if png else path
    try:
        with without_georeference_warning():
            with rasterio.open(
                tif, "w", driver="GTiff", count=1, height=size.height, width=size.width, dtype="uint8", crs=profile.crs,
                transform=profile.transform, tiled=True, compress="deflate", bigtiff="if_safer",
            ) as dataset:  # fmt: skip
                for window, ids in chips:  # read meanwhile, with what lies in sidecars
                    dataset.write(ids, 1, window=window)
            if png:
                with rasterio.Env(GDAL_PAM_ENABLED="NO"):
                    copy(tif, path, driver="PNG")
    finally:
        if png:
            tif.unlink(missing_ok=True)


def encode_png(pixels: npt.NDArray[Any]) -> bytes:
    """Return (height, width) pixels of 8 or 16 bits as a PNG file."""
    height, width = pixels.shape
    with without_georeference_warning(), rasterio.Env(GDAL_PAM_ENABLED="NO"), MemoryFile(ext=".png") as memory:
        with memory.open(driver="PNG", count=1, height=height, width=width, dtype=pixels.dtype) as dataset:
            dataset.write(pixels, 1)
        return bytes(memory.read())
