"""`predict` on the whole Arctic's raster, or the part of it that is asked for, from a server on loopback."""

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from seaice_cli.errors import SceneError
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import predict
from tests.gibs_server import serve
from tests.models import expected_classes


@pytest.fixture(scope="module")
def server():
    with serve() as running:
        yield running


def box(window, size=256.0, corner=-4194304.0):
    left, top = corner + window.col_off * size, -corner - window.row_off * size
    return left, top - window.height * size, left + window.width * size, top


def test_a_box_of_the_arctic_is_mapped_from_its_tiles_only(tmp_path, server, two_class_model):
    scene, target, window = server.xml(tmp_path), tmp_path / "mask.tif", Window(15000, 17000, 700, 600)
    options = PredictOptions(model=str(two_class_model), bbox=box(window), precision="float32", tile=256, overlap=64)
    with rasterio.Env(GDAL_HTTP_PROXY=""):
        predict(str(scene), target, options=options)
        with rasterio.open(scene) as source:
            pixels, transform = source.read(window=window), source.window_transform(window)
    with rasterio.open(target) as mask:
        assert mask.transform == transform
        assert mask.crs.to_epsg() == 3413
        np.testing.assert_array_equal(mask.read(1), expected_classes(pixels))


def test_a_server_that_fails_ends_the_run_with_one_line(tmp_path, server, two_class_model):
    server.status = 500
    options = PredictOptions(model=str(two_class_model), bbox=box(Window(1000, 1000, 100, 100)))
    try:
        with rasterio.Env(GDAL_HTTP_PROXY="", GDAL_HTTP_MAX_RETRY=0), pytest.raises(SceneError, match="cannot be read"):
            predict(str(server.xml(tmp_path)), tmp_path / "mask.tif", options=options)
    finally:
        server.status = 200
    assert [p.name for p in tmp_path.iterdir() if "mask" in p.name] == []
