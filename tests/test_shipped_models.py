"""The models that come with the package are complete, small, what their cards say, and predict sea ice."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from seaice_cli.choices import DEFAULT_MODEL
from seaice_cli.cli.main import cli
from seaice_cli.network.catalog import find_model, shipped
from seaice_cli.network.engines.openvino import MAX_LOSS
from seaice_cli.network.spec import CARD_FILE, INT8_FILES, ONNX_FILE, WEIGHTS_FILE
from tests.conftest import ROOT

NAMES = shipped()
NOT_QUANTISED = ("aerial-floes",)
"""Models whose loss in int8 nobody has measured yet, so that they are shipped without such a graph."""


def _probabilities(model, scene, graph=ONNX_FILE):
    import openvino as ov

    core = ov.Core()
    compiled = core.compile_model(core.read_model(model.file(graph)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(scene)[0]


def test_the_default_model_is_shipped():
    assert DEFAULT_MODEL in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_complete_and_its_digests_agree(name):
    model = find_model(name)
    assert model.spec.name == name
    assert model.spec.description
    assert model.spec.license
    quantised = INT8_FILES if name not in NOT_QUANTISED else ()
    assert set(model.spec.sha256) == {WEIGHTS_FILE, ONNX_FILE, *quantised}
    sizes = [model.file(f).stat().st_size for f in model.spec.sha256]
    assert sum(sizes) <= 25 * 2**20


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_shipped_once(name):
    """If not: `seaice models export NAME -o DIR --format directory` writes the model as it is to be shipped."""
    assert find_model(name).file(ONNX_FILE).stat().st_size < 1e6


@pytest.mark.parametrize("name", [n for n in NAMES if n not in NOT_QUANTISED])
def test_a_quantised_graph_is_small_and_loses_little(name):
    """If it is of other weights: `python benchmarks/quantize.py NAME=DIR` makes and measures it anew."""
    model = find_model(name)
    assert model.spec.int8_loss <= MAX_LOSS
    graph, weights = (model.file(f).read_bytes() for f in INT8_FILES)
    assert len(graph) + len(weights) < model.file(WEIGHTS_FILE).stat().st_size / 2
    assert not re.search(rb"/(home|root|tmp|work|Users)/", graph)
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (1, len(model.spec.bands), 16, 16)).repeat(16, 2).repeat(16, 3)
    exact, fast = (_probabilities(model, scene.astype(model.spec.dtype), f) for f in (ONNX_FILE, INT8_FILES[0]))
    assert np.mean(exact.argmax(1) != fast.argmax(1)) < 0.1, "it is of other weights"


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_it_must(name):
    card = find_model(name).file(CARD_FILE).read_text(encoding="utf-8").lower()
    for topic in ("licen", "labels", "must not be used", "threshold", "seaice train", "baseline", "mb", "acknowledge"):
        assert topic in card, topic


@pytest.mark.parametrize("name", NAMES)
def test_weights_and_graph_are_the_same_network(name):
    import torch

    from seaice_cli.network.build import SceneNetwork, load_network

    model = find_model(name)
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (1, len(model.spec.bands), 64, 96)).astype(model.spec.dtype)
    with torch.no_grad():
        expected = SceneNetwork(load_network(model), model.spec).eval()(torch.from_numpy(scene)).numpy()
    np.testing.assert_allclose(_probabilities(model, scene), expected, atol=1e-4)


@pytest.mark.parametrize(("clouds", "classes", "floor"), [(0.0, 2, 0.9), (0.4, 3, 0.55)])
def test_generated_scenes_it_was_not_trained_on(clouds, classes, floor):
    """Mean IoU of the classes that are there; training drew seeds below 1000."""
    from rasterio.windows import Window

    from seaice_cli.evaluation.metrics.confusion import Confusion, iou
    from seaice_cli.synthetic import SceneRecipe, generate

    model, counts = find_model(DEFAULT_MODEL), Confusion.empty(3)
    for seed in range(5000, 5008):
        recipe = SceneRecipe(height=512, width=512, seed=seed, clouds=clouds, collar=False)
        pixels, truth = generate(recipe, Window(col_off=0, row_off=0, width=256, height=256))
        counts = counts.add(truth, _probabilities(model, pixels[None])[0].argmax(0).astype(np.uint8))
    assert iou(counts)[:classes].mean() > floor


LISTS = sorted(path.relative_to(ROOT / "models") for path in (ROOT / "models").glob("*/*.csv"))
OTHER_SENSORS = ("train_kara.csv", "judge_kara.csv", "train_chukchi.csv", "judge_chukchi.csv")
"""Polygons on scenes that `modis-truecolor` does not read, as its card says."""


@pytest.fixture(scope="module")
def made(real_data, tmp_path_factory):
    """Labels and scenes that the scripts beside the models make for training."""
    folder, scripts = tmp_path_factory.mktemp("made"), ROOT / "models"
    bohai = folder / "labels" / "modis_bohai_1.tif"
    for name, data, out in (
        ("modis-truecolor/labelling/weak_labels.py", "modis", folder),
        ("modis-truecolor/labelling/bohai_labels.py", "bohai", bohai),
        ("modis-corrected/stack_bands.py", "modis", folder / "stacked"),
        ("aerial-floes/labelling/grow_labels.py", "aerial_hotrax", folder / "grown"),
    ):
        subprocess.run([sys.executable, scripts / name, "--data", real_data / data, "--out", out], check=True)
    return folder


def _folders(real_data, made, name):
    """Return the arguments that tell where the files of a model's lists are; polygons lie beside the lists."""
    if name.parts[0] == "tir-melt-pond":
        folder = real_data / "tir_melt_pond"
        return "--image-dir", folder, "--label-dir", folder
    if name.parts[0] == "aerial-floes":
        return "--image-dir", made / "grown", "--label-dir", made / "grown"
    polygons = ("--attribute", "class", "--background", 255)
    images = made / "stacked" if name.parts[0] == "modis-corrected" else real_data / "modis"
    rasters = name.name in ("scenes.csv", "left_out.csv", "bohai.csv")
    return "--image-dir", images, *(("--label-dir", made) if rasters else polygons)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in LISTS if n.name not in OTHER_SENSORS], ids=str)
def test_a_model_obeys_the_labels_of_each_of_its_lists(real_data, made, name):
    """What it was trained by, too: a card must not claim labels that the model ignores."""
    arguments = ("eval", "--data", ROOT / "models" / name, "--model", name.parts[0], "--resamples", 0, "--json")
    result = CliRunner().invoke(cli, [str(a) for a in (*arguments, *_folders(real_data, made, name))])
    assert result.exit_code == 0, result.stderr
    counts = np.array(json.loads(result.stdout)["confusion"])
    assert np.trace(counts) / counts.sum() >= 0.8


@pytest.mark.parametrize(
    ("name", "folder", "floor"), [("modis-truecolor", "modis", 0.88), ("tir-melt-pond", "tir_melt_pond", 0.65)]
)
def test_real_scenes(real_data, name, folder, floor):
    """Mean IoU of water and ice in true colour, or of all three classes; what is left out of training is in the cards."""
    from seaice_cli.data.rasters import open_raster
    from seaice_cli.data.samples import read_samples
    from seaice_cli.evaluation.metrics.confusion import Confusion, iou

    model = find_model(name)
    counts = Confusion.empty(3)
    for sample in read_samples(real_data / folder / "val.csv"):
        with open_raster(sample.image) as image, open_raster(sample.label) as label:
            scene, truth = image.read(), label.read(1)
        height, width = truth.shape
        padded = np.pad(scene, ((0, 0), (0, -height % 32), (0, -width % 32)), mode="symmetric")
        predicted = _probabilities(model, padded[None])[0, :, :height, :width].argmax(0).astype(np.uint8)
        counts = counts.add(truth, predicted)
    judged = iou(counts)[:2] if name == "modis-truecolor" else iou(counts)
    assert judged.mean() > floor
