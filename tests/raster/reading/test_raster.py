"""A raster's attributes are rasterio's, and fail in one line."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio._err import CPLE_AppDefinedError

from seaice_cli.errors import DataError, SceneError
from seaice_cli.raster.reading.raster import PIXEL_METHODS, Raster

METHODS = {"tags": (), "overviews": (1,), "colormap": (1,), "tag_namespaces": (), "block_windows": (1,)}
ATTRIBUTES = (
    "block_shapes", "bounds", "colorinterp", "compression", "count", "crs", "descriptions", "dtypes", "files", "gcps", "indexes",
    "interleaving", "mask_flag_enums", "meta", "nodata", "nodatavals", "offsets", "photometric", "profile", "res", "rpcs",
    "scales", "shape", "subdatasets", "transform", "units",
)  # fmt: skip


@pytest.fixture
def path(write_scene, noise):
    return write_scene(noise(8, 9))


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_are_those_of_rasterio(path, name):
    with rasterio.open(path) as dataset, Raster(path, rasterio.open(path)) as raster:
        assert getattr(raster, name) == getattr(dataset, name)


@pytest.mark.parametrize(
    "error", [CPLE_AppDefinedError(1, 1, "cut short"), IndexError("a byte"), KeyError(77), OSError(5)]
)
@pytest.mark.parametrize("name", [*ATTRIBUTES, *METHODS])
def test_attributes_that_fail_say_which_and_of_what_file(name, error):
    class Damaged:
        pass

    def fail(*_):
        raise error

    setattr(Damaged, name, fail if name in METHODS else property(fail))
    raster = Raster("scene.tif", Damaged(), error=DataError)
    with pytest.raises(DataError, match=rf"^scene\.tif: its {name} cannot be read \(.+\); the file is damaged"):
        getattr(raster, name)(*METHODS[name]) if name in METHODS else getattr(raster, name)


def test_pixels_fail_as_rasterio_has_it(path):
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    with Raster(path, rasterio.open(path)) as raster, pytest.raises(rasterio.errors.RasterioError):
        raster.read()
    assert {"read", "read_masks"} <= PIXEL_METHODS


def test_colour_tables(path, write_scene):
    with Raster(path, rasterio.open(path)) as raster:
        assert raster.colormap(1) == {}
        with pytest.raises(SceneError, match="its colormap"):
            raster.colormap(9)
    other = write_scene(np.zeros((1, 4, 4), np.uint8), "colored.tif")
    with rasterio.open(other, "r+") as dataset:
        dataset.write_colormap(1, {1: (1, 2, 3, 255)})
    with Raster(other, rasterio.open(other)) as raster:
        assert raster.colormap(1)[1] == (1, 2, 3, 255)


def test_a_crs_that_cannot_be_written_is_damage():
    class Unwritable:
        @property
        def crs(self):
            class Bad:
                def to_wkt(self):
                    raise rasterio.errors.CRSError("no WKT")

            return Bad()

    with pytest.raises(SceneError, match="its crs cannot be read"):
        _ = Raster("scene.tif", Unwritable()).crs


@pytest.mark.parametrize("transform", [(0, 0, 0, 0, 0, 0), (1, 0, 5, 2, 0, 5), (float("nan"), 0, 0, 0, 1, 0)])
def test_transforms_without_an_inverse_are_damage(transform):
    class Degenerate:
        pass

    Degenerate.transform = Affine(*transform)
    with pytest.raises(SceneError, match="maps the raster to a line"):
        _ = Raster("scene.tif", Degenerate()).transform


def test_a_crs_whose_text_is_missing(path):
    """GeoKeys that refer to an unreadable GeoAsciiParams field: GDAL looks at them when colorinterp is asked for."""
    content = bytearray(path.read_bytes())
    start = struct.unpack_from("<I", content, 4)[0]
    entries = range(start + 2, start + 2 + 12 * struct.unpack_from("<H", content, start)[0], 12)
    at = {struct.unpack_from("<H", content, entry)[0]: entry for entry in entries}
    struct.pack_into("<I", content, at[33550] + 8, 2**32 - 1)  # no pixel scale
    struct.pack_into("<I", content, at[34737] + 4, 10_000)  # more GeoAsciiParams than there are bytes
    path.write_bytes(content)
    with Raster(path, rasterio.open(path)) as raster, pytest.raises(SceneError, match="its colorinterp cannot be read"):
        _ = raster.colorinterp
