"""Validation on the scenes that are learnt from: some blocks of their labelled ground are kept for it.

A few polygons on one scene leave no other scene to validate on. Blocks of one scene look alike, so such scores say that a network has
learnt, not how it does elsewhere; a model card has to say so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.training.crops.dataset import Labelled, TrainingScene

SIDES = (256, 128, 64, 32)
"""Pixels along the side of a block, the largest that leaves two of every class."""
LEAST = 16
"""Labelled pixels that make a block worth having."""

Block = tuple[int, int, int]
"""Scene, row and column of a block."""


class BlockScene:
    """A scene whose labels count in some of its blocks only.

    Args:
        scene: The whole.
        blocks: Rows and columns of blocks.
        side: Pixels along the side of a block.
        inside: Whether labels count in these blocks, or everywhere else.
    """

    def __init__(self, scene: TrainingScene, blocks: Collection[tuple[int, int]], side: int, *, inside: bool) -> None:
        self.name, self.height, self.width = scene.name, scene.height, scene.width
        self._scene, self._side = scene, side
        self._chosen = np.zeros((-(-scene.height // side), -(-scene.width // side)), bool)
        for row, column in blocks:
            self._chosen[row, column] = True
        if not inside:
            self._chosen = ~self._chosen

    def read(self, window: Window) -> Labelled:
        """Return the pixels of a window; labels outside the blocks are `IGNORE`."""
        whole = self._scene.read(window)
        rows = (window.row_off + np.arange(whole.classes.shape[0])) // self._side
        columns = (window.col_off + np.arange(whole.classes.shape[1])) // self._side
        return Labelled(
            whole.pixels, np.where(self._chosen[np.ix_(rows, columns)], whole.classes, np.uint8(IGNORE)), whole.valid
        )


def split_blocks(
    scenes: Sequence[TrainingScene], classes: int, share: float, seed: int
) -> tuple[list[TrainingScene], list[TrainingScene]]:
    """Return scenes to learn from and scenes to validate on: the same ones, by blocks of their labelled ground.

    Blocks are taken for validation in random order, as long as each of their classes keeps most of its pixels for training. A class in
    a single block is learnt from, and not validated.

    Args:
        scenes: All of them.
        classes: How many classes there are.
        share: Of every class's pixels that is kept for validation, about.
        seed: Another seed, other blocks.
    """
    side, counts = _counted(scenes, classes)
    chosen = _choose(counts, share, np.random.default_rng(seed))
    train: list[TrainingScene] = []
    val: list[TrainingScene] = []
    for number, scene in enumerate(scenes):
        own = [(row, column) for which, row, column in chosen if which == number]
        train.append(BlockScene(scene, own, side, inside=False))
        if own:
            val.append(BlockScene(scene, own, side, inside=True))
    return train, val


def _counted(scenes: Sequence[TrainingScene], classes: int) -> tuple[int, dict[Block, npt.NDArray[np.int64]]]:
    """Return the side of blocks, and how many pixels of every class each labelled block holds."""
    finest = [_count(number, scene, classes) for number, scene in enumerate(scenes)]
    small = {block: n for part in finest for block, n in part.items()}
    merged: dict[Block, npt.NDArray[np.int64]] = small
    for side in SIDES:
        merged = {}
        for (scene, row, column), n in small.items():
            block = scene, row * SIDES[-1] // side, column * SIDES[-1] // side
            merged[block] = merged.get(block, np.zeros(classes, np.int64)) + n
        present = np.array([n >= LEAST for n in merged.values()]).reshape(-1, classes).sum(axis=0)
        if (present[present > 0] >= 2).all():
            return side, merged
    return SIDES[-1], merged


def _count(number: int, scene: TrainingScene, classes: int) -> dict[Block, npt.NDArray[np.int64]]:
    side = SIDES[-1]
    found: dict[Block, npt.NDArray[np.int64]] = {}
    for top in range(0, scene.height, side):
        window = Window(col_off=0, row_off=top, width=scene.width, height=min(side, scene.height - top))
        ids = scene.read(window).classes
        if (ids == IGNORE).all():
            continue
        for left in range(0, scene.width, side):
            n = np.bincount(ids[:, left : left + side].ravel(), minlength=IGNORE + 1)[:classes]
            if n.sum():
                found[number, top // side, left // side] = n
    return found


def _choose(counts: dict[Block, npt.NDArray[np.int64]], share: float, rng: np.random.Generator) -> list[Block]:
    total = np.sum(list(counts.values()), axis=0) if counts else np.zeros(0)
    kept, chosen = np.zeros(len(total)), list[Block]()
    blocks = sorted(counts)
    for index in rng.permutation(len(blocks)):
        own = counts[blocks[index]]
        mine = own > 0
        lacking = (kept[mine] < share * total[mine]).any()
        if lacking and (kept[mine] + own[mine] <= 0.5 * total[mine]).all():
            kept += own
            chosen.append(blocks[index])
    return chosen
