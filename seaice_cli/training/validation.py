"""The score of a network on whole scenes while it is trained.

Windows overlap as in prediction, and each pixel is taken from the middle of a window, so that a score depends on what
the network sees and not on where a crop happens to end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from seaice_cli.evaluation.metrics.confusion import Confusion
from seaice_cli.network.spec import ModelSpec
from seaice_cli.raster.windows.grid import Grid
from seaice_cli.training.dataset import Labelled, SceneStore

SIZE, OVERLAP = 512, 128


@torch.no_grad()
def confuse(network: nn.Module, store: SceneStore, spec: ModelSpec, device: torch.device) -> Confusion:
    """Return the confusion matrix of a network over all scenes of a store; the network is left in evaluation mode."""
    counts = Confusion.empty(len(spec.classes))
    network.eval()
    for scene in range(len(store.scenes)):
        for labelled, predicted in classify(network, store, scene, spec, device):
            counts = counts.add(labelled.classes, predicted)
    return counts


def classify(
    network: nn.Module, store: SceneStore, scene: int, spec: ModelSpec, device: torch.device
) -> Iterator[tuple[Labelled, npt.NDArray[np.uint8]]]:
    """Yield what is labelled and what is predicted, piece by piece; pieces cover the scene exactly once."""
    source = store.scenes[scene]
    size = -(-SIZE // spec.stride) * spec.stride
    grid = Grid(source.height, source.width, size, OVERLAP, spec.stride)
    for row in range(len(grid.rows)):
        for column in range(len(grid.columns)):
            window, piece = grid.window(row, column), grid.piece(row, column)
            read = store.read(scene, window)
            classes = _predict(network, read, grid.shape, spec, device)
            inner = np.s_[
                piece.row_off - window.row_off : piece.row_off - window.row_off + piece.height,
                piece.col_off - window.col_off : piece.col_off - window.col_off + piece.width,
            ]
            yield Labelled(read.pixels[:, *inner], read.classes[inner], read.valid[inner]), classes[inner]


def _predict(
    network: nn.Module, read: Labelled, shape: tuple[int, int], spec: ModelSpec, device: torch.device
) -> npt.NDArray[np.uint8]:
    height, width = read.classes.shape
    missing = (0, shape[0] - height), (0, shape[1] - width)
    pixels = np.pad(read.pixels, ((0, 0), *missing), mode="symmetric").astype(np.float32)
    valid = np.pad(read.valid, missing, mode="symmetric")
    chip = torch.from_numpy(pixels)[None].to(device)
    logits = network(normalised(chip, torch.from_numpy(valid)[None].to(device), spec))
    classes = logits[0, :, :height, :width].argmax(0).to(torch.uint8)
    return np.asarray(classes.cpu().numpy())


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
