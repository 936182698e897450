"""Every architecture by name: those of segmentation_models_pytorch, mended, and ours, written from their descriptions.

The table is light: an architecture's module, and torch with it, is imported when the architecture is built.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from seaice_cli.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


class Builder(Protocol):
    """Builds a network: normalised scenes (N, in_channels, H, W) in, logits (N, classes, H, W) of the same size out.

    In training mode the network may return `outputs.Outputs`, which hold more for the loss than the logits.
    """

    def __call__(
        self, *, encoder: str, encoder_weights: str | Path | None, in_channels: int, classes: int, **options: Any
    ) -> nn.Module:
        """Return the network; its attribute `stride` is what heights and widths are multiples of inside.

        Args:
            encoder: A name of segmentation_models_pytorch, or `tu-` and a name of timm.
            encoder_weights: None for random weights, which never touches the network; the name of published weights,
                such as "imagenet"; or a file of weights.
            in_channels: Number of bands.
            classes: Number of classes.
            options: What else the architecture takes.

        Raises:
            ModelError: The encoder, the weights or the options are unknown or do not fit together.
        """


@dataclass(frozen=True, slots=True)
class Architecture:
    """A `Builder` that imports its module when it is called."""

    module: str
    """A module beside this one with a function `build`."""
    fixed: Mapping[str, Any] | None = None
    """Arguments of `build` that this name stands for."""

    def __call__(
        self, *, encoder: str, encoder_weights: str | Path | None, in_channels: int, classes: int, **options: Any
    ) -> nn.Module:
        """Return the network, see `Builder`."""
        build = import_module(f"{__name__}.{self.module}").build
        arguments = {
            "encoder": encoder,
            "encoder_weights": encoder_weights,
            "in_channels": in_channels,
            "classes": classes,
        }
        try:
            bound = inspect.signature(build).bind(**arguments, **options, **(self.fixed or {}))
        except TypeError as error:
            known = set(inspect.signature(build).parameters) - set(arguments) - set(self.fixed or {}) - {"more"}
            raise ModelError(f"{self.module}: {error}; its options are {', '.join(sorted(known))}") from error
        network: nn.Module = build(*bound.args, **bound.kwargs)
        return network


def _library(architecture: str) -> Architecture:
    return Architecture("library", {"architecture": architecture})


ARCHITECTURES: Mapping[str, Architecture] = {
    "deeplabv3": _library("deeplabv3"),
    "deeplabv3plus": _library("deeplabv3plus"),
    "dpt": _library("dpt"),
    "fcn": Architecture("fcn"),
    "fpn": _library("fpn"),
    "hourglass": Architecture("hourglass"),
    "hrnet": Architecture("hrnet"),
    "kang": Architecture("kang"),
    "linknet": _library("linknet"),
    "manet": _library("manet"),
    "pan": _library("pan"),
    "pointflow": Architecture("pointflow"),
    "pointrend": Architecture("pointrend"),
    "pspnet": _library("pspnet"),
    "segformer": _library("segformer"),
    "unet": _library("unet"),
    "unetplusplus": _library("unetplusplus"),
    "upernet": _library("upernet"),
}
"""The builders by name, each a `Builder`; a name is what `--arch` and `model.json` say."""


def find_builder(architecture: str) -> Architecture:
    """Return the builder of that name.

    Raises:
        ModelError: There is none; the text lists the known names.
    """
    if architecture not in ARCHITECTURES:
        raise ModelError(f"unknown architecture {architecture!r}; known: {', '.join(sorted(ARCHITECTURES))}")
    return ARCHITECTURES[architecture]
