"""Augmentation of whole batches, on the device the network runs on.

A recipe is a text such as `hflip:0.5,rot90:0.5,light:0.3,cloud:0.3`: names from `AUGMENTATIONS` and one number each,
which is a probability for what happens or does not, and a strength for what always happens a little. Everything is
drawn from one generator, so that a batch augmented again with the same seed is the same batch.

Pixels come as shares of the model's range (0 to 1, float32). What a transform makes up is labelled as what it is:
cloud that hides the ground becomes the class of cloud, and its thin rim becomes `IGNORE`, because nobody could say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import torch
from torch.nn import functional as F

from seaice_cli.errors import OptionError
from seaice_cli.training.augmentation import geometric, photometric
from seaice_cli.training.augmentation.clouds import cloud_cover
from seaice_cli.training.augmentation.inputs import IGNORE, Batch, RandomSource

Transform = Callable[[Batch, float, RandomSource], Batch]


def parse_recipe(text: str) -> dict[str, float]:
    """Return the numbers of a recipe by name; "none" and the empty text are the empty recipe.

    Raises:
        OptionError: A name that is no augmentation, or no number behind it.
    """
    recipe: dict[str, float] = {}
    for entry in () if text.strip() in {"", "none"} else text.split(","):
        name, _, number = entry.strip().partition(":")
        if name not in AUGMENTATIONS:
            raise OptionError(f"augmentation {name!r} is none of {', '.join(AUGMENTATIONS)}")
        try:
            recipe[name] = float(number)
        except ValueError as error:
            raise OptionError(f"augmentation {entry.strip()!r}: write it as {name}:NUMBER") from error
        if not 0 <= recipe[name] <= 10:
            raise OptionError(f"augmentation {entry.strip()!r}: the number must be between 0 and 10")
    return recipe


def augment(batch: Batch, recipe: Mapping[str, float], rng: RandomSource) -> Batch:
    """Apply a recipe in the order of `AUGMENTATIONS`, which ends with what hides pixels; values stay within 0 to 1."""
    for name, transform in AUGMENTATIONS.items():
        if recipe.get(name, 0) > 0:
            batch = transform(batch, recipe[name], rng)
    return dataclasses.replace(batch, pixels=batch.pixels.clamp(0, 1))


def _flipped(batch: Batch, chosen: torch.Tensor, axis: int) -> Batch:
    def flip(values: torch.Tensor) -> torch.Tensor:
        return torch.where(chosen.view(-1, *[1] * (values.ndim - 1)), values.flip(axis), values)

    return Batch(flip(batch.pixels), flip(batch.target), flip(batch.valid))


def _hflip(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    return _flipped(batch, rng.bernoulli(batch, probability), -1)


def _vflip(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    return _flipped(batch, rng.bernoulli(batch, probability), -2)


def _rot90(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Turn square chips by 90 degrees, once, or with the two flips any number of times."""
    chosen = rng.bernoulli(batch, probability)

    def turn(values: torch.Tensor) -> torch.Tensor:
        return torch.where(chosen.view(-1, *[1] * (values.ndim - 1)), values.rot90(1, (-2, -1)), values)

    return Batch(turn(batch.pixels), turn(batch.target), turn(batch.valid))


def _cloud(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Lay generated cloud over some chips: cloud where it hides the ground, `IGNORE` on its rim."""
    chosen = rng.bernoulli(batch, probability)
    if not bool(chosen.any()):
        return batch
    some = batch.pixels[chosen]
    clouded, hidden = cloud_cover(some, rng.generator)
    labels_before = batch.target[chosen]
    labels = torch.where(hidden > CLOUD_RIM, torch.full_like(labels_before, IGNORE), labels_before)
    under = IGNORE if rng.cloud is None else rng.cloud
    labels = torch.where(
        (hidden > CLOUD_HIDES) & (labels_before != IGNORE), torch.full_like(labels_before, under), labels
    )
    pixels, target = batch.pixels.clone(), batch.target.clone()
    pixels[chosen], target[chosen] = clouded, labels
    return Batch(pixels, target, batch.valid)


CLOUD_RIM, CLOUD_HIDES = 0.2, 0.4
"""Opacity from which a pixel under generated cloud is `IGNORE`, and from which it is cloud."""


def _smooth(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Take the texture from the ground of some chips, class by class, so that edges between classes stay sharp.

    Wide snow-covered floes have no texture either: that a surface is smooth must not make it cloud, whose pixels stay.
    """
    amount = rng.uniform(batch, low=0.3, high=1.0) * rng.bernoulli(batch, probability)[:, None, None, None]
    labels = batch.target[:, None].masked_fill(~batch.valid[:, None], IGNORE)
    pixels = batch.pixels
    for label in torch.unique(labels).tolist():
        if label in {IGNORE, rng.cloud}:
            continue
        in_class = (labels == label).float()
        share, total = (F.avg_pool2d(x, 15, stride=1, padding=7) for x in (in_class, batch.pixels * in_class))
        mean = total / share.clamp(min=1e-3)
        pixels = pixels + (mean - batch.pixels) * in_class * amount
    return batch.with_pixels(pixels)


def _cloudmix(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Lay the labelled cloud of another chip over some chips, mirrored or not, soft at its rim, which becomes `IGNORE`.

    After ClassMix (Olsson et al. 2021, WACV), for the one class that lies over the others: real cloud gets to be seen
    over ground and light that it was never photographed with. Chips are drawn by how much cloud they hold, for few hold any.
    """
    if rng.cloud is None or not (is_cloud := (batch.target == rng.cloud) & batch.valid).any():
        return batch
    other = torch.multinomial(
        is_cloud.flatten(1).sum(1).float(), len(is_cloud), replacement=True, generator=rng.generator
    )
    above = Batch(batch.pixels[other], is_cloud[other].long(), batch.valid[other])
    above = _vflip(_hflip(above, 0.5, rng), 0.5, rng)
    cover = F.avg_pool2d(above.target.float()[:, None], 9, stride=1, padding=4, count_include_pad=False)
    cover = cover * rng.bernoulli(batch, probability)[:, None, None, None] * above.valid[:, None]
    pixels = batch.pixels + (above.pixels * rng.uniform(batch, low=0.85, high=1.1) - batch.pixels) * cover
    hidden = cover[:, 0] * batch.valid
    target = torch.where(hidden > CLOUD_RIM, torch.full_like(batch.target, IGNORE), batch.target)
    keep = batch.target == IGNORE
    target = torch.where((hidden > MIX_HIDES) & ~keep, torch.full_like(target, rng.cloud), target)
    return Batch(pixels, target, batch.valid)


MIX_HIDES = 0.7
"""Share of the pixels around that are laid over, from which a pixel of `cloudmix` is cloud."""


def _drop_band(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Cut out one band of some chips: it takes the mean of the others, or of the range if there is one band only."""
    _, bands = batch.pixels.shape[:2]
    which = rng.uniform(batch, bands).argsort(dim=1)[:, :1] == torch.arange(bands, device=batch.pixels.device)
    lost = (which & rng.bernoulli(batch, probability)[:, None])[:, :, None, None]
    rest = (batch.pixels.sum(1, keepdim=True) - batch.pixels) / max(bands - 1, 1) if bands > 1 else 0.5
    return batch.with_pixels(torch.where(lost, torch.as_tensor(rest, device=batch.pixels.device), batch.pixels))


def _collar(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Take the data away beyond a slanted line, as at the rim of a swath."""
    _, _, height, width = batch.pixels.shape
    device = batch.pixels.device
    angle = rng.uniform(batch, 1, 1, high=2 * torch.pi)
    reach = rng.uniform(batch, 1, 1, low=0.1, high=0.6)
    rows = torch.linspace(-1, 1, height, device=device)[None, :, None]
    columns = torch.linspace(-1, 1, width, device=device)[None, None, :]
    beyond = rows * torch.sin(angle) + columns * torch.cos(angle) > reach
    lost = beyond & rng.bernoulli(batch, probability)[:, None, None]
    return Batch(batch.pixels, batch.target.masked_fill(lost, IGNORE), batch.valid & ~lost)


def _cutout(batch: Batch, probability: float, rng: RandomSource) -> Batch:
    """Take the data away in a rectangle of up to a third of the sides."""
    _, _, height, width = batch.pixels.shape
    device = batch.pixels.device
    middle, half = rng.uniform(batch, 2), rng.uniform(batch, 2, low=0.03, high=0.17)
    rows, columns = torch.linspace(0, 1, height, device=device), torch.linspace(0, 1, width, device=device)
    inside_rows = (rows - middle[:, :1]).abs() < half[:, :1]
    inside_columns = (columns - middle[:, 1:]).abs() < half[:, 1:]
    lost = inside_rows[:, :, None] & inside_columns[:, None, :] & rng.bernoulli(batch, probability)[:, None, None]
    return Batch(batch.pixels, batch.target.masked_fill(lost, IGNORE), batch.valid & ~lost)


AUGMENTATIONS: Mapping[str, Transform] = {
    "hflip": _hflip, "vflip": _vflip, "rot90": _rot90, "rotate": geometric.rotate, "bend": geometric.bend,
    "relight": photometric.relight, "smooth": _smooth, "cloudmix": _cloudmix, "cloud": _cloud, "haze": photometric.haze,
    "shade": photometric.shade, "invert": photometric.invert, "light": photometric.light, "color": photometric.color,
    "dim": photometric.dim, "reprocess": photometric.reprocess,
    "channel_shuffle": photometric.channel_shuffle, "blur": photometric.blur, "noise": photometric.noise,
    "drop_band": _drop_band, "cutout": _cutout, "collar": _collar,
}  # fmt: skip
"""In the order in which they are applied: geometry, texture, cloud, light, sensor, missing data."""
