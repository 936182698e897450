"""The CPU engine: order, reuse of buffers, precision and damaged graphs."""

import numpy as np
import pytest
from rasterio.windows import Window

from seaice_cli.errors import EngineError, ModelError
from seaice_cli.network.catalog import find_model
from seaice_cli.network.engines import choose_engine, open_engine
from seaice_cli.network.spec import ONNX_FILE
from seaice_cli.raster.windows.grid import Chip
from tests.models import expected_classes


def chips(number, *, empty=()):
    rng = np.random.default_rng(0)
    for i in range(number):
        pixels = None if i in empty else rng.integers(0, 256, (3, 32, 64)).astype(np.uint8)
        yield Chip(Window(i, 0, 64, 32), pixels)


@pytest.mark.parametrize("in_flight", [1, 2, 5])
@pytest.mark.parametrize("empty", [(), (0, 1, 5, 6, 7, 11), tuple(range(12))])
def test_results_come_in_order_and_empty_chips_pass(two_class_model, in_flight, empty):
    engine = open_engine(find_model(two_class_model), (32, 64), precision="float32", batch_size=in_flight)
    for chip, result in zip(chips(12, empty=empty), engine.run(chips(12, empty=empty)), strict=True):
        assert result.window == chip.window
        if chip.pixels is None:
            assert result.pixels is None
        else:
            np.testing.assert_array_equal(result.pixels.argmax(0), expected_classes(chip.pixels))
            np.testing.assert_allclose(result.pixels.sum(0), 1, atol=1e-5)


def test_an_engine_can_be_used_again_after_it_was_left_early(two_class_model):
    engine = open_engine(find_model(two_class_model), (32, 64), precision="float32")
    run = engine.run(chips(6))
    next(run)
    run.close()
    assert len(list(engine.run(chips(6)))) == 6


def test_a_graph_of_another_model_is_refused(tmp_path, two_class_model, three_class_model):
    import json
    import shutil

    folder = shutil.copytree(two_class_model, tmp_path / "model")
    shutil.copy(three_class_model / ONNX_FILE, folder)
    spec = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(spec | {"sha256": {}}))
    with pytest.raises(ModelError, match="not this model's"):
        open_engine(find_model(folder), (32, 64))
    (folder / ONNX_FILE).write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="not a graph"):
        open_engine(find_model(folder), (32, 64))


def test_openvino_is_chosen_on_a_cpu():
    assert choose_engine("auto", "cpu") == "openvino"
    with pytest.raises(EngineError, match="not installed"):
        choose_engine("tensorflow_lite_of_2019", "auto")
