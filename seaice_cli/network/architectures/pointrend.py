"""PointRend: classes are decided anew, pixel by pixel, where a coarse network hesitates.

Kirillov, A., Wu, Y., He, K., Girshick, R.: PointRend: Image Segmentation as Rendering, CVPR 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures import encoders, library
from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.network.architectures.segmenter import Segmenter, enlarge

_OVERSAMPLE, _UNCERTAIN = 3, 0.75
"""In training this many times the points are drawn, and this share of the kept ones are the least certain."""
_TRAINING_STRIDE = 16
"""One point in training for every square of so many pixels."""


class PointRendSegmenter(Segmenter):
    """A network of the library and a head for single points, which reads its coarse logits and its fine features."""

    training_only = ("base.auxiliary_head.",)

    def __init__(self, base: library.LibrarySegmenter, *, classes: int, points: int, steps: int) -> None:
        """Refine `base` at `points` pixels in each of `steps` doublings of the size."""
        super().__init__(base.stride)
        self.base = base
        self.points, self.steps = points, steps
        width = classes + encoders.channels(base.encoder)[2]
        self.point_head = nn.Sequential(
            *(nn.Conv1d(width, 256, 1), nn.ReLU(inplace=True)),
            *(nn.Conv1d(256, 256, 1), nn.ReLU(inplace=True)),
            *(nn.Conv1d(256, 256, 1), nn.ReLU(inplace=True)),
            nn.Conv1d(256, classes, 1),
        )

    def segment(self, image: Tensor) -> Outputs:
        """Return refined logits; in training mode the coarse ones, enlarged, and those of sampled points."""
        features = self.base.encoder(image)
        coarse, fine = self.base.coarse(features), features[2]
        size = image.shape[-2:]
        if not self.training:
            return Outputs(self._refine(coarse, fine))
        where = training_points(coarse, max(size[0] * size[1] // _TRAINING_STRIDE**2, 1))
        logits = self.point_head(torch.cat((sample(coarse, where), sample(fine, where)), dim=1))
        pixels = (where * where.new_tensor(size)).long()
        return Outputs(enlarge(coarse, size), auxiliary=self.base.extras(features, size), points=((logits, pixels),))

    def _refine(self, logits: Tensor, fine: Tensor) -> Tensor:
        coarse = logits
        for _ in range(self.steps):
            logits = F.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False)
            count = torch.sym_min(self.points, logits.shape[-2] * logits.shape[-1])
            chosen = uncertainty(logits).flatten(1).topk(count, dim=1).indices
            where = _centres(chosen, logits.shape[-2:])
            anew = self.point_head(torch.cat((sample(coarse, where), sample(fine, where)), dim=1)).to(logits.dtype)
            places = chosen[:, None].expand(-1, logits.shape[1], -1)
            logits = logits.flatten(2).scatter(2, places, anew).view(logits.shape)
        return logits


def uncertainty(logits: Tensor) -> Tensor:
    """Return how near the second most probable class comes to the first: at most 0, for logits (N, C, ...)."""
    first, second = torch.softmax(logits.float(), dim=1).topk(2, dim=1).values.unbind(1)
    return second - first


def sample(maps: Tensor, where: Tensor) -> Tensor:
    """Return maps (N, C, h, w) at points, linearly between the centres of pixels.

    Args:
        maps: The maps; they are read as float32.
        where: (row, col) as shares of height and width, 0 to 1: (N, P, 2).

    Returns:
        (N, C, P).
    """
    grid = (2 * where.flip(-1) - 1)[:, :, None]
    return F.grid_sample(maps.float(), grid.float(), padding_mode="border", align_corners=False)[..., 0]


def training_points(coarse: Tensor, count: int) -> Tensor:
    """Draw points, most of them where the coarse logits are least certain.

    Returns:
        (row, col) as shares of height and width: (N, count, 2).
    """
    batch, device = coarse.shape[0], coarse.device
    with torch.no_grad():
        drawn = torch.rand(batch, _OVERSAMPLE * count, 2, device=device)
        least_certain = uncertainty(sample(coarse, drawn)).topk(int(_UNCERTAIN * count), dim=1).indices
        kept = drawn.gather(1, least_certain[..., None].expand(-1, -1, 2))
        anywhere = torch.rand(batch, count - kept.shape[1], 2, device=device)
        return torch.cat((kept, anywhere), dim=1)


def build(
    *,
    encoder: str,
    encoder_weights: str | Path | None,
    in_channels: int,
    classes: int,
    base: str = "fpn",
    points: int = 8096,
    **more: Any,
) -> PointRendSegmenter:
    """Return a network of the library with PointRend behind.

    Args:
        encoder: A name of segmentation_models_pytorch, or `tu-` and a name of timm.
        encoder_weights: None, the name of published weights, or a file.
        in_channels: Number of bands.
        classes: Number of classes.
        base: A network whose logits are coarser than the scene, such as fpn, deeplabv3plus, pspnet or segformer.
        points: Pixels that are decided anew in each doubling of the size.
        more: Options of that network.

    Raises:
        ModelError: Something is unknown, or does not fit together.
    """
    coarse = ("deeplabv3", "deeplabv3plus", "fpn", "pan", "pspnet", "segformer", "upernet")
    if base not in coarse or points < 1:
        raise ModelError(f"pointrend: base must be one of {', '.join(coarse)}, not {base!r}; points 1 or more")
    network = library.build(
        architecture=base,
        encoder=encoder,
        encoder_weights=encoder_weights,
        in_channels=in_channels,
        classes=classes,
        **more,
    )
    return PointRendSegmenter(network, classes=classes, points=points, steps=_steps(network, in_channels))


def _steps(network: library.LibrarySegmenter, in_channels: int) -> int:
    """Return how often the size of the coarse logits must be doubled."""
    size = max(64, 2 * network.stride)
    network.eval()
    with torch.no_grad():
        coarse = network.coarse(network.encoder(torch.zeros(1, in_channels, size, size)))
    network.train()
    return int(size // coarse.shape[-1]).bit_length() - 1


def _centres(places: Tensor, size: torch.Size) -> Tensor:
    """Return the centres of pixels of a flattened map as shares of height and width: (N, P, 2)."""
    row = places // size[1]
    column = places - row * size[1]
    return torch.stack(((row + 0.5) / size[0], (column + 0.5) / size[1]), dim=-1)
