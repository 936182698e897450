"""The frame: padding, cropping, what goes into a file."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.network.architectures.segmenter import (
    Segmenter,
    inference_state,
    load_state,
    pad_to_multiple,
    training_only,
)
from tests.network.architectures.made import scene, tiny


class Echo(Segmenter):
    """Gives back the scene, coarser copies of it, and what size it came in."""

    training_only = ("extra.",)

    def __init__(self, stride):
        super().__init__(stride)
        self.main, self.extra = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)

    def segment(self, image):
        self.seen = image.shape[-2:]
        corner = torch.tensor([[[0, 0], [image.shape[-2] - 1, image.shape[-1] - 1]]])
        return Outputs(image, ((image[..., ::4, ::4], 0.5),), (image,), ((image[..., 0, :2], corner),))


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 4, 16, 32]))
def test_any_size_is_padded_to_a_multiple_and_cropped_again(height, width, stride):
    network, image = Echo(stride).eval(), torch.rand(1, 1, height, width)
    assert torch.equal(network(image), image)
    assert network.seen[0] % stride == network.seen[1] % stride == 0
    assert network.seen[0] - height < stride


def test_padding_repeats_the_last_pixels():
    padded = pad_to_multiple(torch.arange(6.0).view(1, 1, 2, 3), 4)
    assert padded[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]


def test_a_size_that_fits_is_not_copied():
    image = torch.rand(1, 1, 8, 8)
    assert pad_to_multiple(image, 4) is image


def test_extras_are_cropped_and_points_stay_on_the_scene():
    outputs = Echo(8).train()(torch.rand(1, 1, 13, 9))
    assert outputs.logits.shape[-2:] == (13, 9)
    assert outputs.auxiliary[0][0].shape[-2:] == (4, 3)
    assert outputs.edges[0].shape[-2:] == (13, 9)
    assert outputs.points[0][1].tolist() == [[[0, 0], [12, 8]]]


def test_the_frame_alone_is_no_network():
    with pytest.raises(NotImplementedError):
        Segmenter(8)(torch.rand(1, 1, 8, 8))


def test_what_only_training_uses_is_found_inside_other_modules():
    assert training_only(nn.Sequential(nn.ReLU(), Echo(1))) == ("1.extra.",)


def test_files_hold_no_auxiliary_heads_and_load_without_them():
    network = tiny("kang")
    state = inference_state(network)
    assert 0 < len(state) < len(network.state_dict())
    load_state(network, state)
    load_state(network, network.state_dict())


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_weights_of_another_network_are_refused(change):
    network = tiny("kang")
    state = inference_state(network)
    name = next(iter(state))
    if change == "missing":
        del state[name]
    elif change == "unknown":
        state["other.weight"] = torch.zeros(1)
    else:
        state[name] = torch.zeros(1, 2, 3)
    with pytest.raises(RuntimeError, match="state_dict"):
        load_state(network, state)


def test_a_compiled_forward_pass_leaves_padding_to_the_caller(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    network = Echo(8)
    network.train()(scene(1, 1, 13, 9))
    assert network.seen == (13, 9)
