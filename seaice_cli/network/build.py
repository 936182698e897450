"""From a specification to a network, and from a model directory to a network with its weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import nn

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures import find_builder
from seaice_cli.network.architectures.segmenter import load_state
from seaice_cli.network.catalog import Model
from seaice_cli.network.detail_branch import DetailNetwork
from seaice_cli.network.pretrained import read_tensors
from seaice_cli.network.spec import WEIGHTS_FILE, ModelSpec
from seaice_cli.network.weight_shapes import Shapes, read_shapes, refuse_larger, shapes_of

DETAIL = "detail"
"""The option of a spec that adds the full-resolution branch: how many channels it has."""
DETAIL_FEATURES = "detail_features"
"""How many channels the network then yields instead of logits."""


class SceneNetwork(nn.Module):
    """Scene values in, probabilities out: what an engine runs and what `network.onnx` holds."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, spec: ModelSpec) -> None:
        """Put the normalisation of `spec` before `network`, its temperature and the softmax behind."""
        super().__init__()
        self.network = network
        self.temperature = spec.temperature
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(spec.std).view(1, -1, 1, 1))

    def forward(self, scene: torch.Tensor) -> torch.Tensor:
        """Return float32 probabilities (N, classes, H, W) of scenes (N, bands, H, W) in scene units."""
        normalised = (scene.to(torch.float32) - self.mean) / self.std
        return torch.softmax(self.network(normalised).to(torch.float32) / self.temperature, dim=1)


def build_network(spec: ModelSpec, *, encoder_weights: str | Path | None = None) -> nn.Module:
    """Return the network of a specification: normalised scenes (N, bands, H, W) in, logits of the same size out.

    In training mode it may return `architectures.outputs.Outputs`. The weights are random unless `encoder_weights`
    says otherwise.

    Args:
        spec: Architecture, encoder, options, bands and classes.
        encoder_weights: The name of published weights, such as "imagenet", which are downloaded; a file with weights
            of the encoder; or None, which never touches the network.

    Raises:
        ModelError: No such architecture, encoder, option or weights, or they do not fit together.
    """
    options = dict(spec.options)
    detail, features = (_channels(options.pop(name, number)) for name, number in ((DETAIL, 0), (DETAIL_FEATURES, 16)))
    with torch.enable_grad():  # builders look at derivatives to see what is unused
        network = find_builder(spec.architecture)(
            encoder=spec.encoder,
            encoder_weights=encoder_weights,
            in_channels=len(spec.bands),
            classes=features if detail else len(spec.classes),
            **options,
        )
    needed = int(getattr(network, "stride", 1))
    if spec.stride % needed:
        raise ModelError(
            f"model {spec.name!r}: stride must be a multiple of {needed}, which {spec.architecture} needs, "
            f"not {spec.stride}"
        )
    if not detail:
        return network
    return DetailNetwork(network, bands=len(spec.bands), features=features, detail=detail, classes=len(spec.classes))


def _channels(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 4096:
        raise ModelError(f"{DETAIL} and {DETAIL_FEATURES} are numbers of channels, not {value!r}")
    return value


def load_network(model: Model) -> nn.Module:
    """Return the network of a model directory with its weights, in evaluation mode, on the CPU.

    Before anything is allocated the header of the file is read, and a network that would take far more than the file is refused.

    Raises:
        ModelError: The weights are missing, damaged, or not those of the network that the spec describes.
    """
    path = model.file(WEIGHTS_FILE)
    there = read_shapes(path)
    refuse_larger(lambda: build_network(_of_three_bands(model.spec)), there, path)
    network = build_network(model.spec)
    _refuse_others(shapes_of(network), there, path)
    load_state(network, read_tensors(path))
    return network.eval()


def _of_three_bands(spec: ModelSpec) -> ModelSpec:
    """Return a specification of about the same size that can be outlined: the library makes other first layers by a way of its own."""
    return dataclasses.replace(spec, bands=("red", "green", "blue"), mean=spec.mean[:1] * 3, std=spec.std[:1] * 3)


def _refuse_others(own: Shapes, there: Shapes, path: Path) -> None:
    missing, unknown = sorted(own.keys() - there.keys()), sorted(there.keys() - own.keys())
    wrong = sorted(name for name in own.keys() & there.keys() if own[name] != there[name])
    for what, names in (("lacks", missing), ("has, though it is unknown,", unknown), ("has another size for", wrong)):
        if names:
            more = f" and {len(names) - 1} more" if names[1:] else ""
            raise ModelError(
                f"{path}: {what} {names[0]}{more}; these are not the weights of the network that model.json describes"
            )
