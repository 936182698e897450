"""Pictures of rasters: each pixel is what lies there, whether decimated, cut out, or reprojected."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.products.pictures.frames import Frame, frame_of
from seaice_cli.products.pictures.reading import open_source

SQUARE = Affine(100, 0, 1_000_000, 0, -100, 500_000)


def ramp(write_scene, **profile):
    pixels = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)[None]
    return write_scene(pixels, transform=SQUARE, **profile), pixels[0]


def test_the_whole_is_read_pixel_by_pixel_and_decimated(write_scene):
    path, pixels = ramp(write_scene)
    with open_source(path) as source:
        frame = frame_of(source.raster, 1000)
        assert (frame.height, frame.width) == pixels.shape
        found, valid = source.read(frame)
        assert valid.all()
        np.testing.assert_array_equal(found[0], pixels)
        small, _ = source.read(frame_of(source.raster, 30), Resampling.average)
        np.testing.assert_allclose(small[0], pixels.reshape(20, 2, 30, 2).mean(axis=(1, 3)), atol=0.51)


def test_parts_are_what_the_whole_has_there_also_beyond_its_edge(write_scene):
    path, pixels = ramp(write_scene)
    with open_source(path) as source:
        frame = frame_of(source.raster, 1000)
        found, valid = source.read(frame.part(30, 50, 20, 20))
    np.testing.assert_array_equal(found[0, :10, :10], pixels[30:, 50:])
    assert valid[:10, :10].all()
    assert valid.sum() == 100


def test_a_turned_raster_is_brought_upright(write_scene):
    pixels = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)[None]
    path = write_scene(pixels, transform=Affine(100, 0, 1_000_000, 0, 100, 500_000))
    with open_source(path) as source:
        found, _ = source.read(frame_of(source.raster, 1000))
    np.testing.assert_array_equal(found[0], pixels[0, ::-1])


@pytest.mark.parametrize("nodata", [None, 0])
def test_what_lies_in_another_crs_is_reprojected(write_scene, nodata):
    pixels = np.full((1, 40, 60), 7, np.uint8)
    pixels[:, 20:] = 200
    path = write_scene(pixels, transform=SQUARE, nodata=nodata)
    with rasterio.open(path) as dataset:
        middle = dataset.transform @ (30, 20)
    target = CRS.from_epsg(6931)
    (x,), (y,) = rasterio.warp.transform("EPSG:3413", target, [middle[0]], [middle[1]])
    frame = Frame(target, (x - 500, y - 500, x + 500, y + 500), 10, 10)
    with open_source(path) as source:
        found, valid = source.read(frame)
        assert valid.all()
        assert set(np.unique(found)) == {7, 200}
        _, far = source.read(Frame(target, (0, 0, 1000, 1000), 10, 10))
    assert not far.any()


def test_nodata_stays_out(write_scene):
    pixels = np.arange(100, dtype=np.float32).reshape(1, 10, 10)
    pixels[0, 0, 0] = np.nan
    path = write_scene(pixels, nodata=99)
    with open_source(path) as source:
        _, valid = source.read(frame_of(source.raster, 100))
    assert valid.sum() == 98
    assert not valid[0, 0]
    assert not valid[9, 9]


def test_faults_are_one_line(tmp_path, write_scene):
    with pytest.raises(SceneError, match="no such file"), open_source(tmp_path / "x.tif"):
        pass
    path = write_scene(np.zeros((1, 4, 4), np.uint8), crs=None)
    with open_source(path) as source, pytest.raises(OptionError, match="where on earth"):
        source.read(Frame(CRS.from_epsg(3413), (0, 0, 1, 1), 1, 1))
