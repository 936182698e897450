"""The boundary loss, and where in a mask the edges are."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from seaice_cli.training.losses.pixelwise import one_hot

EPSILON = 1e-7


def boundary(logits: Tensor, target: Tensor, *, ignore: int, width: int = 3, reach: int = 5) -> Tensor:
    """Return the mean over scenes and classes of 1 - F1 of the boundaries, with a tolerance.

    Bokhovkin, A., Burnaev, E.: Boundary Loss for Remote Sensing Imagery Semantic Segmentation, arXiv 1905.07852.

    Args:
        logits: (N, classes, H, W), float32.
        target: Class ids (N, H, W), int64.
        ignore: The id of pixels that do not count; neither do the pixels that touch them.
        width: Odd size of the window that makes the boundary of a region, theta_0 of the paper.
        reach: Odd size of the window within which a boundary is found again, theta of the paper.
    """
    counts = 1 - _largest((target == ignore).float()[:, None], width)
    predicted = _rim(torch.softmax(logits, dim=1), width) * counts
    true = _rim(one_hot(target, logits.shape[1], ignore=ignore), width) * counts
    precision = _share(predicted, _largest(true, reach))
    recall = _share(true, _largest(predicted, reach))
    return (1 - 2 * precision * recall / (precision + recall + EPSILON)).mean()


def edge_target(target: Tensor, *, ignore: int, width: int = 8) -> Tensor:
    """Return where two classes meet, as lines of that many pixels: float32 0, 1, or NaN where nobody knows.

    Args:
        target: Class ids (N, H, W).
        ignore: The id of pixels that are neither edge nor no edge; where they meet a class there is no edge.
        width: Pixels across a line, even.

    Returns:
        (N, 1, H, W).
    """
    unknown = (target == ignore)[:, None]
    ids = target[:, None].float()
    largest = _largest(ids.masked_fill(unknown, -1.0), 3)
    smallest = -_largest(-ids.masked_fill(unknown, torch.inf), 3)
    meets = ((largest != smallest) & ~unknown).float()  # two pixels wide: one on either side
    lines = _largest(meets, width - 1) if width > 2 else meets
    return lines.masked_fill(unknown, torch.nan)


def balanced_edge_loss(edge: Tensor, truth: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of logits of edges, with edges and the rest weighing the same in all.

    Args:
        edge: Logits (N, 1, H, W), float32.
        truth: What `edge_target` returns; NaN does not count.
    """
    known = ~truth.isnan()
    truth = truth.nan_to_num(0.0)
    positive, all_known = (truth * known).sum(), known.sum().clamp_min(1)
    weight = torch.where(truth > 0, all_known - positive, positive) / all_known * known
    return F.binary_cross_entropy_with_logits(edge, truth, weight=weight, reduction="sum") / all_known


def _rim(region: Tensor, window: int) -> Tensor:
    outside = 1 - region
    return _largest(outside, window) - outside


def _largest(maps: Tensor, window: int) -> Tensor:
    return F.max_pool2d(maps, window, stride=1, padding=window // 2)


def _share(boundary: Tensor, near: Tensor) -> Tensor:
    """Return for each scene and class the share of a boundary that is near the other one."""
    return (boundary * near).sum((2, 3)) / (boundary.sum((2, 3)) + EPSILON)
