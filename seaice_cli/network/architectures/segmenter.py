"""The frame all architectures share: pads what comes in, crops what goes out, hides the extras in evaluation mode."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seaice_cli.network.architectures.outputs import Outputs


class Segmenter(nn.Module):
    """A network for scenes of any height and width.

    Subclasses write `segment`, for heights and widths that are multiples of `stride`. A graph that is exported or
    compiled has neither padding nor cropping in it: whoever runs it promises multiples of `stride`.
    """

    training_only: tuple[str, ...] = ()
    """Beginnings of the names of weights that only training uses."""

    def __init__(self, stride: int) -> None:
        """Set what heights and widths are padded to a multiple of."""
        super().__init__()
        self.stride = stride

    def segment(self, image: Tensor) -> Outputs:
        """Return logits of the size of `image`, and in training mode the extras."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> Tensor | Outputs:
        """Return logits (N, classes, H, W) of normalised scenes (N, bands, H, W); in training mode maybe `Outputs`."""
        if is_exporting():
            outputs = self.segment(image)
        else:
            height, width = image.shape[-2:]
            outputs = _crop(self.segment(pad_to_multiple(image, self.stride)), height, width)
        return outputs if self.training and outputs.has_more else outputs.logits


def is_exporting() -> bool:
    """Return whether a graph is being recorded, in which sizes must not decide the way."""
    return torch.compiler.is_compiling()


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last rows and columns until height and width are multiples; works on images of any size."""
    height, width = image.shape[-2:]
    down, right = -height % multiple, -width % multiple
    return F.pad(image, (0, right, 0, down), mode="replicate") if down or right else image


def enlarge(logits: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Return maps (N, C, h, w) in another size (H, W), linearly between the centres of the pixels."""
    return F.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)


def inference_state(network: nn.Module) -> dict[str, Tensor]:
    """Return the weights that prediction needs: those of auxiliary heads are left out."""
    skip = training_only(network)
    return {name: tensor for name, tensor in network.state_dict().items() if not name.startswith(skip)}


def load_state(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load weights, with or without those that only training uses.

    Raises:
        RuntimeError: Weights are missing, unknown or of another shape.
    """
    kept = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(training_only(network))}
    network.load_state_dict({**kept, **state})


def training_only(network: nn.Module) -> tuple[str, ...]:
    """Return the beginnings of the names of a network's weights that only training uses, wherever they sit in it."""
    return tuple(
        f"{path}.{name}" if path else name
        for path, module in network.named_modules()
        if isinstance(module, Segmenter)
        for name in module.training_only
    )


def _crop(outputs: Outputs, height: int, width: int) -> Outputs:
    """Cut the padding off; maps of coarser heads keep the pixels that a part of the image falls on."""
    full_height, full_width = outputs.logits.shape[-2:]
    if (full_height, full_width) == (height, width):
        return outputs

    def cut(logits: Tensor) -> Tensor:
        rows = math.ceil(height * logits.shape[-2] / full_height)
        columns = math.ceil(width * logits.shape[-1] / full_width)
        return logits[..., :rows, :columns]

    last = torch.tensor((height - 1, width - 1), device=outputs.logits.device)
    return Outputs(
        logits=cut(outputs.logits),
        auxiliary=tuple((cut(logits), weight) for logits, weight in outputs.auxiliary),
        edges=tuple(cut(edge) for edge in outputs.edges),
        # The padding repeats the last rows and columns, so a pixel in it stands for the pixel it repeats.
        points=tuple((logits, torch.minimum(where, last)) for logits, where in outputs.points),
    )
