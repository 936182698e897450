"""Losses that compare the region of each class with its true region.

Sums run over all pixels of the batch, p is the softmax probability of a class and g is 1 where it is true.
"""

from __future__ import annotations

import torch
from segmentation_models_pytorch.losses import LovaszLoss
from torch import Tensor

from seaice_cli.training.losses.pixelwise import one_hot

EPSILON = 1e-7


def dice(logits: Tensor, target: Tensor, *, ignore: int) -> Tensor:
    """Return 1 - 2 sum(pg) / (sum p + sum g): of class 1 if there are two, else the mean over the classes that occur.

    The usual loss. A batch without the class has no gradient at all: see `classwise_dice`.

    Args:
        logits: (N, classes, H, W), float32.
        target: Class ids (N, H, W), int64.
        ignore: The id of pixels that do not count.
    """
    both, predicted, true = _sums(logits, target, ignore)
    loss = 1 - 2 * both / (predicted + true).clamp_min(EPSILON)
    counted = true > 0
    if logits.shape[1] == 2:
        return loss[1] * counted[1]
    return (loss * counted).sum() / counted.sum().clamp_min(1)


def classwise_dice(logits: Tensor, target: Tensor, *, ignore: int, absent: str = "count") -> Tensor:
    """Return the mean over all classes of 1 - 2 sum(pg) / (sum p + sum g).

    A class that does not occur counts with 1: a scene without ice costs a half if it is seen, and 1 if it is taken for
    ice, so that such scenes teach something (Kang et al. 2022). With `absent="mask"` it does not count.
    """
    both, predicted, true = _sums(logits, target, ignore)
    loss = 1 - 2 * both / (predicted + true).clamp_min(EPSILON)
    counted = true > 0 if absent == "mask" else torch.ones_like(true, dtype=torch.bool)
    return (loss * counted).sum() / counted.sum().clamp_min(1)


def generalised_dice(logits: Tensor, target: Tensor, *, ignore: int) -> Tensor:
    """Return 1 - 2 sum_c w sum(pg) / sum_c w (sum p + sum g) with w = 1 / (sum g)^2.

    Sudre, C. et al.: Generalised Dice overlap as a deep learning loss function, DLMIA 2017. A class that does not occur
    would weigh infinitely much; it weighs as the rarest one that does.
    """
    both, predicted, true = _sums(logits, target, ignore)
    rarest = true.masked_fill(true == 0, torch.inf).min()
    weight = ((rarest / true.maximum(rarest)) ** 2).nan_to_num(0.0)  # infinity over itself: no class occurs
    loss = 1 - 2 * (weight * both).sum() / (weight * (predicted + true)).sum().clamp_min(EPSILON)
    return loss * (true.sum() > 0)


def penalised_dice(logits: Tensor, target: Tensor, *, ignore: int, k: float = 0.75) -> Tensor:
    """Return 1 - d / (1 + k (1 - d)) with the generalised Dice coefficient d: a poor overlap costs more."""
    loss = generalised_dice(logits, target, ignore=ignore)
    return 1 - (1 - loss) / (1 + k * loss)


def jaccard(logits: Tensor, target: Tensor, *, ignore: int) -> Tensor:
    """Return the mean over the classes that occur of 1 - sum(pg) / (sum p + sum g - sum(pg))."""
    both, predicted, true = _sums(logits, target, ignore)
    counted = true > 0
    loss = 1 - both / (predicted + true - both).clamp_min(EPSILON)
    return (loss * counted).sum() / counted.sum().clamp_min(1)


def tversky(logits: Tensor, target: Tensor, *, ignore: int, alpha: float = 0.5, beta: float = 0.5) -> Tensor:
    """Return the mean over the classes that occur of 1 - I / (I + alpha FP + beta FN); halves make it Dice.

    Salehi, S. et al.: Tversky loss function for image segmentation using 3D fully convolutional deep networks, 2017.
    """
    both, predicted, true = _sums(logits, target, ignore)
    counted = true > 0
    loss = 1 - both / (both + alpha * (predicted - both) + beta * (true - both)).clamp_min(EPSILON)
    return (loss * counted).sum() / counted.sum().clamp_min(1)


def lovasz(logits: Tensor, target: Tensor, *, ignore: int) -> Tensor:
    """Return the Lovász-Softmax loss over the classes that occur.

    Berman, M., Rannen Triki, A., Blaschko, M.: The Lovász-Softmax loss, CVPR 2018.
    """
    if bool((target == ignore).all()):
        return logits.sum() * 0  # the library returns an empty tensor
    loss: Tensor = LovaszLoss("multiclass", ignore_index=ignore)(logits, target)
    return loss


def _sums(logits: Tensor, target: Tensor, ignore: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return per class the sums of pg, p and g over the pixels that count."""
    truth = one_hot(target, logits.shape[1], ignore=ignore)
    p = torch.softmax(logits, dim=1) * (target != ignore)[:, None]
    over = [d for d in range(p.ndim) if d != 1]
    return (p * truth).sum(over), p.sum(over), truth.sum(over)
