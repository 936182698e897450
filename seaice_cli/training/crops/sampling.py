"""Which crops make a batch: everywhere alike, each class alike, or more often where the network fails.

Every batch is drawn from the seed and its own number. So a run that starts again at step 1000 draws what the run would
have drawn that was not killed, and with several processes each draws its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.training.crops.dataset import Crop, SceneStore, TrainingScene

BLOCK = 64
"""Side in pixels of the squares in which it is known which classes occur."""
MIN_SHARE = 0.02
"""Of a square that a class must cover to be looked for there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How crops are drawn."""

    batch: int
    crop: int
    scale: tuple[float, float]
    seed: int
    weights: npt.NDArray[np.float64]
    """How often each of the first scenes is drawn, summing to one; scenes behind these are generated."""
    generated: float = 0.0
    """How often a crop comes from the generated scenes."""
    places: Sequence[Places] | None = None
    """Where to look: where each class occurs, or where the network fails; None: crops lie anywhere."""
    shares: Sequence[float] = ()
    """How often a crop is drawn for each of `places`."""


@dataclass(frozen=True, slots=True)
class Places:
    """Squares of scenes, and how often to draw each."""

    at: npt.NDArray[np.int64]
    """(squares, 3): scene, row and column of the middle."""
    weights: npt.NDArray[np.float64]
    """(squares,), summing to one."""


def scene_weights(scenes: Sequence[TrainingScene], factors: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return how often to draw each scene: by the root of its area, times a factor of its own.

    The root keeps one large scene from being all that is seen, and a small one from being learnt by heart.
    """
    areas = np.array([s.height * s.width for s in scenes], dtype=np.float64)
    weights = np.sqrt(areas) * np.asarray(factors, dtype=np.float64)
    return np.asarray(weights / weights.sum())


def find_places(store: SceneStore, classes: int, weights: npt.NDArray[np.float64]) -> list[Places]:
    """Find where each class occurs, square by square, reading every label once.

    Args:
        store: The scenes.
        classes: How many classes there are.
        weights: How often to draw each of the first scenes; squares inherit them.

    Returns:
        One `Places` per class; empty for a class that occurs nowhere.
    """
    found: list[list[tuple[int, int, int]]] = [[] for _ in range(classes)]
    for number, scene in enumerate(store.scenes[: len(weights)]):
        for top in range(0, scene.height, BLOCK):
            height = min(BLOCK, scene.height - top)
            rows = store.read(number, Window(col_off=0, row_off=top, width=scene.width, height=height)).classes
            for left in range(0, scene.width, BLOCK):
                counts = np.bincount(rows[:, left : left + BLOCK].ravel(), minlength=IGNORE + 1)
                for class_id in np.flatnonzero(counts[:classes] >= MIN_SHARE * BLOCK * BLOCK):
                    found[class_id].append((number, top + height // 2, left + BLOCK // 2))
    return [_places(np.array(squares, dtype=np.int64).reshape(-1, 3), weights) for squares in found]


def _places(at: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> Places:
    if not len(at):
        return Places(at, np.zeros(0))
    per_scene = np.bincount(at[:, 0], minlength=len(weights))
    each = weights[at[:, 0]] / np.sqrt(per_scene[at[:, 0]])
    return Places(at, each / each.sum())


class CropSampler:
    """Yields the batches from one step to another, as lists of crops; a batch sampler for torch's loader."""

    def __init__(self, store: SceneStore, plan: Plan, *, start: int, stop: int, process: int = 0) -> None:
        self._scenes, self._plan = store.scenes, plan
        self._range, self._process = range(start, stop), process

    def __len__(self) -> int:
        return len(self._range)

    def __iter__(self) -> Iterator[list[Crop]]:
        for number in self._range:
            rng = np.random.default_rng((self._plan.seed, number, self._process))
            yield [self._draw(rng) for _ in range(self._plan.batch)]

    def _draw(self, rng: np.random.Generator) -> Crop:
        plan = self._plan
        low, high = plan.scale
        size = round(plan.crop / np.exp(rng.uniform(np.log(low), np.log(high))))
        scene, row, column = self._place(rng, size)
        source = self._scenes[scene]
        top, left = max(0, source.height - size), max(0, source.width - size)
        return Crop(scene, int(np.clip(row, 0, top)), int(np.clip(column, 0, left)), size)

    def _place(self, rng: np.random.Generator, size: int) -> tuple[int, int, int]:
        """Return a scene, and the first row and column of a crop in it."""
        plan = self._plan
        if plan.generated > rng.random():
            return self._anywhere(rng, int(rng.integers(len(plan.weights), len(self._scenes))), size)
        if plan.places:
            shares = np.array([s if len(p.at) else 0.0 for s, p in zip(plan.shares, plan.places, strict=True)])
            places = plan.places[rng.choice(len(shares), p=shares / shares.sum())]
            scene, row, column = places.at[rng.choice(len(places.at), p=places.weights)]
            shift = rng.integers(-(size // 2), size // 2 + 1, size=2)
            return int(scene), int(row - size // 2 + shift[0]), int(column - size // 2 + shift[1])
        return self._anywhere(rng, int(rng.choice(len(plan.weights), p=plan.weights)), size)

    def _anywhere(self, rng: np.random.Generator, scene: int, size: int) -> tuple[int, int, int]:
        source = self._scenes[scene]
        row = rng.integers(0, max(1, source.height - size + 1))
        column = rng.integers(0, max(1, source.width - size + 1))
        return scene, int(row), int(column)
