"""The fully convolutional network: one head on the last stage of a dilated encoder.

Long, J., Shelhamer, E., Darrell, T.: Fully Convolutional Networks for Semantic Segmentation, CVPR 2015; with the dilated
encoder and the auxiliary head that its later implementations have.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from seaice_cli.network.architectures import encoders
from seaice_cli.network.architectures.heads import FcnHead
from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.network.architectures.segmenter import Segmenter, enlarge


class FcnSegmenter(Segmenter):
    """Encoder and head, and an auxiliary head on the last stage but one while training."""

    training_only = ("auxiliary_head.",)

    def __init__(self, encoder: nn.Module, *, classes: int, auxiliary: float) -> None:
        """Put the heads onto an encoder; see `build`."""
        super().__init__(encoders.stride(encoder))
        self.encoder = encoder
        *_, before, last = encoders.channels(encoder)
        self.segmentation_head = FcnHead(last, classes)
        self.auxiliary = auxiliary
        if auxiliary:
            self.auxiliary_head = FcnHead(before, classes)

    def segment(self, image: Tensor) -> Outputs:
        """Return the logits, and in training mode those of the auxiliary head, all in the size of the image."""
        *_, before, last = self.encoder(image)
        logits = enlarge(self.segmentation_head(last), image.shape[-2:])
        if not (self.training and self.auxiliary):
            return Outputs(logits)
        extra = enlarge(self.auxiliary_head(before), image.shape[-2:])
        return Outputs(logits, auxiliary=((extra, self.auxiliary),))


def build(
    *,
    encoder: str,
    encoder_weights: str | Path | None,
    in_channels: int,
    classes: int,
    encoder_depth: int = 5,
    output_stride: int = 8,
    auxiliary: float = 0.4,
) -> FcnSegmenter:
    """Return the network.

    Args:
        encoder: A name of segmentation_models_pytorch, or `tu-` and a name of timm.
        encoder_weights: None, the name of published weights, or a file.
        in_channels: Number of bands.
        classes: Number of classes.
        encoder_depth: Stages of the encoder that are used.
        output_stride: 8 or 16 to dilate the encoder, 32 to leave it as it is.
        auxiliary: Weight of the loss of the auxiliary head; 0 for none.

    Raises:
        ModelError: Something is unknown, or does not fit together.
    """
    body = encoders.build_encoder(
        encoder, weights=encoder_weights, in_channels=in_channels, depth=encoder_depth, output_stride=output_stride
    )
    return FcnSegmenter(body, classes=classes, auxiliary=auxiliary)
