"""What a network would hold is known before it is built, and what a file holds before it is loaded."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from seaice_cli.errors import ModelError
from seaice_cli.network.build import _of_three_bands, build_network, load_network
from seaice_cli.network.catalog import Model, find_model, shipped
from seaice_cli.network.export import save_model
from seaice_cli.network.spec import SPEC_FILE, WEIGHTS_FILE
from seaice_cli.network.weight_shapes import _outline, read_shapes, refuse_larger, shapes_of
from tests.network.architectures.made import ENCODERS, NAMES, OPTIONS, TINY, build
from tests.network.test_build import small_spec

ENCODERS_OF_OTHERS = ("efficientnet-b0", "mobileone_s0", "vgg11", "tu-convnext_atto")


def outline(make):
    return _outline(make, tensors=10_000, path=Path("file"))


@pytest.mark.parametrize("name", NAMES)
def test_the_outline_of_every_architecture_is_that_of_the_network(name):
    def make():
        return build(name, **OPTIONS.get(name, {}), encoder=ENCODERS.get(name, TINY))

    assert outline(make) == shapes_of(make())


@pytest.mark.parametrize("encoder", ENCODERS_OF_OTHERS)
def test_the_outline_of_every_kind_of_encoder_is_that_of_the_network(encoder):
    def make():
        return build("fpn", encoder=encoder)

    assert outline(make) == shapes_of(make())


def test_an_encoder_that_cannot_be_outlined_is_built_all_the_same(tmp_path):
    spec = small_spec(encoder="mit_b0", architecture="fpn", options={})
    assert outline(lambda: build_network(spec)) is None
    save_model(tmp_path / "model", spec, build_network(spec), "# card")
    assert load_network(find_model(tmp_path / "model")).stride == 32


def test_an_outline_leaves_nothing_behind():
    refuse_larger(lambda: build("fpn"), {"a": (10**6,)}, Path("file"))
    assert torch.zeros(1).device.type == "cpu"
    assert not torch.nn.modules.module._global_parameter_registration_hooks


def test_the_header_says_what_the_file_holds(tmp_path):
    save_file(
        {"a": torch.zeros(2, 3), "b": torch.zeros(5, dtype=torch.bfloat16), "c": torch.zeros(())},
        tmp_path / "w.safetensors",
    )
    assert read_shapes(tmp_path / "w.safetensors") == {"a": (2, 3), "b": (5,), "c": ()}


def test_a_header_that_does_not_add_up_to_the_file_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(200)}, path)
    for content in (
        path.read_bytes()[:-4],
        path.read_bytes() + b"\0",
        b"",
        path.read_bytes().replace(b"[200]", b"[201]"),
    ):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="cannot be read as weights"):
            read_shapes(path)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"encoder_depth": 3, "decoder_channels": [10**6] * 3}, "values where the file holds"),
        ({"encoder_depth": 3, "decoder_channels": [10**7] * 3}, "options: decoder_channels must be"),
        ({"encoder_depth": 3, "decoder_channels": [8] * 1000}, "options: decoder_channels must be"),
        (
            {"encoder_depth": 3, "decoder_channels": [8, 8, 8], "detail": 4096, "detail_features": 4096},
            "values where the file holds",
        ),
        ({"encoder_depth": 10**6}, "depth should be in range"),
    ],
)
def test_a_network_that_cannot_be_meant_is_refused_before_it_is_built(tmp_path, options, text):
    """Ten to the six channels would be 36 TB; the error is not that of an allocation which failed."""
    directory = tmp_path / "model"
    save_model(directory, small_spec(), build_network(small_spec()), "# card")
    values = json.loads((directory / SPEC_FILE).read_text())
    (directory / SPEC_FILE).write_text(json.dumps({**values, "options": options}))
    with pytest.raises(ModelError, match=text) as caught:
        load_network(find_model(directory))
    assert "alloc" not in str(caught.value)


def test_a_network_of_endless_parts_is_given_up_while_it_is_outlined(tmp_path):
    spec = dataclasses.replace(small_spec(), architecture="hourglass", encoder="none", options={"stacks": 10**6})
    save_file({"a": torch.zeros(1)}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(ModelError, match="more than 1,004 tensors"):
        load_network(Model(tmp_path, spec))


@pytest.mark.parametrize("name", shipped())
def test_the_shipped_weights_are_those_of_their_specifications(name):
    model = find_model(name)
    network = outline(lambda: build_network(_of_three_bands(model.spec)))
    there = read_shapes(model.file(WEIGHTS_FILE))
    other = {layer for layer in network if network[layer] != there.get(layer)}
    assert network.keys() == there.keys()
    assert len(other) == (0 if len(model.spec.bands) == 3 else 1 + ("detail" in model.spec.options)), other
    assert load_network(model).training is False
