"""A look at a scene: the pixels that passed by are those that GDAL would have read."""

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from seaice_cli.raster.reading.quicklook import Quicklook
from seaice_cli.raster.reading.scene import Rows, Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A scene of 300 x 400 pixels, one in five of them nodata."""
    path = tmp_path_factory.mktemp("look") / "scene.tif"
    pixels = np.random.default_rng(3).integers(1, 256, (3, 300, 400)).astype(np.uint8)
    pixels[:, np.random.default_rng(4).random((300, 400)) < 0.2] = 0
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "height": 300, "width": 400, "nodata": 0}
    with rasterio.open(path, "w", crs="EPSG:3413", transform=rasterio.Affine(250, 0, 0, 0, -250, 0), **profile) as file:
        file.write(pixels)
    with Scene(str(path)) as opened:
        yield opened


def refuse(*_):
    raise AssertionError("the scene is read a second time")


def taken(scene, height, width, step):
    quicklook = Quicklook(scene, height, width)
    for start in range(0, scene.height, step):
        quicklook.take(start, scene.read(start, min(start + step, scene.height)))
    return quicklook


@given(st.data())
def test_it_is_what_gdal_would_have_read(scene, data):
    inside = Window(
        data.draw(st.integers(0, 50)), data.draw(st.integers(0, 50)), data.draw(st.integers(1, 350)), data.draw(st.integers(1, 250))
    )  # fmt: skip
    scene.subset(inside)
    height, width = data.draw(st.integers(1, scene.height)), data.draw(st.integers(1, scene.width))
    quicklook = taken(scene, height, width, data.draw(st.integers(1, scene.height)))
    expected = scene.overview(height, width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scene, "overview", refuse)
        found = quicklook.rows()
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    everywhere = np.ones((height, width), bool)
    np.testing.assert_array_equal(
        everywhere if found.valid is None else found.valid, everywhere if expected.valid is None else expected.valid
    )


def test_what_an_earlier_run_has_read_is_read_anew(scene):
    scene.subset(Window(0, 0, 400, 300))
    quicklook = Quicklook(scene, 30, 40)
    quicklook.take(200, scene.read(200, 300))
    np.testing.assert_array_equal(quicklook.rows().pixels, taken(scene, 30, 40, 100).rows().pixels)


def test_overviews_are_taken_where_there_are_some(write_scene, noise):
    path = write_scene(noise(300, 400), tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2], rasterio.enums.Resampling.average)
    with Scene(str(path)) as scene:
        quicklook = Quicklook(scene, 150, 200)
        quicklook.take(0, Rows(np.zeros((3, 300, 400), np.uint8), None))
        np.testing.assert_array_equal(quicklook.rows().pixels, scene.overview(150, 200).pixels)
        assert quicklook.rows().pixels.any()
