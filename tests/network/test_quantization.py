"""Quantised graphs: made of a model's own, recorded in its specification, taken where they lose little."""

import hashlib
import json

import numpy as np
import pytest
from rasterio.windows import Window

from seaice_cli.errors import EngineError, ModelError, OutputError
from seaice_cli.network.catalog import find_model
from seaice_cli.network.engines import open_engine
from seaice_cli.network.engines.openvino import MAX_LOSS
from seaice_cli.network.quantization import quantize, refuse_quantizing
from seaice_cli.network.spec import INT8_FILES, SPEC_FILE
from seaice_cli.raster.windows.grid import Chip
from tests.models import pixel_model


@pytest.fixture(scope="module")
def quantised(tmp_path_factory):
    pytest.importorskip("nncf")
    folder = pixel_model(tmp_path_factory.mktemp("int8") / "model", blur=2, classes=3)
    rng = np.random.default_rng(0)
    quantize(find_model(folder), [chip(rng) for _ in range(8)])
    return folder


def chip(rng, side=64):
    coarse = rng.integers(0, 256, (3, side // 16, side // 16)).astype(np.uint8)
    return coarse.repeat(16, 1).repeat(16, 2)


def run(folder, **options):
    rng = np.random.default_rng(1)
    chips = [Chip(Window(0, 0, 64, 64), chip(rng)) for _ in range(5)]
    engine = open_engine(find_model(folder), (64, 64), device="cpu", **options)
    return engine, np.stack([c.pixels.copy() for c in engine.run(chips)])


def test_files_are_recorded_and_classes_are_nearly_those_of_float32(quantised):
    spec = find_model(quantised).spec
    assert spec.has_int8
    assert spec.int8_loss is None, "nobody has measured it yet"
    for name in INT8_FILES:
        assert spec.sha256[name] == hashlib.sha256((quantised / name).read_bytes()).hexdigest()
    assert "FakeQuantize" in (quantised / INT8_FILES[0]).read_text()
    engine, probabilities = run(quantised, precision="int8")
    _, exact = run(quantised, precision="float32")
    assert engine.precision == "int8"
    assert np.mean(probabilities.argmax(1) != exact.argmax(1)) < 0.05
    assert not np.array_equal(probabilities, exact)


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 5}, {"threads": 1}, {"threads": 2}])
def test_batches_and_threads_change_no_bit(quantised, options):
    np.testing.assert_array_equal(run(quantised, precision="int8", **options)[1], run(quantised, precision="int8")[1])


@pytest.mark.parametrize(
    ("loss", "able", "taken"),
    [
        (0.0, True, True),
        (MAX_LOSS, True, True),
        (MAX_LOSS * 1.01, True, False),
        (None, True, False),
        (0.0, False, False),
    ],
)
def test_auto_takes_int8_where_it_is_fast_and_loses_little(quantised, monkeypatch, loss, able, taken):
    monkeypatch.setattr("seaice_cli.network.engines.openvino.multiplies_bytes", lambda: able)
    path = quantised / SPEC_FILE
    before = path.read_text()
    try:
        path.write_text(json.dumps(json.loads(before) | {"int8_loss": loss}))
        engine = open_engine(find_model(quantised), (64, 64), device="cpu")
    finally:
        path.write_text(before)
    assert (engine.precision == "int8") == taken


def test_a_model_without_a_quantised_graph_says_how_to_make_one(two_class_model):
    with pytest.raises(EngineError, match="seaice models export --int8"):
        open_engine(find_model(two_class_model), (64, 64), device="cpu", precision="int8")


@pytest.mark.parametrize("name", INT8_FILES)
def test_a_damaged_file_is_refused(quantised, tmp_path, name):
    import shutil

    folder = shutil.copytree(quantised, tmp_path / "model")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match="damaged or changed"):
        open_engine(find_model(folder), (64, 64), device="cpu", precision="int8")


def test_shipped_models_and_graphs_that_are_there_are_left_alone(quantised):
    with pytest.raises(ModelError, match="not changed"):
        refuse_quantizing("modis-truecolor", find_model("modis-truecolor"), overwrite=True)
    with pytest.raises(OutputError, match="overwrite"):
        refuse_quantizing(str(quantised), find_model(quantised), overwrite=False)
    refuse_quantizing(str(quantised), find_model(quantised), overwrite=True)
