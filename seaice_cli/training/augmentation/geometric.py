"""Geometric augmentation: pixels, labels and validity are resampled alike, with reflection beyond the border."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from seaice_cli.training.augmentation.clouds import fractal
from seaice_cli.training.augmentation.inputs import IGNORE, Batch, RandomSource


def rotate(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Turn some chips by any angle around their middle."""
    angle = rng.uniform(batch, 1).flatten() * 2 * torch.pi
    sine, cosine, none = torch.sin(angle), torch.cos(angle), torch.zeros_like(angle)
    height, width = batch.target.shape[1:]
    # Coordinates run from -1 to 1 along either side, so in chips that are not square an axis has a unit of its own.
    across = torch.stack([cosine, -sine * height / width, none], dim=1)
    down = torch.stack([sine * width / height, cosine, none], dim=1)
    rotated = F.affine_grid(torch.stack([across, down], dim=1), list(batch.pixels.shape), align_corners=False)
    return _resample(batch, rotated, rng.bernoulli(batch, probability))


def bend(batch: Batch, strength: float, rng: RandomSource) -> Batch:
    """Bend half of the chips smoothly, by up to about `strength` tenths of their sides: floes and ponds get other outlines."""
    n, _, height, width = batch.pixels.shape
    device = batch.pixels.device
    identity = torch.eye(2, 3, device=device).expand(n, 2, 3)
    grid = F.affine_grid(identity, list(batch.pixels.shape), align_corners=False)
    displacements = [fractal((n, height, width), 5.0, rng.generator, device) for _ in range(2)]
    amount = 0.1 * strength * rng.uniform(batch)
    return _resample(batch, grid + torch.stack(displacements, dim=3) * amount, rng.bernoulli(batch, 0.5))


def _resample(batch: Batch, grid: torch.Tensor, chosen: torch.Tensor) -> Batch:
    """Sample the chosen chips at `grid` (N, H, W, x and y from -1 to 1): pixels bilinearly, labels by the nearest pixel.

    A pixel is valid where all four pixels around it are.
    """

    def sampled(values: torch.Tensor, mode: str) -> torch.Tensor:
        moved = F.grid_sample(values, grid, mode=mode, padding_mode="reflection", align_corners=False)
        return torch.where(chosen[:, None, None, None], moved, values)

    kind = batch.pixels.dtype
    valid = sampled(batch.valid[:, None].to(kind), "bilinear")[:, 0] > MIN_VALID_SHARE
    target = sampled(batch.target[:, None].to(kind), "nearest")[:, 0].round().long()
    invalidated = ~valid & sampled(batch.valid[:, None].to(kind), "nearest")[:, 0].bool()
    return Batch(sampled(batch.pixels, "bilinear"), target.masked_fill(invalidated, IGNORE), valid)


MIN_VALID_SHARE = 0.999
"""Share of the four pixels around that must be data."""
