"""What changes the form of the ground: pixels, labels and validity move together, what comes in from outside is mirrored."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from seaice_cli.training.augmentation.clouds import fractal
from seaice_cli.training.augmentation.inputs import IGNORE, Batch, Draw


def rotate(batch: Batch, probability: float, draw: Draw) -> Batch:
    """Turn some chips by any angle around their middle."""
    angle = draw.uniform(batch, 1).flatten() * 2 * torch.pi
    sine, cosine, none = torch.sin(angle), torch.cos(angle), torch.zeros_like(angle)
    height, width = batch.target.shape[1:]
    # Coordinates run from -1 to 1 along either side, so in chips that are not square an axis has a unit of its own.
    across = torch.stack([cosine, -sine * height / width, none], dim=1)
    down = torch.stack([sine * width / height, cosine, none], dim=1)
    turned = F.affine_grid(torch.stack([across, down], dim=1), list(batch.pixels.shape), align_corners=False)
    return _taken(batch, turned, draw.chosen(batch, probability))


def bend(batch: Batch, strength: float, draw: Draw) -> Batch:
    """Bend half of the chips smoothly, by up to about `strength` tenths of their sides: floes and ponds get other outlines."""
    n, _, height, width = batch.pixels.shape
    device = batch.pixels.device
    still = torch.eye(2, 3, device=device).expand(n, 2, 3)
    places = F.affine_grid(still, list(batch.pixels.shape), align_corners=False)
    moves = [fractal((n, height, width), 5.0, draw.generator, device) for _ in range(2)]
    amount = 0.1 * strength * draw.uniform(batch)
    return _taken(batch, places + torch.stack(moves, dim=3) * amount, draw.chosen(batch, 0.5))


def _taken(batch: Batch, places: torch.Tensor, chosen: torch.Tensor) -> Batch:
    """Take what lies at `places` (N, H, W, x and y from -1 to 1): pixels between four, labels of the nearest.

    Where one of the four is no data, the pixel is none either.
    """

    def taken(values: torch.Tensor, mode: str) -> torch.Tensor:
        moved = F.grid_sample(values, places, mode=mode, padding_mode="reflection", align_corners=False)
        return torch.where(chosen[:, None, None, None], moved, values)

    kind = batch.pixels.dtype
    valid = taken(batch.valid[:, None].to(kind), "bilinear")[:, 0] > ALL
    target = taken(batch.target[:, None].to(kind), "nearest")[:, 0].round().long()
    lost = ~valid & taken(batch.valid[:, None].to(kind), "nearest")[:, 0].bool()
    return Batch(taken(batch.pixels, "bilinear"), target.masked_fill(lost, IGNORE), valid)


ALL = 0.999
"""Share of the four pixels around that must be data."""
