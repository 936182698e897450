"""Networks come from specifications, weights from files, and nothing else fits."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from seaice_cli.errors import ModelError
from seaice_cli.network.build import SceneNetwork, build_network, load_network
from seaice_cli.network.catalog import find_model
from seaice_cli.network.export import save_model
from seaice_cli.network.spec import WEIGHTS_FILE, IceClass, ModelSpec


def small_spec(**changes):
    values = {
        "name": "small",
        "architecture": "unet",
        "encoder": "resnet18",
        "options": {"encoder_depth": 3, "decoder_channels": [8, 8, 8]},
        "bands": ("red", "green", "blue"),
        "dtype": "uint8",
        "valid_range": (0, 255),
        "mean": (100.0, 110.0, 120.0),
        "std": (50.0, 55.0, 60.0),
        "classes": tuple(IceClass(n, (0, 0, 0)) for n in ("water", "ice", "cloud")),
        "ice": 1,
    }
    return ModelSpec(**(values | changes))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    directory = tmp_path_factory.mktemp("built") / "small"
    network = build_network(small_spec())
    save_model(directory, small_spec(), network, "# card")
    return directory, network.eval()


@pytest.mark.parametrize("options", [{}, {"detail": 4, "detail_features": 6}])
@pytest.mark.parametrize("bands", [1, 5])
def test_logits_have_the_size_of_the_scene(options, bands):
    names = tuple(f"b{i}" for i in range(bands))
    spec = small_spec(
        options={"encoder_depth": 3, "decoder_channels": [8, 8, 8], **options},
        bands=names,
        mean=(0.0,) * bands,
        std=(1.0,) * bands,
    )
    network = build_network(spec).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, bands, 64, 96)).shape == (2, 3, 64, 96)


def test_the_detail_branch_sees_single_pixels():
    torch.manual_seed(0)
    spec = small_spec(options={"encoder_depth": 3, "decoder_channels": [8, 8, 8], "detail": 4})
    network = build_network(spec).eval()
    scene = torch.randn(1, 3, 64, 64, requires_grad=True)
    network(scene)[0, :, 20, 20].sum().backward()
    assert scene.grad[0, :, 20, 20].abs().sum() > 0


def test_stages_beyond_the_depth_take_no_room():
    names = build_network(small_spec()).state_dict()
    assert any("layer2" in name for name in names)
    assert not any("layer3" in name or "layer4" in name for name in names)


def test_a_saved_network_loads_to_the_same_logits(saved):
    directory, network = saved
    scene = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(load_network(find_model(directory))(scene), network(scene))


def test_scene_network_gives_probabilities_of_normalised_scenes(saved):
    _, network = saved
    spec = dataclasses.replace(small_spec(), temperature=2.0)
    scene = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (spec.mean, spec.std))
    with torch.no_grad():
        found = SceneNetwork(network, spec).eval()(scene)
        expected = (network((scene.float() - mean) / std) / 2.0).softmax(1)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found.sum(1), torch.ones(1, 64, 64))


def _unrecorded(directory, tmp_path, change):
    """Copy a model whose spec records no digests, with changed weights."""
    twin = tmp_path / "twin"
    twin.mkdir()
    spec = json.loads((directory / "model.json").read_text())
    (twin / "model.json").write_text(json.dumps(spec | {"sha256": {}}))
    weights = load_file(directory / WEIGHTS_FILE)
    change(weights)
    save_file(weights, twin / WEIGHTS_FILE)
    return twin


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda w: w.pop("encoder.conv1.weight"), r"lacks encoder\.conv1\.weight"),
        (lambda w: w.update(stranger=torch.zeros(1)), "stranger"),
        (lambda w: w.update({"encoder.conv1.weight": torch.zeros(1, 3, 7, 7)}), "another size for encoder.conv1"),
    ],
)
def test_weights_of_another_network_are_refused(saved, tmp_path, change, text):
    twin = _unrecorded(saved[0], tmp_path, change)
    with pytest.raises(ModelError, match=text):
        load_network(find_model(twin))


def test_changed_weights_are_refused(saved, tmp_path):
    twin = _unrecorded(saved[0], tmp_path, lambda _: None)
    (twin / "model.json").write_text((saved[0] / "model.json").read_text())
    content = bytearray((saved[0] / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (twin / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(ModelError, match="sha256"):
        load_network(find_model(twin))


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "nonsense"},
        {"encoder": "nonsense"},
        {"options": {"nonsense": 1}},
        {"options": {"encoder_depth": 3, "decoder_channels": [8, 8]}},
        {"options": {"detail": "much"}},
    ],
)
def test_what_cannot_be_built_is_a_model_error(changes):
    with pytest.raises(ModelError):
        build_network(small_spec(**changes))
