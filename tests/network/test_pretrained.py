"""Weights of encoders: files, published names, no network."""

import socket

import pytest
import torch
from safetensors.torch import save_file

from seaice_cli.errors import ModelError
from seaice_cli.network import pretrained
from seaice_cli.network.architectures import ARCHITECTURES, encoders
from tests.network.architectures.made import NAMES, TINY, build


def encoder(name="resnet18", bands=3, seed=0, file=None):
    torch.manual_seed(seed)
    return encoders.build_encoder(name, weights=file, in_channels=bands)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def same(one, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("name", NAMES)
def test_without_weights_the_network_is_never_touched(name, no_network):
    build(name, **({"channels": 8} if name == "hourglass" else {}))


@pytest.mark.parametrize("wrap", [dict, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": s}])
@pytest.mark.parametrize("prefix", ["", "module.", "encoder.", "backbone.", "module.encoder."])
def test_torch_files_load_whatever_they_are_wrapped_in(tmp_path, wrap, prefix):
    trained = encoder(seed=1)
    torch.save(wrap({prefix + name: value for name, value in trained.state_dict().items()}), tmp_path / "w.pt")
    assert same(encoder(file=tmp_path / "w.pt"), trained)


@pytest.mark.parametrize("name", ["resnet18", TINY, "timm-tf_efficientnet_lite0", "tu-resnest14d"])
def test_safetensors_load_into_encoders_of_both_libraries(tmp_path, name):
    trained = encoder(name, seed=1)
    state = {n.removeprefix("model."): v.contiguous() for n, v in trained.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    assert same(encoder(name, file=str(tmp_path / "w.safetensors")), trained)


@pytest.mark.parametrize("bands", [1, 2, 4, 6])
def test_a_stem_of_three_bands_is_adapted_to_any_number(tmp_path, bands):
    trained = encoder(seed=1)
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    loaded = encoder(bands=bands, file=tmp_path / "w.pt").conv1.weight.detach()
    assert loaded.shape == (64, bands, 7, 7)
    for band in range(bands):
        expected = trained.conv1.weight[:, band % 3] * 3 / bands
        assert bands == 1 or torch.allclose(loaded[:, band], expected)
    if bands in (1, 6):  # grey scenes look the same
        assert torch.allclose(loaded.sum(1), trained.conv1.weight.sum(1), atol=1e-6)


def test_the_report_names_what_was_skipped_and_what_is_missing(tmp_path, caplog):
    state = encoder(seed=1).state_dict()
    del state["layer4.1.conv2.weight"]
    state["layer1.0.conv1.weight"] = torch.zeros(2, 2)
    state["fc.weight"] = torch.zeros(10, 512)
    torch.save(state, tmp_path / "w.pt")
    report = pretrained.load_weights(encoder(), tmp_path / "w.pt")
    assert report.missing == ("layer1.0.conv1.weight", "layer4.1.conv2.weight")
    assert report.skipped == ("layer1.0.conv1.weight", "fc.weight")
    assert "layer4.1.conv2.weight" in caplog.text
    assert "fc.weight" in caplog.text
    assert str(tmp_path / "w.pt") in caplog.text


def test_a_file_of_a_deeper_encoder_fits_a_shallow_one(tmp_path):
    torch.save(encoder(seed=1).state_dict(), tmp_path / "w.pt")
    shallow = encoders.build_encoder("resnet18", weights=tmp_path / "w.pt", in_channels=3, depth=3)
    assert torch.equal(shallow.layer2[0].conv1.weight, encoder(seed=1).layer2[0].conv1.weight)


@pytest.mark.parametrize("name", ["unet", "kang"])
def test_a_file_goes_into_the_encoder_of_an_architecture(tmp_path, name):
    trained = encoder(seed=1)
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    network = ARCHITECTURES[name](
        encoder="resnet18", encoder_weights=tmp_path / "w.pt", in_channels=3, classes=2, encoder_depth=5
    )
    assert torch.equal(network.encoder.layer4[1].conv2.weight, trained.layer4[1].conv2.weight)


class Malice:
    def __reduce__(self):
        return print, ("run",)


def test_a_file_that_could_run_code_is_refused(tmp_path, capsys):
    torch.save({"weight": Malice()}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="holds more than tensors"):
        pretrained.read_tensors(tmp_path / "w.pt")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("missing.pt", None, "cannot be read"),
        ("empty.pt", b"", "cannot be read|more than tensors"),
        ("damaged.safetensors", b"abc", "cannot be read"),
        ("text.pth", b"hello world", "cannot be read|more than tensors"),
    ],
)
def test_a_file_that_is_none_is_one_clear_line(tmp_path, name, content, text):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=text) as caught:
        encoder(file=tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_encoder_is_one_clear_line(tmp_path):
    torch.save({"some.weight": torch.zeros(3)}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="none of its 1 weights fits"):
        encoder(file=tmp_path / "w.pt")


def test_a_file_without_names_is_one_clear_line(tmp_path):
    torch.save([torch.zeros(3)], tmp_path / "w.pt")
    with pytest.raises(ModelError, match="holds no weights by name but a list"):
        encoder(file=tmp_path / "w.pt")


@pytest.mark.parametrize("name", ["unet", "kang"])
@pytest.mark.parametrize("encoder_name", ["resnet18", TINY])
def test_published_weights_offline_are_one_line_with_the_way_out(monkeypatch, tmp_path, name, encoder_name):
    def unreachable(*_args, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr(pretrained, "getproxies", dict)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="`encoder_weights` none, or the path of a file") as caught:
        ARCHITECTURES[name](encoder=encoder_name, encoder_weights="imagenet", in_channels=3, classes=2)
    assert encoder_name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_published_weights_list_the_known():
    with pytest.raises(ModelError, match="Wrong pretrained weights `imagnet`"):
        ARCHITECTURES["unet"](encoder="resnet18", encoder_weights="imagnet", in_channels=3, classes=2)


def test_the_hub_is_as_before_after_a_failure(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(pretrained, "_is_reachable", lambda _: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    before = constants.HF_HUB_OFFLINE
    with pytest.raises(ModelError):
        encoders.build_encoder("resnet18", weights="imagenet", in_channels=3)
    assert before == constants.HF_HUB_OFFLINE


def test_a_proxy_may_know_names_that_this_machine_does_not(monkeypatch):
    monkeypatch.setattr(pretrained, "getproxies", lambda: {"https": "http://proxy:3128"})
    assert pretrained._is_reachable("https://nowhere.invalid")


def test_names_of_weights_mean_the_same_for_both_libraries():
    assert encoders.hub_argument("resnet18", "imagenet") == "imagenet"
    assert encoders.hub_argument("tu-resnet18", "imagenet") is True
    assert encoders.hub_argument("timm-resnest50d", "imagenet") is True
    assert encoders.hub_argument("tu-resnet18", None) is None


def test_no_weights_are_neither_a_file_nor_a_name():
    assert encoders.find_weights("resnet18", "none") == (None, None)
    assert encoders.find_weights("resnet18", None) == (None, None)
    assert encoders.find_weights("resnet18", "imagenet") == (None, "imagenet")


def test_a_file_is_told_from_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pretrained.weights_file("imagenet") is None
    assert pretrained.weights_file("w.safetensors") is not None
    assert pretrained.weights_file("folder/w") is not None
    (tmp_path / "w").touch()
    assert pretrained.weights_file("w") is not None
