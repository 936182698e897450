"""The loss of everything a network hands out while it is trained."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.training.losses.boundary import balanced_edge_loss, edge_target
from seaice_cli.training.losses.parsing import Loss
from seaice_cli.training.losses.pixelwise import cross_entropy

EDGE_WEIGHT = 25.0
"""Factor of the edge loss of each level, as PointFlow was trained."""


def training_loss(outputs: Tensor | Outputs, target: Tensor, loss: Loss, *, edge_weight: float = EDGE_WEIGHT) -> Tensor:
    """Return the loss of the logits, and with their weights those of auxiliary heads, edges and points.

    Auxiliary logits that are coarser than the target are compared with every second, fourth ... pixel of it.

    Args:
        outputs: What the network returned, in training or evaluation mode.
        target: Class ids (N, H, W), `loss.ignore` where a pixel does not count.
        loss: What `parse_loss` returned.
        edge_weight: Factor of the edge loss of each level.
    """
    if isinstance(outputs, Tensor):
        return loss(outputs, target)
    total = loss(outputs.logits, target)
    for logits, weight in outputs.auxiliary:
        total = total + weight * loss(logits, _nearest(target, logits.shape[-2:]))
    with torch.autocast(target.device.type, enabled=False):
        for logits, pixels in outputs.points:
            total = total + cross_entropy(logits.float(), _at(target, pixels), ignore=loss.ignore)
        if outputs.edges:
            truth = edge_target(target, ignore=loss.ignore)
            edges = [balanced_edge_loss(edge.float(), truth) for edge in outputs.edges]
            total = total + edge_weight * torch.stack(edges).sum()
    return total


def _nearest(target: Tensor, size: torch.Size) -> Tensor:
    if target.shape[-2:] == size:
        return target
    return F.interpolate(target[:, None].float(), size=tuple(size), mode="nearest")[:, 0].long()


def _at(target: Tensor, pixels: Tensor) -> Tensor:
    """Return the class ids (N, P) of pixels given as (row, col) in (N, P, 2)."""
    places = pixels[..., 0] * target.shape[-1] + pixels[..., 1]
    return target.flatten(1).gather(1, places).long()
