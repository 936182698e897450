"""Heads and blocks that several architectures share."""

from __future__ import annotations

from torch import nn

from seaice_cli.network.architectures.pooling import PooledNorm


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch normalisation, and ReLU unless `activate` is off."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, activate: bool = True) -> None:
        """Set the numbers of channels and the size of the kernel, which keeps height and width at stride 1."""
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
            PooledNorm(outputs),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if activate else []))


class FcnHead(nn.Sequential):
    """3x3 convolution to a quarter of the channels, dropout 0.1, 1x1 convolution to the classes.

    The head of the fully convolutional network, and as an auxiliary head on the last stage but one the one that PSPNet
    was trained with.
    """

    def __init__(self, inputs: int, classes: int) -> None:
        """Set the numbers of channels that come in and of classes that go out."""
        middle = max(inputs // 4, 1)
        super().__init__(ConvNorm(inputs, middle, 3), nn.Dropout(0.1), nn.Conv2d(middle, classes, 1))
