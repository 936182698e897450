"""The description of NASA's true colour of the whole Arctic, read from a server on loopback."""

import re
import shutil
import time
import warnings

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from tests.gibs_server import BANDS721, CORRECTED, XML, jpeg, serve


@pytest.fixture(scope="module")
def server():
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def without_retries(server):
    with rasterio.Env(GDAL_HTTP_MAX_RETRY=0, GDAL_HTTP_PROXY=""):
        yield
    server.status, server.delay = 200, 0.0


def decoded(server, level, row, col):
    with MemoryFile(jpeg(server.recipe, level, row, col)) as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as tile:
            return tile.read()


def test_the_scene_is_the_arctic_in_one_raster(server, tmp_path):
    with rasterio.open(server.xml(tmp_path)) as scene:
        assert scene.shape == (32768, 32768)
        assert scene.crs.to_epsg() == 3413
        assert scene.transform == Affine(256, 0, -4194304, 0, -256, 4194304)
        assert scene.count == 3
        assert scene.dtypes == ("uint8",) * 3
        assert scene.block_shapes == [(512, 512)] * 3


def test_a_window_across_four_tiles_shows_the_tiles_that_belong_there(server, tmp_path):
    server.requests.clear()
    with rasterio.open(server.xml(tmp_path)) as scene:
        window = scene.read(window=Window(21 * 512 - 100, 34 * 512 - 60, 300, 200))
    tiles = [[decoded(server, 5, row, col) for col in (20, 21)] for row in (33, 34)]
    mosaic = np.block(tiles)
    assert np.array_equal(window, mosaic[:, 452:652, 412:712])
    assert set(server.requests) == {(5, row, col) for row in (33, 34) for col in (20, 21)}


@pytest.mark.parametrize(("row", "col"), [(0, 0), (0, 63), (63, 0), (63, 63)])
def test_each_corner_of_the_scene_is_the_corner_tile(server, tmp_path, row, col):
    with rasterio.open(server.xml(tmp_path)) as scene:
        window = scene.read(window=Window(col * 512, row * 512, 512, 512))
    assert np.array_equal(window, decoded(server, 5, row, col))


def test_a_reduced_reading_takes_the_coarser_tiles(server, tmp_path):
    server.requests.clear()
    with rasterio.open(server.xml(tmp_path)) as scene:
        small = scene.read(window=Window(20 * 512, 30 * 512, 1024, 1024), out_shape=(3, 512, 512))
    assert np.array_equal(small, decoded(server, 4, 15, 10))
    assert set(server.requests) == {(4, 15, 10)}


@pytest.mark.parametrize("status", [404, 500])
def test_a_missing_tile_is_an_error_and_not_black(server, tmp_path, status):
    with rasterio.open(server.xml(tmp_path)) as scene:
        server.status = status
        with pytest.raises(RasterioError):
            scene.read(window=Window(0, 0, 100, 100))


def test_a_server_that_does_not_answer_is_an_error_after_the_timeout(server, tmp_path):
    with rasterio.open(server.xml(tmp_path, timeout=1)) as scene:
        server.delay = 60.0
        start = time.monotonic()
        with pytest.raises(RasterioError):
            scene.read(window=Window(0, 0, 100, 100))
        assert time.monotonic() - start < 30


def test_the_shipped_description_names_the_tiles_of_one_day():
    text = XML.read_text()
    assert (
        "/epsg3413/best/MODIS_Terra_CorrectedReflectance_TrueColor/default/2024-06-01/250m/${z}/${y}/${x}.jpg" in text
    )


def test_true_colour_and_bands_721_are_one_scene_of_five_bands(server, tmp_path):
    row, col = 30, 21
    with serve(seed=2) as infrared:
        server.xml(tmp_path)
        infrared.xml(tmp_path, source=BANDS721)
        shutil.copy(CORRECTED, tmp_path)
        with rasterio.open(tmp_path / CORRECTED.name) as scene:
            assert (scene.count, scene.shape, scene.crs.to_epsg()) == (5, (32768, 32768), 3413)
            assert scene.transform == Affine(256, 0, -4194304, 0, -256, 4194304)
            window = scene.read(window=Window(col * 512, row * 512, 512, 512))
        visible, other = decoded(server, 5, row, col), decoded(infrared, 5, row, col)
    assert np.array_equal(window[:3], visible)
    assert np.array_equal(window[3:], other[:2])
    assert not np.array_equal(window[3:], visible[:2])


def test_both_descriptions_name_one_day_and_satellite():
    layers = [
        re.search(r"best/(MODIS_\w+?)_CorrectedReflectance_(\w+)/default/([\d-]+)/", f.read_text())
        for f in (XML, BANDS721)
    ]
    assert [layer[2] for layer in layers] == ["TrueColor", "Bands721"]
    assert layers[0][1] == layers[1][1]
    assert layers[0][3] == layers[1][3]
