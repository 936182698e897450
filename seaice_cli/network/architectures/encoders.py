"""Encoders by name, without the stages that nothing reads."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn

from seaice_cli.errors import ModelError
from seaice_cli.network.imagenet import as_timm_names, installed_weights
from seaice_cli.network.pretrained import building, read_tensors, set_weights, weights_file


class Encoder(Protocol):
    """What all encoders of segmentation_models_pytorch have."""

    out_channels: Sequence[int]
    """Channels of the features, from the image itself to the coarsest."""
    output_stride: int
    """Pixels of the image that a pixel of the coarsest features covers, along an axis."""

    def __call__(self, image: Tensor) -> list[Tensor]:
        """Return the features of images (N, bands, H, W), at 1, 1/2, 1/4 ... of their size."""


def build_encoder(
    name: str,
    *,
    weights: str | Path | None,
    in_channels: int,
    depth: int = 5,
    output_stride: int = 32,
    **options: Any,
) -> nn.Module:
    """Return an encoder, see `Encoder`.

    Args:
        name: A name of segmentation_models_pytorch, or `tu-` and a name of timm.
        weights: None, the name of published weights, or a file.
        in_channels: Number of bands.
        depth: Number of times the size is halved.
        output_stride: 8 or 16 to dilate the last stages instead of halving further.
        options: What an encoder of timm takes besides.

    Raises:
        ModelError: The encoder, the weights or the options are unknown or do not fit together.
    """
    check_name(name)
    file, published = find_weights(name, weights)
    with building(f"encoder {name}", published=published):
        encoder: nn.Module = smp.encoders.get_encoder(
            name,
            in_channels=in_channels,
            depth=depth,
            weights=hub_argument(name, published),
            output_stride=output_stride,
            **options,
        )
        if file is not None:
            load_encoder(encoder, name, file)
        leave_out_unused(encoder, in_channels)
    return encoder


def dilate(encoder: nn.Module, stages: Mapping[str, int]) -> None:
    """Spread the kernels of some stages of an encoder, so that they see farther; sizes and weights stay.

    Args:
        encoder: A residual network; changed in place.
        stages: The dilation by the name of the stage, such as `layer4`.

    Raises:
        ModelError: The encoder has no such stages.
    """
    for stage, rate in stages.items():
        found = [module for path, module in encoder.named_modules() if path.rpartition(".")[2] == stage]
        if not found:
            raise ModelError(f"the encoder has no stage {stage} that could be dilated; take a residual network")
        for conv in (m for module in found for m in module.modules() if isinstance(m, nn.Conv2d)):
            if conv.kernel_size == (3, 3):
                conv.dilation = conv.padding = (rate, rate)


def channels(encoder: nn.Module) -> list[int]:
    """Return the numbers of channels of an encoder's features, from the image itself to the coarsest."""
    return list(cast(Encoder, encoder).out_channels)


def stride(encoder: nn.Module) -> int:
    """Return what heights and widths must be multiples of for an encoder."""
    return int(cast(Encoder, encoder).output_stride)


def find_weights(encoder: str, weights: str | Path | None) -> tuple[Path | None, str | None]:
    """Return the file that holds the weights of an encoder, or the name of published weights to download; both None for random ones."""
    if weights is None or weights == "none":
        return None, None
    file = weights_file(weights) or (installed_weights(encoder) if weights == "imagenet" else None)
    return file, None if file else str(weights)


def load_encoder(encoder: nn.Module, name: str, file: Path) -> None:
    """Set the weights of an encoder of that name from a file, as far as they fit.

    Raises:
        ModelError: The file cannot be read, holds more than tensors, or those of another encoder.
    """
    set_weights(encoder, as_timm_names(name, read_tensors(file), file), file)


def hub_argument(encoder: str, published: str | None) -> str | bool | None:
    """Return what the library wants to hear: encoders of timm carry the name of the weights in their own name."""
    return True if published is not None and is_timm(encoder) else published


def check_name(name: str) -> None:
    """Let only names of encoders pass; an address or a path is none.

    Raises:
        ModelError: There is no such encoder; the text names the nearest ones.
    """
    if is_timm(name):
        known: list[str] = timm.list_models()
        bare = name.removeprefix("tu-").removeprefix("timm-").partition(".")[0]
        if name.startswith("timm-") or bare in known:
            return
        near = [f"tu-{n}" for n in difflib.get_close_matches(bare, known, n=3)]
    else:
        known = list(smp.encoders.get_encoder_names())
        if name in known:
            return
        near = difflib.get_close_matches(name, [*known, *(f"tu-{n}" for n in timm.list_models())], n=3)
    nearest = f"; near: {', '.join(near)}" if near else ""
    raise ModelError(
        f"unknown encoder {name!r}{nearest}; take a name of segmentation_models_pytorch, or tu- and a name of timm"
    )


class PassThrough(nn.Module):
    """Replaces a stage whose output nothing reads; returns its input."""

    def forward(self, features: Tensor, *_: Any, **__: Any) -> Tensor:
        """Return the features as they came."""
        return features


def leave_out_unused(encoder: nn.Module, in_channels: int, size: int = 64) -> None:
    """Remove what no feature depends on, from memory, from files and from the computation.

    With a smaller depth several encoders keep their last stages, and some even compute them and throw the result away;
    most keep the layers of their classifier. What nothing depends on is found by the derivative. Where the encoder
    gives other features without it, or fails, it is put back.
    """
    was_training = encoder.training
    encoder.eval()
    image = torch.rand(1, in_channels, size, size, generator=torch.Generator().manual_seed(0))
    with torch.enable_grad():
        before = _features(encoder, image)
        used = _used_parameters(encoder, before)
    removed = [place for place in _with_weights(encoder) if not used & {id(p) for p in place[2].parameters()}]
    for parent, name, _ in removed:
        setattr(parent, name, PassThrough())
    if removed and not _same(before, _try(lambda: _features(encoder, image))):
        for parent, name, module in removed:
            setattr(parent, name, module)
    encoder.train(was_training)


def is_timm(name: str) -> bool:
    """Return whether the library takes an encoder of that name from timm."""
    rewritten = ("timm-regnet", "timm-res2", "timm-resnest", "timm-mobilenetv3", "timm-gernet")
    return name.startswith(("tu-", *rewritten))


def _features(encoder: nn.Module, image: Tensor) -> list[Tensor]:
    features = encoder(image)
    if isinstance(features, tuple):  # of a vision transformer: maps, and tokens that stand for the whole image
        maps, tokens = features
        return [f for f in (*maps, *tokens) if f is not None]
    return [f for f in features if f.numel()]


def _used_parameters(encoder: nn.Module, features: Sequence[Tensor]) -> set[int]:
    parameters = [p for p in encoder.parameters() if p.requires_grad]
    total = torch.stack([f.sum() for f in features if f.requires_grad]).sum()
    slopes = torch.autograd.grad(total, parameters, allow_unused=True)
    return {id(p) for p, slope in zip(parameters, slopes, strict=True) if slope is not None}


def _with_weights(encoder: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """Return all modules with weights as (parent, name, module)."""
    return [
        (parent, name, child)
        for parent in encoder.modules()
        for name, child in parent.named_children()
        if next(child.parameters(), None) is not None
    ]


def _same(before: Sequence[Tensor], after: Sequence[Tensor] | None) -> bool:
    alike = _of_one_shape if any(feature.is_meta for feature in before) else torch.equal
    return after is not None and len(before) == len(after) and all(map(alike, before, after))


def _of_one_shape(one: Tensor, other: Tensor) -> bool:
    """Stand in for equality where a network is outlined on torch's meta device, which holds no values."""
    return one.shape == other.shape


def _try(function: Callable[[], list[Tensor]]) -> list[Tensor] | None:
    try:
        return function()
    except (RuntimeError, TypeError, ValueError, AttributeError, AssertionError):
        return None
