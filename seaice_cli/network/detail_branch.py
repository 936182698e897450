"""A branch that keeps every pixel, beside any network that works on coarser features.

The decoders of the libraries end by enlarging features of half the resolution or less, so that a class cannot follow
an edge of one pixel's width. Leads, brash and the rims of floes are just that. Here the network yields features instead
of logits; they meet a few features of the scene in full resolution, and one more convolution makes logits of both.
"""

from __future__ import annotations

import torch
from torch import nn

from seaice_cli.network.architectures.outputs import Outputs


class DetailNetwork(nn.Module):
    """A network and its full-resolution branch."""

    def __init__(self, body: nn.Module, *, bands: int, features: int, detail: int, classes: int) -> None:
        """Join `body`, which gives `features` channels of the input's size, and `detail` channels of the scene."""
        super().__init__()
        self.body = body
        self.stem = nn.Sequential(nn.Conv2d(bands, detail, 3, padding=1, bias=False), nn.BatchNorm2d(detail), nn.ReLU())
        self.join = nn.Sequential(
            nn.Conv2d(features + detail, detail, 3, padding=1, bias=False), nn.BatchNorm2d(detail), nn.ReLU()
        )
        self.head = nn.Conv2d(detail, classes, 1)

    def forward(self, scene: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes, H, W) of normalised scenes (N, bands, H, W)."""
        features = self.body(scene)
        if isinstance(features, Outputs):
            features = features.logits
        logits: torch.Tensor = self.head(self.join(torch.cat((features, self.stem(scene)), dim=1)))
        return logits
