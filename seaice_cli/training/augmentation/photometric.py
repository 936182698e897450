"""Photometric augmentation: brightness, contrast, colour, haze, blur and noise; labels are not changed."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from seaice_cli.training.augmentation.clouds import fractal
from seaice_cli.training.augmentation.inputs import IGNORE, Batch, RandomSource


def light(batch: Batch, strength: float, rng: RandomSource) -> Batch:
    """Change brightness, contrast and gamma, the same for all bands."""
    gain = rng.uniform(batch, low=1 - strength, high=1 + strength)
    offset = rng.uniform(batch, low=-0.5 * strength, high=0.5 * strength)
    gamma = torch.exp(rng.uniform(batch, low=-strength, high=strength))
    return batch.with_pixels(((batch.pixels.clamp(1e-4, 1) ** gamma - 0.5) * gain + 0.5 + offset).clamp(0, 1))


def dim(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Take up to two thirds of the light from some chips, the same for all bands, as a low sun does."""
    chosen = rng.bernoulli(batch, probability)[:, None, None, None]
    gain = torch.exp(rng.uniform(batch, low=math.log(0.35), high=0.1))
    return batch.with_pixels(torch.where(chosen, (batch.pixels * gain).clamp(0, 1), batch.pixels))


def reprocess(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Give every band of some chips a gamma, a gain and a lift of the dark of its own, as pictures of another processing have."""
    bands = batch.pixels.shape[1]
    chosen = rng.bernoulli(batch, probability)[:, None, None, None]
    gamma = torch.exp(rng.uniform(batch, bands, 1, 1, low=-0.36, high=0.36))
    gain = rng.uniform(batch, bands, 1, 1, low=0.7, high=1.05)
    lift = rng.uniform(batch, bands, 1, 1, low=-0.03, high=0.09)
    changed = batch.pixels.clamp(1e-4, 1) ** gamma * gain + lift * (1 - batch.pixels)
    return batch.with_pixels(torch.where(chosen, changed.clamp(0, 1), batch.pixels))


def invert(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Let bright and dark change places, as warm and cold do in thermal images between day and night."""
    chosen = rng.bernoulli(batch, probability)[:, None, None, None]
    return batch.with_pixels(torch.where(chosen, 1 - batch.pixels, batch.pixels))


def relight(batch: Batch, strength: float, rng: RandomSource) -> Batch:
    """Make every class brighter or darker by itself in half of the chips, so that form must tell what brightness does not."""
    n, _, height, width = batch.pixels.shape
    device = batch.pixels.device
    offsets = torch.randn((n, IGNORE + 1), generator=rng.generator, device=device) * strength
    offsets = offsets * rng.bernoulli(batch, 0.5)[:, None]
    offsets[:, IGNORE] = 0
    change = offsets.gather(1, batch.target.flatten(1)).view(n, 1, height, width)
    soft = F.avg_pool2d(change, 3, stride=1, padding=1, count_include_pad=False)
    return batch.with_pixels((batch.pixels + soft).clamp(0, 1))


def color(batch: Batch, strength: float, rng: RandomSource) -> Batch:
    """Change gain and offset of every band by itself, and how far the bands lie apart."""
    bands = batch.pixels.shape[1]
    gain = rng.uniform(batch, bands, 1, 1, low=1 - strength, high=1 + strength)
    offset = rng.uniform(batch, bands, 1, 1, low=-0.5 * strength, high=0.5 * strength)
    spread = rng.uniform(batch, low=1 - 4 * strength, high=1 + 4 * strength).clamp(min=0)
    grey = batch.pixels.mean(dim=1, keepdim=True)
    return batch.with_pixels((grey + (batch.pixels - grey) * spread) * gain + offset)


def channel_shuffle(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Exchange the bands of some chips."""
    order = rng.uniform(batch, batch.pixels.shape[1]).argsort(dim=1)
    shuffled = torch.take_along_dim(batch.pixels, order[:, :, None, None], dim=1)
    chosen = rng.bernoulli(batch, probability)[:, None, None, None]
    return batch.with_pixels(torch.where(chosen, shuffled, batch.pixels))


def blur(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Blur with a 5 x 5 Gaussian of 0.15 to 1.3 pixels."""
    n, bands = batch.pixels.shape[:2]
    sigma = rng.uniform(batch, 1, low=0.15, high=1.3)
    at = torch.arange(-2, 3, device=batch.pixels.device, dtype=batch.pixels.dtype)
    line = torch.exp(-(at**2) / (2 * sigma**2))
    line = line / line.sum(dim=1, keepdim=True)
    line[~rng.bernoulli(batch, probability)] = torch.tensor([0.0, 0, 1, 0, 0], device=line.device)
    kernels = line.repeat_interleave(bands, dim=0)
    flat = F.pad(batch.pixels, (2, 2, 2, 2), mode="reflect").flatten(0, 1)[None]
    flat = F.conv2d(flat, kernels[:, None, :, None], groups=n * bands)
    flat = F.conv2d(flat, kernels[:, None, None, :], groups=n * bands)
    return batch.with_pixels(flat.view_as(batch.pixels))


def noise(batch: Batch, strength: float, rng: RandomSource) -> Batch:
    """Add noise of up to that deviation, independent in every pixel and band."""
    level = rng.uniform(batch, high=strength)
    grain = torch.randn(batch.pixels.shape, generator=rng.generator, device=batch.pixels.device)
    return batch.with_pixels(batch.pixels + level * grain)


def shade(batch: Batch, strength: float, rng: RandomSource) -> Batch:
    """Change the light slowly across the chip, as the sun's height and cloud shadows do."""
    n, _, height, width = batch.pixels.shape
    field = fractal((n, height, width), 3.5, rng.generator, batch.pixels.device)[:, None]
    return batch.with_pixels(batch.pixels * (1 + strength * 0.5 * field.clamp(-2, 1) * rng.uniform(batch)))


def haze(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Lay a veil over the chip through which the ground is still seen: labels stay."""
    n, _, height, width = batch.pixels.shape
    field = fractal((n, height, width), 3.0, rng.generator, batch.pixels.device)[:, None]
    veil = rng.uniform(batch, high=0.12) * torch.sigmoid(field * 2 + rng.uniform(batch, low=-1, high=1))
    veil = veil * rng.bernoulli(batch, probability)[:, None, None, None]
    bright = rng.uniform(batch, low=0.55, high=0.9)
    return batch.with_pixels(batch.pixels * (1 - veil) + bright * veil)
