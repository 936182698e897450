"""Test-time augmentation: the mean of what an engine says to a chip and to its mirror images and rotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from seaice_cli.network.engines import Engine
from seaice_cli.raster.windows.grid import Chip

_Symmetry = tuple[int, bool]
"""Quarter turns, then a mirror image."""
_SYMMETRIES: dict[str, tuple[_Symmetry, ...]] = {
    "none": ((0, False),),
    "flip": ((0, False), (0, True)),
    "d4": tuple((turns, mirror) for mirror in (False, True) for turns in range(4)),
}


def run_augmented(engine: Engine, chips: Iterable[Chip], kind: str) -> Iterator[Chip]:
    """Yield the mean probabilities over the symmetries of `kind`, one of `choices.AUGMENTATIONS`.

    "flip" adds the mirror image, "d4" all eight symmetries of the square; on chips that are not square, the four that keep their shape.
    """
    if kind == "none":
        yield from engine.run(chips)
        return
    originals: list[Chip] = []
    results = engine.run(_variants(chips, kind, originals))
    for first in results:
        chip = originals.pop(0)
        if first.pixels is None:
            yield first
            continue
        symmetries = _symmetries(kind, chip)
        total = _undo(first.pixels, symmetries[0]) * (1.0 / len(symmetries))
        for symmetry in symmetries[1:]:
            total += _undo(next(results).pixels, symmetry) * (1.0 / len(symmetries))
        yield Chip(chip.window, total, chip.excluded)


def variants(kind: str) -> int:
    """Return how many times a square chip is run."""
    return len(_SYMMETRIES[kind])


def _variants(chips: Iterable[Chip], kind: str, originals: list[Chip]) -> Iterator[Chip]:
    for chip in chips:
        originals.append(chip)
        if chip.pixels is None:
            yield chip
            continue
        for symmetry in _symmetries(kind, chip):
            yield Chip(chip.window, np.ascontiguousarray(_apply(chip.pixels, symmetry)), chip.excluded)


def _symmetries(kind: str, chip: Chip) -> tuple[_Symmetry, ...]:
    square = chip.pixels.shape[1] == chip.pixels.shape[2]
    return tuple(s for s in _SYMMETRIES[kind] if square or s[0] % 2 == 0)


def _apply(pixels: Any, symmetry: _Symmetry) -> Any:
    turned = np.rot90(pixels, symmetry[0], axes=(1, 2))
    return turned[:, :, ::-1] if symmetry[1] else turned


def _undo(pixels: Any, symmetry: _Symmetry) -> Any:
    turns, mirror = symmetry
    if isinstance(pixels, np.ndarray):
        straight = pixels[:, :, ::-1] if mirror else pixels
        return np.rot90(straight, -turns, axes=(1, 2))
    straight = pixels.flip(2) if mirror else pixels
    return straight.rot90(-turns, dims=(1, 2))
