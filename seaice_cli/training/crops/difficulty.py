"""Where the network fails: the loss lately, square by square of every scene, and how often to look there again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.training.crops.dataset import TrainingScene
from seaice_cli.training.crops.sampling import Places

SIDE = 128
"""Of a square, in pixels of the scene."""
LEAST, MOST = 0.25, 4.0
"""A square is drawn at least, and at most, so many times as often as without knowing its loss."""


class Difficulty:
    """The mean loss of the crops that covered each square of some scenes; NaN where none did.

    Args:
        scenes: Those that crops are drawn from.
    """

    def __init__(self, scenes: Sequence[TrainingScene]) -> None:
        self.maps = [np.full((-(-s.height // SIDE), -(-s.width // SIDE)), np.nan) for s in scenes]

    def learn(self, crops: npt.NDArray[np.int64], losses: npt.NDArray[np.float64]) -> None:
        """Take note of the losses of some crops; squares that none of them covers keep what they had.

        Args:
            crops: (n, 4): scene, first row, first column and side in pixels; of scenes not known here nothing is noted.
            losses: (n,), NaN where a crop had no pixel that counts.
        """
        sums = [np.zeros_like(m) for m in self.maps]
        times = [np.zeros_like(m) for m in self.maps]
        for (scene, row, column, side), loss in zip(crops.tolist(), losses.tolist(), strict=True):
            if scene < len(self.maps) and not np.isnan(loss):
                covered = np.s_[row // SIDE : -(-(row + side) // SIDE), column // SIDE : -(-(column + side) // SIDE)]
                sums[scene][covered] += loss
                times[scene][covered] += 1
        for known, total, count in zip(self.maps, sums, times, strict=True):
            np.divide(total, count, out=known, where=count > 0)

    def places(self, weights: npt.NDArray[np.float64]) -> Places:
        """Return the squares and how often to draw each: as its scene is drawn, times how hard the square is.

        Args:
            weights: How often to draw each scene, if all its squares were alike.
        """
        losses = np.concatenate([m.ravel() for m in self.maps])
        each = np.concatenate([np.full(m.size, w / m.size) for m, w in zip(self.maps, weights, strict=True)])
        known = losses[~np.isnan(losses)]
        if known.size and known.mean() > 0:
            each = each * np.clip(np.nan_to_num(losses / known.mean(), nan=1.0), LEAST, MOST)
        at = [(s, *square) for s, m in enumerate(self.maps) for square in np.ndindex(m.shape)]
        middles = np.array(at, dtype=np.int64) * (1, SIDE, SIDE) + (0, SIDE // 2, SIDE // 2)
        return Places(middles, each / each.sum())

    def state_dict(self) -> list[torch.Tensor]:
        """Return plain values for a checkpoint."""
        return [torch.from_numpy(m.copy()) for m in self.maps]

    def load_state_dict(self, maps: Sequence[torch.Tensor]) -> None:
        """Go on from where the state was taken; with other scenes, from nothing."""
        if [tuple(m.shape) for m in maps] == [m.shape for m in self.maps]:
            self.maps = [m.numpy().copy() for m in maps]


@torch.no_grad()
def crop_losses(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of every crop (N,), NaN where all its pixels are ignored."""
    each = F.cross_entropy(logits.float(), target, ignore_index=IGNORE, reduction="none")
    return each.sum((1, 2)) / (target != IGNORE).sum((1, 2))
