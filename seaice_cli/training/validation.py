"""The score of a network on whole scenes while it is trained.

Windows overlap as in prediction, and each pixel is taken from the middle of a window, so that a score depends on what
the network sees and not on where a crop happens to end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.evaluation.metrics.confusion import Confusion
from seaice_cli.network.spec import ModelSpec
from seaice_cli.raster.windows.grid import Grid
from seaice_cli.training.crops.dataset import Labelled, SceneStore

SIZE, OVERLAP = 512, 128


@torch.no_grad()
def confuse(network: nn.Module, store: SceneStore, spec: ModelSpec, device: torch.device) -> tuple[Confusion, float]:
    """Return the confusion matrix and the mean cross-entropy of a network over all labelled pixels of a store.

    The network is left in evaluation mode. Without a labelled pixel the cross-entropy is NaN.
    """
    counts, loss = Confusion.empty(len(spec.classes)), 0.0
    network.eval()
    for scene in range(len(store.scenes)):
        for labelled, logits in classify(network, store, scene, spec, device):
            counts = counts.add(labelled.classes, np.asarray(logits.argmax(0).to(torch.uint8).cpu().numpy()))
            target = torch.from_numpy(labelled.classes.astype(np.int64)).to(logits.device)
            loss += float(F.cross_entropy(logits[None].float(), target[None], ignore_index=IGNORE, reduction="sum"))
    return counts, loss / counts.total if counts.total else float("nan")


def classify(
    network: nn.Module, store: SceneStore, scene: int, spec: ModelSpec, device: torch.device
) -> Iterator[tuple[Labelled, torch.Tensor]]:
    """Yield what is labelled and the logits, (classes, height, width), piece by piece; none covers another.

    Pieces without a label are left out: a few polygons on a large scene cost no more than the ground around them.
    """
    source = store.scenes[scene]
    size = -(-SIZE // spec.stride) * spec.stride
    grid = Grid(source.height, source.width, size, OVERLAP, spec.stride)
    for row in range(len(grid.rows)):
        for column in range(len(grid.columns)):
            window, piece = grid.window(row, column), grid.piece(row, column)
            read = store.read(scene, window)
            inner = np.s_[
                piece.row_off - window.row_off : piece.row_off - window.row_off + piece.height,
                piece.col_off - window.col_off : piece.col_off - window.col_off + piece.width,
            ]
            if (read.classes[inner] == IGNORE).all():
                continue
            logits = _predict(network, read, grid.shape, spec, device)
            yield Labelled(read.pixels[:, *inner], read.classes[inner], read.valid[inner]), logits[:, *inner]


def _predict(
    network: nn.Module, read: Labelled, shape: tuple[int, int], spec: ModelSpec, device: torch.device
) -> torch.Tensor:
    height, width = read.classes.shape
    missing = (0, shape[0] - height), (0, shape[1] - width)
    pixels = np.pad(read.pixels, ((0, 0), *missing), mode="symmetric").astype(np.float32)
    valid = np.pad(read.valid, missing, mode="symmetric")
    chip = torch.from_numpy(pixels)[None].to(device)
    logits: torch.Tensor = network(normalised(chip, torch.from_numpy(valid)[None].to(device), spec))
    return logits[0, :, :height, :width]


def normalised(pixels: torch.Tensor, valid: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """Return what the network reads: (x - mean) / std, and 0, which is the mean, where there is no data.

    Args:
        pixels: (N, bands, H, W), scene units.
        valid: (N, H, W), True = data.
        spec: Whose mean and std to use.
    """
    mean, std = (_column(values, pixels) for values in (spec.mean, spec.std))
    return ((pixels - mean) / std * valid[:, None]).contiguous(memory_format=torch.channels_last)


def _column(values: Sequence[float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, -1, 1, 1)
