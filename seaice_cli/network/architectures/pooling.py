"""Pooling to a grid of fixed size that can also be exported, and normalisation of what was pooled to one value.

An adaptive pool cuts h rows into n cells that reach from floor(i*h/n) to ceil((i+1)*h/n). The exporters know that
only for sizes fixed beforehand; written with matrices of cells it holds for any size.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seaice_cli.network.architectures.segmenter import is_exporting


class AveragePool(nn.Module):
    """The mean of every cell of an n by n grid, as `nn.AdaptiveAvgPool2d` has it."""

    def __init__(self, cells: int) -> None:
        """Set the number of cells along either axis."""
        super().__init__()
        self.cells = cells

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, C, n, n) for maps (N, C, H, W)."""
        if not is_exporting():
            return F.adaptive_avg_pool2d(maps, self.cells)
        rows = cell_members(maps.shape[-2], self.cells, maps)
        columns = cell_members(maps.shape[-1], self.cells, maps)
        sums = rows @ maps @ columns.T
        return sums / (rows.sum(1)[:, None] * columns.sum(1))


def pool_maxima(maps: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Return the largest value of every cell of a grid, and where it is.

    Args:
        maps: (N, 1, H, W).
        cells: Number of cells along either axis.

    Returns:
        The maxima (N, 1, cells, cells) and their places in the flattened map, int64, of the same shape.
    """
    if not is_exporting():
        maxima, where = F.adaptive_max_pool2d(maps, cells, return_indices=True)
        return maxima, where
    width = maps.shape[-1]
    outside = torch.finfo(maps.dtype).min
    in_row = cell_members(width, cells, maps) > 0
    in_column = cell_members(maps.shape[-2], cells, maps) > 0
    along, column = maps[..., None, :].masked_fill(~in_row, outside).max(-1)  # (N, 1, H, cells)
    maxima, row = along[..., None, :, :].masked_fill(~in_column[..., None], outside).max(-2)  # (N, 1, cells, cells)
    return maxima, row * width + column.gather(-2, row)


def cell_members(length: int, cells: int, like: Tensor) -> Tensor:
    """Return which of `length` positions belong to which cell: ones and zeros (cells, length) of the type of `like`."""
    position = torch.arange(length, device=like.device)
    cell = torch.arange(cells, device=like.device)[:, None]
    starts, ends = cell * length // cells, -((-(cell + 1) * length) // cells)
    return ((position >= starts) & (position < ends)).to(like.dtype)


class PooledNorm(nn.BatchNorm2d):
    """Batch normalisation that takes the running statistics where a batch has one value per channel.

    A batch of one scene, pooled to one pixel, has no variance: `nn.BatchNorm2d` refuses it.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Return normalised maps (N, C, H, W)."""
        if not self.training or maps.shape[0] * maps.shape[-2] * maps.shape[-1] > 1:
            return super().forward(maps)
        return F.batch_norm(maps, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def mend_pooling(module: nn.Module) -> None:
    """Make the pooling branches of a library's decoder exportable, and trainable with a batch of one."""
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            setattr(module, name, _pooled_norm(child))
        elif isinstance(child, nn.AdaptiveAvgPool2d) and _cells(child) > 1:
            setattr(module, name, AveragePool(_cells(child)))
        else:
            mend_pooling(child)


def _cells(pool: nn.AdaptiveAvgPool2d) -> int:
    size = pool.output_size[0] if isinstance(pool.output_size, tuple) else pool.output_size
    return size or 1


def _pooled_norm(norm: nn.BatchNorm2d) -> PooledNorm:
    mended = PooledNorm(norm.num_features, eps=norm.eps, momentum=norm.momentum)
    mended.load_state_dict(norm.state_dict())
    return mended
