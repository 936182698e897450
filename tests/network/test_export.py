"""A model directory is complete, and its two forms of the network agree."""

import dataclasses
import hashlib
import json
import math
import shutil

import numpy as np
import onnx
import openvino as ov
import pytest
import torch

from seaice_cli.choices import EXPORTS
from seaice_cli.errors import ModelError, OutputError
from seaice_cli.network.build import SceneNetwork, build_network, load_network
from seaice_cli.network.catalog import find_model
from seaice_cli.network.engines import open_engine
from seaice_cli.network.export import export_model, save_model
from seaice_cli.network.spec import CARD_FILE, ONNX_FILE, WEIGHTS_FILE, read_spec
from tests.network.test_build import small_spec

SIZES = [(1, 64, 64), (3, 96, 64), (2, 32, 160)]


def _awake(network):
    """Give the statistics of normalisation layers values that are not those of a new network."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 2.0)
    return network


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    directory = tmp_path_factory.mktemp("exported") / "small"
    spec = small_spec(temperature=1.7, options={"encoder_depth": 3, "decoder_channels": [8, 8, 8], "detail": 4})
    save_model(directory, spec, _awake(build_network(spec)), "# card")
    return directory


def _run(path, scene):
    core = ov.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(scene)[0]


@pytest.mark.parametrize("size", SIZES)
def test_the_graph_gives_what_the_network_gives(saved, size):
    batch, height, width = size
    scene = np.random.default_rng(0).integers(0, 256, (batch, 3, height, width), dtype=np.uint8)
    model = find_model(saved)
    with torch.no_grad():
        expected = SceneNetwork(load_network(model), model.spec).eval()(torch.from_numpy(scene)).numpy()
    found = _run(model.file(ONNX_FILE), scene)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert expected.std() > 0.001


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_the_graph_reads_the_type_of_the_scene(tmp_path, dtype):
    torch.manual_seed(0)
    spec = small_spec(dtype=dtype, valid_range=(0, 10_000), mean=(5000.0,) * 3, std=(2000.0,) * 3)
    save_model(tmp_path / "m", spec, build_network(spec), "")
    core = ov.Core()
    graph = core.read_model(tmp_path / "m" / ONNX_FILE)
    names = {"uint16": "u16", "int16": "i16", "float32": "f32"}
    assert graph.input("scene").element_type.to_string() == names[dtype]
    assert [d.is_dynamic for d in graph.input("scene").partial_shape] == [True, False, True, True]
    scene = np.random.default_rng(0).integers(0, 10_000, (1, 3, 64, 64)).astype(dtype)
    np.testing.assert_allclose(_run(tmp_path / "m" / ONNX_FILE, scene).sum(axis=1), 1, atol=1e-5)


def test_the_spec_records_the_files(saved):
    spec = read_spec(saved)
    for name in (WEIGHTS_FILE, ONNX_FILE):
        assert spec.sha256[name] == hashlib.sha256((saved / name).read_bytes()).hexdigest()
    assert sorted(p.name for p in saved.iterdir()) == ["README.md", "model.json", "network.onnx", "weights.safetensors"]


def test_what_only_training_needs_is_in_no_file(tmp_path):
    spec = small_spec(options={"encoder_depth": 3, "decoder_channels": [8, 8, 8], "auxiliary": 0.4})
    network = build_network(spec)
    assert any("auxiliary" in name for name in network.state_dict())
    save_model(tmp_path / "m", spec, network, "")
    load_network(find_model(tmp_path / "m"))
    assert b"auxiliary" not in (tmp_path / "m" / WEIGHTS_FILE).read_bytes()


def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        save_model(tmp_path / "file", small_spec(), build_network(small_spec()), "")


@pytest.mark.parametrize("kind", [kind for kind in EXPORTS if kind != "directory"])
def test_exports_agree_in_half_precision_at_half_the_size(saved, tmp_path, kind):
    target = tmp_path / ("m.xml" if kind == "openvino" else "m.bin")
    whole = sum(p.stat().st_size for p in export_model(find_model(saved), target, kind))
    half_target = tmp_path / ("h.xml" if kind == "openvino" else "h.bin")
    files = export_model(find_model(saved), half_target, kind, half=True)
    assert sum(p.stat().st_size for p in files) < 0.75 * whole
    if kind != "safetensors":
        scene = np.random.default_rng(1).integers(0, 256, (1, 3, 64, 64), dtype=np.uint8)
        np.testing.assert_allclose(_run(half_target, scene), _run(saved / ONNX_FILE, scene), atol=5e-3)


def test_weights_are_kept_once(saved, tmp_path):
    """The graph takes them from the safetensors file; an exported graph holds them itself."""
    graph, weights = saved / ONNX_FILE, saved / WEIGHTS_FILE
    kept = onnx.load(graph, load_external_data=False)
    outside = [t for t in kept.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    assert {entry.value for t in outside for entry in t.external_data if entry.key == "location"} == {WEIGHTS_FILE}
    assert sum(math.prod(t.dims) * 4 for t in outside) > 0.9 * weights.stat().st_size - 20_000
    (alone,) = export_model(find_model(saved), tmp_path / "alone.onnx", "onnx")
    scene = np.random.default_rng(1).integers(0, 256, (1, 3, 64, 64), dtype=np.uint8)
    np.testing.assert_array_equal(_run(alone, scene), _run(graph, scene))
    assert alone.stat().st_size > 0.9 * weights.stat().st_size


def test_a_directory_written_anew_is_the_same_model(saved, tmp_path):
    export_model(find_model(saved), tmp_path / "anew", "directory")
    anew = tmp_path / "anew"
    assert {p.name for p in saved.iterdir()} == {p.name for p in anew.iterdir()}
    for name in (WEIGHTS_FILE, CARD_FILE):
        assert (anew / name).read_bytes() == (saved / name).read_bytes()
    scene = np.random.default_rng(1).integers(0, 256, (1, 3, 64, 64), dtype=np.uint8)
    np.testing.assert_array_equal(_run(anew / ONNX_FILE, scene), _run(saved / ONNX_FILE, scene))
    assert dataclasses.replace(read_spec(anew), sha256={}) == dataclasses.replace(read_spec(saved), sha256={})


def test_weights_that_are_damaged_or_missing_are_told_of_before_the_graph_runs(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "m")
    weights = tmp_path / "m" / WEIGHTS_FILE
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=r"weights\.safetensors: damaged or changed"):
        open_engine(find_model(tmp_path / "m"), (64, 64), engine="openvino")
    weights.unlink()
    with pytest.raises(ModelError, match=r"network\.onnx: not a graph that OpenVINO can read"):
        open_engine(find_model(tmp_path / "m"), (64, 64), engine="openvino")
    with pytest.raises(ModelError, match=r"network\.onnx: its weights cannot be read"):
        export_model(find_model(tmp_path / "m"), tmp_path / "x.onnx", "onnx")


def test_the_spec_is_written_last(saved):
    assert json.loads((saved / "model.json").read_text())["sha256"]
    assert not list(saved.glob(".*"))


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(32, 64), (2, 6)])
def test_padding_as_a_number_is_that_of_even_sizes(kernel, size):
    """As formulas the paddings of five stages of EfficientNet kept the exporter busy for hours."""
    from timm.layers.conv2d_same import Conv2dSame

    from seaice_cli.network.export import _with_fixed_padding

    network = torch.nn.Sequential(Conv2dSame(3, 4, kernel, stride=2))
    fixed, pixels = _with_fixed_padding(network), torch.rand(2, 3, *size)
    assert type(network[0]) is Conv2dSame
    assert type(fixed[0]) is not Conv2dSame
    torch.testing.assert_close(fixed(pixels), network(pixels))
