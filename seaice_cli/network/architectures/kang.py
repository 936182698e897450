"""The partial pretrained U-Net of Kang et al. for sea ice: the encoder's last stage is left out.

Kang, J., Tong, F., Ding, X., Li, S., Zhu, R., Huang, Y., Xu, Y., Fernandez-Beltran, R.: Decoding the Partial Pretrained
Networks for Sea-Ice Segmentation of 2021 Gaofen Challenge, IEEE JSTARS 15, 4521-4530, 2022. Its decoder is that of
Silva et al., EfficientUNet++, arXiv 2106.11447, with 5x5 instead of 3x3 convolutions and a plain U.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
from segmentation_models_pytorch.base.modules import SCSEModule
from torch import Tensor, nn

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures import encoders
from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.network.architectures.segmenter import Segmenter

_CHANNELS = (256, 128, 64, 32, 16)
EPSILON = 1e-5


class KangSegmenter(Segmenter):
    """Encoder, residual decoder, and heads on the full, the half and the quarter resolution while training."""

    training_only = ("supervision_heads.",)

    def __init__(
        self,
        encoder: nn.Module,
        *,
        classes: int,
        channels: Sequence[int],
        unit: UnitKind,
        dropout: float,
        supervision: float,
    ) -> None:
        """Put the decoder onto an encoder; see `build`."""
        super().__init__(encoders.stride(encoder))
        self.encoder = encoder
        fine_to_coarse = encoders.channels(encoder)[1:]
        skips = [*reversed(fine_to_coarse[:-1]), 0]
        widths = [fine_to_coarse[-1], *channels]
        self.decoder = nn.ModuleList(
            Up(before, skip, after, unit) for (before, after), skip in zip(pairwise(widths), skips, strict=True)
        )
        self.segmentation_head = _head(channels[-1], classes, dropout)
        self.supervision = supervision
        extra = list(reversed(channels[-3:-1])) if supervision else []
        self.supervision_heads = nn.ModuleList(_head(width, classes, dropout) for width in extra)
        initialize_decoder(self.decoder)
        for head in (self.segmentation_head, *self.supervision_heads):
            initialize_head(head)

    def segment(self, image: Tensor) -> Outputs:
        """Return the logits, and in training mode those at 1/2 and 1/4 of the size."""
        *skips, features = self.encoder(image)[1:]
        finest_last = []
        for up, skip in zip(self.decoder, [*reversed(skips), None], strict=True):
            features = up(features, skip)
            finest_last.append(features)
        logits = self.segmentation_head(features)
        if not self.training:
            return Outputs(logits)
        coarser = zip(self.supervision_heads, reversed(finest_last[:-1]), strict=False)
        return Outputs(logits, auxiliary=tuple((head(maps), self.supervision) for head, maps in coarser))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitKind:
    """How a residual unit is built: as published, or as one of the variants that the paper compares it with."""

    kernel: int
    """Size of the depthwise kernels, odd."""
    attention: bool
    """Whether scSE stands before the last convolution."""
    separable: bool
    """Whether a depthwise kernel is a column and then a row, instead of a square."""
    standardised: bool
    """Whether the weights of the convolutions are standardised."""

    def convolution(
        self, inputs: int, outputs: int, kernel: int | tuple[int, int] = 1, *, groups: int = 1
    ) -> nn.Conv2d:
        """Return a convolution that keeps height and width."""
        made = StandardisedConv if self.standardised else nn.Conv2d
        return made(inputs, outputs, kernel, padding="same", groups=groups)

    def depthwise(self, channels: int) -> nn.Module:
        """Return the convolution of every channel by itself."""
        if not self.separable:
            return self.convolution(channels, channels, self.kernel, groups=channels)
        column = self.convolution(channels, channels, (self.kernel, 1), groups=channels)
        return nn.Sequential(column, self.convolution(channels, channels, (1, self.kernel), groups=channels))


class StandardisedConv(nn.Conv2d):
    """A convolution whose weights have mean 0 and deviation 1 in every channel that goes out.

    Qiao, S. et al.: Micro-Batch Training with Batch-Channel Normalization and Weight Standardization, arXiv 1903.10520.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, outputs, h, w) for (N, inputs, h, w)."""
        centred = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        deviation = (centred.square().mean((1, 2, 3), keepdim=True) + EPSILON).sqrt()
        convolved: Tensor = self._conv_forward(maps, centred / deviation, self.bias)
        return convolved


class Up(nn.Module):
    """Twice the size, the encoder's features beside, two residual units."""

    def __init__(self, inputs: int, skip: int, outputs: int, unit: UnitKind) -> None:
        """Set the numbers of channels that come from below, from the encoder, and that go out."""
        super().__init__()
        self.units = nn.Sequential(ResidualUnit(inputs + skip, outputs, unit), ResidualUnit(outputs, outputs, unit))

    def forward(self, features: Tensor, skip: Tensor | None) -> Tensor:
        """Return (N, outputs, 2h, 2w) for features (N, inputs, h, w)."""
        features = F.interpolate(features, scale_factor=2.0, mode="nearest")
        joined = features if skip is None else torch.cat((features, skip), dim=1)
        units: Tensor = self.units(joined)
        return units


class ResidualUnit(nn.Module):
    """Pointwise, depthwise and pointwise convolution with attention before the last, and a way around them."""

    def __init__(self, inputs: int, outputs: int, kind: UnitKind) -> None:
        """Set the numbers of channels and how the unit is built."""
        super().__init__()
        self.branch = nn.Sequential(
            kind.convolution(inputs, inputs),
            nn.BatchNorm2d(inputs),
            nn.Hardswish(inplace=True),
            kind.depthwise(inputs),
            nn.BatchNorm2d(inputs),
            nn.Hardswish(inplace=True),
            SCSEModule(inputs, reduction=1) if kind.attention else nn.Identity(),
            kind.convolution(inputs, outputs),
            nn.BatchNorm2d(outputs),
        )
        around: list[nn.Module] = [kind.convolution(inputs, outputs), nn.BatchNorm2d(outputs)]
        self.around = nn.Identity() if inputs == outputs else nn.Sequential(*around)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, outputs, h, w) for (N, inputs, h, w)."""
        summed: Tensor = self.branch(features) + self.around(features)
        return summed


def build(  # noqa: PLR0913 - one argument per option of model.json
    *,
    encoder: str,
    encoder_weights: str | Path | None,
    in_channels: int,
    classes: int,
    encoder_depth: int = 4,
    decoder_channels: Sequence[int] | None = None,
    kernel: int = 5,
    attention: str | None = "scse",
    separable: bool = False,
    standardised: bool = False,
    dropout: float = 0.0,
    supervision: float = 0.5,
) -> KangSegmenter:
    """Return the network; lite3 and lite4 of the paper are the encoders `timm-tf_efficientnet_lite3` and `..._lite4`.

    Args:
        encoder: A name of segmentation_models_pytorch, or `tu-` and a name of timm, with features at half the size.
        encoder_weights: None, the name of published weights, or a file.
        in_channels: Number of bands.
        classes: Number of classes.
        encoder_depth: Stages of the encoder that are used, 3 to 5; the paper's point is 4.
        decoder_channels: One number per stage; by default the last ones of 256, 128, 64, 32, 16.
        kernel: Size of the depthwise kernels, odd.
        attention: "scse" or None.
        separable: Whether a depthwise kernel is a column and then a row, instead of a square.
        standardised: Whether the weights of the decoder's convolutions are standardised.
        dropout: Share of channels left out before the heads in training.
        supervision: Weight of the losses at 1/2 and 1/4 of the size; 0 for none.

    Raises:
        ModelError: Something is unknown, or does not fit together.
    """
    widths = tuple(decoder_channels or _CHANNELS[-encoder_depth:])
    if not 3 <= encoder_depth <= 5 or len(widths) != encoder_depth:
        raise ModelError("kang: encoder_depth must be 3, 4 or 5, with one number in decoder_channels for each")
    if kernel % 2 == 0 or attention not in {None, "scse"}:
        raise ModelError("kang: kernel must be odd, attention scse or none")
    body = encoders.build_encoder(encoder, weights=encoder_weights, in_channels=in_channels, depth=encoder_depth)
    if 0 in encoders.channels(body):
        raise ModelError(f"kang: encoder {encoder} has no features at half the size; take a convolutional one")
    return KangSegmenter(
        body,
        classes=classes,
        channels=widths,
        unit=UnitKind(kernel=kernel, attention=attention is not None, separable=separable, standardised=standardised),
        dropout=dropout,
        supervision=supervision,
    )


def _head(inputs: int, classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(inputs, classes, 3, padding=1))
