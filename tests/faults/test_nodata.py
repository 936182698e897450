"""The mask's nodata is exactly the scene's, however the file says it, in every type, wherever windows lie."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from seaice_cli.network.catalog import find_model
from seaice_cli.network.engines.openvino import OpenVinoEngine
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import predict
from tests.models import pixel_model
from tests.nodata import HOLES, RANGES, SHAPE, WAYS, filling, pixels_of, write


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """One model and engine for every type."""
    return {
        dtype: pixel_model(
            tmp_path_factory.mktemp("models") / dtype, dtype=dtype, valid_range=limits, tile=64, overlap=16
        )
        for dtype, limits in RANGES.items()
    }


@pytest.mark.parametrize(
    "dtype", ["uint8", *(pytest.param(d, marks=pytest.mark.slow) for d in ("uint16", "int16")), "float32"]
)
@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_the_mask_has_no_data_exactly_where_the_scene_has_none(engines, tmp_path, way, dtype):
    model = find_model(engines[dtype])
    engine = OpenVinoEngine(model, (64, 64), precision="float32")
    for number, (name, hole) in enumerate(HOLES.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        valid = np.ones(SHAPE, bool)
        valid[hole] = False
        fill = filling(dtype)
        path = folder / "scene.tif"
        path = way(path, pixels_of(dtype, hole, fill), valid, fill) or path
        options = PredictOptions(model=str(model.directory), precision="float32")
        predict(str(path), folder / "mask.tif", options=options, engine=lambda _: engine)
        with rasterio.open(folder / "mask.tif") as mask:
            np.testing.assert_array_equal(mask.read(1) != 255, valid, err_msg=name)


@pytest.mark.parametrize("dtype", RANGES)
def test_a_pixel_with_nodata_in_one_band_only_is_data(engines, tmp_path, dtype):
    fill = filling(dtype)
    pixels = pixels_of(dtype, (slice(0), slice(0)), fill)
    pixels[0, 20:40, 20:40] = fill
    write(tmp_path / "scene.tif", pixels, nodata=fill)
    predict(str(tmp_path / "scene.tif"), tmp_path / "mask.tif", options=PredictOptions(model=str(engines[dtype])))
    with rasterio.open(tmp_path / "mask.tif") as mask:
        assert (mask.read(1) != 255).all()
