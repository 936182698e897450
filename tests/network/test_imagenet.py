"""ImageNet weights from installed packages: the right encoder, the right order, what happens where they are missing."""

import socket

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from seaice_cli.errors import ModelError
from seaice_cli.network import imagenet, pretrained
from seaice_cli.network.architectures import encoders

LITE0, LITE2 = "tu-tf_efficientnet_lite0", "tu-tf_efficientnet_lite2"
EGYPTIAN_CAT, ESPRESSO = 285, 967
"""Classes of ImageNet."""


def needs_package(name):
    return pytest.mark.skipif(
        imagenet.installed_weights(name) is None, reason=f"the weights of {name} are not installed"
    )


def classify(name, picture):
    """Return the five likeliest classes of a picture (height, width, 3), likeliest first, by the whole classifier."""
    import timm

    file = imagenet.installed_weights(name)
    network = timm.create_model(name.removeprefix("tu-"), pretrained=False)
    named = imagenet.as_timm_names(name, pretrained.read_tensors(file), file)
    network.load_state_dict({**network.state_dict(), **named})
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = torch.from_numpy(picture[top : top + side, left : left + side].copy()).permute(2, 0, 1)[None].float()
    pixels = F.interpolate(square / 127.5 - 1, size=(260, 260), mode="bicubic", antialias=True)
    with torch.no_grad():
        return network.eval()(pixels)[0].topk(5).indices.tolist()


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs_package(name)) for name in sorted(imagenet.PACKAGES)])
def test_a_cat_and_a_cup_of_espresso_are_named(name):
    from skimage import data

    assert EGYPTIAN_CAT in classify(name, data.chelsea())[:2]
    assert classify(name, data.coffee())[0] == ESPRESSO


@needs_package(LITE2)
def test_an_encoder_of_less_depth_gives_the_features_of_the_whole_network():
    import timm

    torch.manual_seed(0)
    encoder = encoders.build_encoder(LITE2, weights="imagenet", in_channels=3, depth=4).eval()
    file = imagenet.installed_weights(LITE2)
    whole = timm.create_model("tf_efficientnet_lite2", pretrained=False, features_only=True).eval()
    named = imagenet.as_timm_names(LITE2, pretrained.read_tensors(file), file)
    whole.load_state_dict({n: t for n, t in named.items() if n in whole.state_dict()}, strict=False)
    image = torch.rand(1, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        for ours, theirs in zip(encoder(image)[1:], whole(image)[:4], strict=True):
            assert torch.equal(ours, theirs)


@needs_package(LITE0)
def test_a_stem_of_five_bands_repeats_that_of_three():
    three, five = (
        encoders.build_encoder(LITE0, weights="imagenet", in_channels=n).get_parameter("model.conv_stem.weight")
        for n in (3, 5)
    )
    assert torch.allclose(five, three[:, [0, 1, 2, 0, 1]] * 3 / 5)


@needs_package(LITE0)
@needs_package(LITE2)
def test_weights_of_another_encoder_are_one_clear_line():
    file = imagenet.installed_weights(LITE0)
    with pytest.raises(ModelError, match=f"these are not the weights of {LITE2}$"):
        encoders.build_encoder(LITE2, weights=file, in_channels=3)


def test_without_the_package_the_error_names_it(monkeypatch, tmp_path):
    def unreachable(*_args, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(imagenet, "find_spec", lambda _: None)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr(pretrained, "getproxies", dict)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"pip install 'seaice\[pretrained\]'") as caught:
        encoders.build_encoder(LITE0, weights="imagenet", in_channels=3)
    assert "\n" not in str(caught.value)


def test_other_encoders_and_other_files_are_left_alone(tmp_path):
    assert imagenet.installed_weights("resnet18") is None
    tensors = {"conv1.weight": np.zeros(3)}
    assert imagenet.as_timm_names("resnet18", tensors, tmp_path) is tensors
    assert imagenet.as_timm_names(LITE0, tensors, tmp_path) is tensors
