"""Stacked hourglasses: down to a coarse map and up again, several times, each with a head of its own.

Newell, A., Yang, K., Deng, J.: Stacked Hourglass Networks for Human Pose Estimation, ECCV 2016, with class logits in
the place of heat maps.
"""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.network.architectures.segmenter import Segmenter, enlarge


class HourglassSegmenter(Segmenter):
    """A stem down to a quarter of the size, and hourglasses that each correct the one before."""

    def __init__(self, *, in_channels: int, classes: int, stacks: int, channels: int, depth: int) -> None:
        """Set the numbers of bands, classes, hourglasses, channels, and of halvings in an hourglass."""
        super().__init__(4 * 2**depth)
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, channels // 4, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(channels // 4),
            nn.ReLU(inplace=True),
            Residual(channels // 4, channels // 2),
            nn.MaxPool2d(2),
            Residual(channels // 2, channels // 2),
            Residual(channels // 2, channels),
        )
        self.hourglasses = nn.ModuleList(Hourglass(channels, depth) for _ in range(stacks))
        self.necks = nn.ModuleList(_neck(channels) for _ in range(stacks))
        self.heads = nn.ModuleList(nn.Conv2d(channels, classes, 1) for _ in range(stacks))
        self.returns = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(stacks - 1))
        self.corrections = nn.ModuleList(nn.Conv2d(classes, channels, 1) for _ in range(stacks - 1))

    def segment(self, image: Tensor) -> Outputs:
        """Return the logits of the last hourglass, and in training mode those of the others, with the same weight."""
        features = self.stem(image)
        logits = []
        for i, (hourglass, neck, head) in enumerate(zip(self.hourglasses, self.necks, self.heads, strict=True)):
            seen = neck(hourglass(features))
            logits.append(head(seen))
            if i < len(self.returns):
                features = features + self.returns[i](seen) + self.corrections[i](logits[-1])
        *others, last = logits
        size = image.shape[-2:]
        extra = tuple((enlarge(other, size), 1.0) for other in others) if self.training else ()
        return Outputs(enlarge(last, size), auxiliary=extra)


class Hourglass(nn.Module):
    """Half the size, an hourglass or at the bottom a residual unit, the size again; and a way around."""

    def __init__(self, channels: int, depth: int) -> None:
        """Set the number of channels and of halvings."""
        super().__init__()
        self.around = Residual(channels, channels)
        self.down = Residual(channels, channels)
        self.inner = Hourglass(channels, depth - 1) if depth > 1 else Residual(channels, channels)
        self.up = Residual(channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, channels, h, w) for the same."""
        low = self.up(self.inner(self.down(F.max_pool2d(features, 2))))
        summed: Tensor = self.around(features) + F.interpolate(low, size=features.shape[-2:], mode="nearest")
        return summed


class Residual(nn.Module):
    """Normalise, activate, convolve, three times with half the channels in the middle; and a way around."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Set the numbers of channels."""
        super().__init__()
        middle = outputs // 2
        self.branch = nn.Sequential(*_step(inputs, middle, 1), *_step(middle, middle, 3), *_step(middle, outputs, 1))
        self.around = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, outputs, h, w) for (N, inputs, h, w)."""
        summed: Tensor = self.branch(features) + self.around(features)
        return summed


def build(
    *,
    encoder: str,
    encoder_weights: str | Path | None,
    in_channels: int,
    classes: int,
    stacks: int = 2,
    channels: int = 256,
    depth: int = 4,
) -> HourglassSegmenter:
    """Return the network, which has no encoder that could be exchanged and no published weights.

    Args:
        encoder: "none".
        encoder_weights: None.
        in_channels: Number of bands.
        classes: Number of classes.
        stacks: Number of hourglasses.
        channels: Number of channels, a multiple of 4.
        depth: Number of halvings in an hourglass, after a quarter of the size.

    Raises:
        ModelError: An encoder or weights are named, or a number is out of bounds.
    """
    if encoder not in {"", "none", "hourglass"} or encoder_weights not in {None, "none"}:
        raise ModelError("hourglass: has no encoder of its own and no published weights; give none for both")
    if stacks < 1 or channels < 4 or channels % 4 or not 1 <= depth <= 6:
        raise ModelError("hourglass: needs stacks of 1 or more, channels in multiples of 4, depth from 1 to 6")
    return HourglassSegmenter(in_channels=in_channels, classes=classes, stacks=stacks, channels=channels, depth=depth)


def _neck(channels: int) -> nn.Sequential:
    return nn.Sequential(
        Residual(channels, channels),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _step(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    return nn.BatchNorm2d(inputs), nn.ReLU(), convolution
