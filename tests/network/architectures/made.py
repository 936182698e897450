"""Small networks of every architecture, made once."""

from __future__ import annotations

import copy
from functools import cache

import torch
from torch import nn

from seaice_cli.network.architectures import ARCHITECTURES

TINY = "tu-test_resnet.r160_in1k"
ENCODERS = {"dpt": "tu-test_vit.r160_in1k", "hourglass": "none", "hrnet": "tu-hrnet_w18_small"}
_PYRAMID = {"decoder_pyramid_channels": 32, "decoder_segmentation_channels": 32}
_WIDTHS = {"decoder_channels": (64, 32, 16, 16, 8)}
OPTIONS = {
    "deeplabv3": {"decoder_channels": 32},
    "deeplabv3plus": {"decoder_channels": 32},
    "dpt": {"decoder_intermediate_channels": (16, 16, 16, 16), "decoder_fusion_channels": 16},
    "fpn": _PYRAMID,
    "hourglass": {"channels": 32, "depth": 2},
    "manet": _WIDTHS,
    "pointflow": {"width": 32, "match": 8},
    "pointrend": _PYRAMID,
    "pspnet": {"psp_out_channels": 32, "output_stride": 8, "auxiliary": 0.4},
    "segformer": {"decoder_segmentation_channels": 32},
    "unet": _WIDTHS,
    "unetplusplus": _WIDTHS,
    "upernet": {"decoder_channels": 32},
}
NAMES = sorted(ARCHITECTURES)


def build(name: str, *, bands: int = 3, classes: int = 3, encoder: str | None = None, **options) -> nn.Module:
    """Return a network with random weights that are the same each time."""
    torch.manual_seed(0)
    return ARCHITECTURES[name](
        encoder=encoder or ENCODERS.get(name, TINY),
        encoder_weights=None,
        in_channels=bands,
        classes=classes,
        **options,
    )


def tiny(name: str) -> nn.Module:
    """Return a copy of a small network with four bands and three classes."""
    return copy.deepcopy(_tiny(name))


def scene(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return normal noise of that shape."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@cache
def _tiny(name: str) -> nn.Module:
    return build(name, bands=4, **OPTIONS.get(name, {}))
