"""Tiny images, labels and layers for the tests of the data tools."""

from __future__ import annotations

from pathlib import Path

import fiona
import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from seaice_cli.data.rasters import RasterProfile, open_raster, write_raster

TRANSFORM = Affine(250.0, 0.0, -1_000_000.0, 0.0, -250.0, 500_000.0)


def raster(
    path: Path,
    pixels,
    *,
    crs: int | None = 3413,
    nodata: float | None = None,
    transform: Affine = TRANSFORM,
    colormap=None,
) -> Path:
    """Write (height, width) or (bands, height, width) pixels; a PNG has neither CRS nor nodata."""
    pixels = np.asarray(pixels)
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.suffix != ".tif" or crs is None
    profile = RasterProfile(
        None if plain else CRS.from_epsg(crs),
        Affine.identity() if plain else transform,
        nodata,
        (str(pixels.dtype),) * len(pixels),
        colors=(ColorInterp.gray,) * len(pixels) if len(pixels) == 1 else (),
        colormap=colormap,
    )
    write_raster(path, pixels, profile)
    return path


def pixels_of(path: Path):
    """Read all bands."""
    with open_raster(path) as dataset:
        return dataset.read()


def noise(height: int, width: int, *, bands: int = 3, seed: int = 0, dtype: str = "uint8"):
    """Return pixels that are different everywhere, and for every seed."""
    return np.random.default_rng(seed).integers(1, 250, (bands, height, width)).astype(dtype)


def classes(height: int, width: int, *, count: int = 2, seed: int = 0):
    """Return random class ids that all occur."""
    ids = np.random.default_rng(seed).integers(0, count, (height, width)).astype("uint8")
    ids.ravel()[:count] = range(count)
    return ids


def layer(
    path: Path,
    shapes,
    *,
    crs: str | None = "EPSG:3413",
    attribute: str = "class",
    kind: str = "int",
    driver: str = "GPKG",
    name: str | None = None,
    geometry: str = "Unknown",
) -> Path:
    """Write (geometry, value) pairs to a vector file."""
    schema = {"geometry": geometry, "properties": {attribute: kind}}
    with fiona.open(path, "w", driver=driver, schema=schema, crs=crs, layer=name) as target:
        target.writerecords(
            {"geometry": shape.__geo_interface__, "properties": {attribute: value}} for shape, value in shapes
        )
    return path
