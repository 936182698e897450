"""Losses that look at one pixel at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cross_entropy(
    logits: Tensor, target: Tensor, *, ignore: int, weight: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Return the mean cross-entropy; with weights, the weighted mean.

    Args:
        logits: (N, classes, H, W), float32.
        target: Class ids (N, H, W), int64.
        ignore: The id of pixels that do not count.
        weight: One weight per class.
        smoothing: Share of the truth that is spread over all classes, against labels of uneven quality.
    """
    total = F.cross_entropy(
        logits, target, weight=weight, ignore_index=ignore, label_smoothing=smoothing, reduction="sum"
    )
    valid = target != ignore
    mass = valid.sum() if weight is None else (weight[target.where(valid, 0)] * valid).sum()
    return total / _at_least(mass, total)


def binary_cross_entropy(logits: Tensor, target: Tensor, *, ignore: int, weight: Tensor | None = None) -> Tensor:
    """Return the mean cross-entropy of every class against the rest, each with a sigmoid of its own."""
    valid = (target != ignore)[:, None]
    truth = one_hot(target, logits.shape[1], ignore=ignore)
    each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none") * valid
    if weight is not None:
        each = each * weight.view(1, -1, *[1] * (logits.ndim - 2))
    return each.sum() / _at_least(valid.sum() * logits.shape[1], each)


def focal(
    logits: Tensor,
    target: Tensor,
    *,
    ignore: int,
    weight: Tensor | None = None,
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Tensor:
    """Return the mean of (1 - p)^gamma times cross-entropy, p the softmax probability of the true class.

    Lin, T.-Y. et al.: Focal Loss for Dense Object Detection, ICCV 2017, with a softmax in the place of the sigmoid.

    Args:
        logits: (N, classes, H, W), float32.
        target: Class ids (N, H, W), int64.
        ignore: The id of pixels that do not count.
        weight: One factor per class.
        gamma: 0 is plain cross-entropy; the larger, the less do easy pixels count.
        alpha: Factor of class 1, and 1 - alpha of class 0, where there are two.
    """
    valid, truth = _truth(target, ignore)
    log_p = _of_class(F.log_softmax(logits, dim=1), truth)
    # log_p can be -0.0 exactly; the clamp keeps the slope of the power finite for gamma below 1.
    each = -((1 - log_p.exp()).clamp_min(1e-8) ** gamma) * log_p * valid
    if alpha is not None:
        each = each * torch.where(truth == 1, alpha, 1 - alpha)
    if weight is not None:
        each = each * weight[truth]
    return each.sum() / _at_least(valid.sum(), each)


def hard_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    ignore: int,
    weight: Tensor | None = None,
    threshold: float = 0.7,
    keep: int = 10000,
) -> Tensor:
    """Return the mean cross-entropy of the hard pixels: online hard example mining.

    A pixel is hard if the probability of its true class is at most `threshold`, or if it is among the `keep` pixels of
    the batch with the lowest.
    """
    valid, truth = _truth(target, ignore)
    with torch.no_grad():
        p = _of_class(torch.softmax(logits, dim=1), truth).masked_fill(~valid, 2.0)
        count = min(keep, p.numel())
        limit = p.flatten().kthvalue(count).values.clamp_min(threshold)
        hard = target.where(p <= limit, ignore)
    return cross_entropy(logits, hard, ignore=ignore, weight=weight)


def one_hot(target: Tensor, classes: int, *, ignore: int) -> Tensor:
    """Return class ids (N, H, W) as float32 (N, classes, H, W), with zeros where they are ignored."""
    valid, truth = _truth(target, ignore)
    return (F.one_hot(truth, classes).movedim(-1, 1) * valid[:, None]).float()


def _truth(target: Tensor, ignore: int) -> tuple[Tensor, Tensor]:
    valid = target != ignore
    return valid, target.where(valid, 0)


def _of_class(values: Tensor, truth: Tensor) -> Tensor:
    return values.gather(1, truth[:, None])[:, 0]


def _at_least(mass: Tensor, like: Tensor) -> Tensor:
    """Return what a sum is divided by: never zero, so that nothing over nothing is zero."""
    return mass.to(like.dtype).clamp_min(torch.finfo(like.dtype).tiny if mass.is_floating_point() else 1)
