"""HRNetV2: the branches of a high-resolution network, enlarged to the finest, side by side under one head.

Wang, J. et al.: Deep High-Resolution Representation Learning for Visual Recognition, TPAMI 43, 3349-3364, 2021.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures import encoders
from seaice_cli.network.architectures.heads import ConvNorm
from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.network.architectures.segmenter import Segmenter, enlarge


class HrnetSegmenter(Segmenter):
    """Encoder and the head over all its branches from a quarter of the size downwards."""

    def __init__(self, encoder: nn.Module, *, classes: int) -> None:
        """Put the head onto an encoder; see `build`."""
        super().__init__(encoders.stride(encoder))
        self.encoder = encoder
        width = sum(encoders.channels(encoder)[2:])
        self.segmentation_head = nn.Sequential(ConvNorm(width, width), nn.Conv2d(width, classes, 1))

    def segment(self, image: Tensor) -> Outputs:
        """Return the logits."""
        finest, *coarser = self.encoder(image)[2:]
        size = finest.shape[-2:]
        branches = torch.cat((finest, *(enlarge(branch, size) for branch in coarser)), dim=1)
        return Outputs(enlarge(self.segmentation_head(branches), image.shape[-2:]))


def build(*, encoder: str, encoder_weights: str | Path | None, in_channels: int, classes: int) -> HrnetSegmenter:
    """Return the network.

    Args:
        encoder: `tu-hrnet_w18` to `tu-hrnet_w64`, whose branches are taken before timm widens them for its
            classifier; or any encoder with features at 1/4 to 1/32 of the size.
        encoder_weights: None, the name of published weights, or a file.
        in_channels: Number of bands.
        classes: Number of classes.

    Raises:
        ModelError: Something is unknown, or does not fit together.
    """
    branches: dict[str, Any] = {"feature_location": ""} if encoder.startswith("tu-hrnet") else {}
    body = encoders.build_encoder(encoder, weights=encoder_weights, in_channels=in_channels, **branches)
    if len(encoders.channels(body)) < 4:
        raise ModelError(f"hrnet: encoder {encoder} has too few stages")
    return HrnetSegmenter(body, classes=classes)
