"""Batches to be augmented, and the random numbers of augmentation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch

IGNORE = 255
"""The label of pixels that teach nothing."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of labelled chips."""

    pixels: torch.Tensor
    """(N, bands, H, W), 0 to 1 across the model's range."""
    target: torch.Tensor
    """(N, H, W) int64, class ids or `IGNORE`."""
    valid: torch.Tensor
    """(N, H, W) bool, True = data."""

    def with_pixels(self, pixels: torch.Tensor) -> Batch:
        """Return the batch with other pixels."""
        return dataclasses.replace(self, pixels=pixels)


@dataclass(frozen=True, slots=True)
class RandomSource:
    """The random numbers of a batch, and the class of cloud."""

    generator: torch.Generator
    cloud: int | None
    """The id of the class of cloud; None: what cloud hides becomes `IGNORE`."""

    def uniform(self, batch: Batch, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """Return one uniform number (or `shape` of them) per sample, shaped to broadcast over (N, bands, H, W)."""
        n = len(batch.pixels)
        size = (n, *(shape or (1, 1, 1)))
        device = batch.pixels.device
        return torch.rand(size, generator=self.generator, device=device) * (high - low) + low

    def bernoulli(self, batch: Batch, probability: float) -> torch.Tensor:
        """Return (N,) bool, each True with that probability."""
        device = batch.pixels.device
        return torch.rand(len(batch.pixels), generator=self.generator, device=device) < probability
