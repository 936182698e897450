"""Pyramids of tiles: every pixel of a raster is read once, and coarser levels are made of finer ones."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from seaice_cli.products.pictures.colors import VOID, Rgba
from seaice_cli.products.pictures.frames import Frame

TILE = 512
"""Pixels along the side of a tile."""
JPEG_QUALITY = 82
NOTHING = 255
"""The index of a tile of classes where there is no data."""
Tile = npt.NDArray[np.uint8]
Read = Callable[[Frame], Tile | None]
"""What a frame of one tile shows: (height, width, 4) of a scene, (height, width) of classes; None: nothing."""


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The levels of a frame; level 0 is the coarsest, one tile."""

    frame: Frame

    @property
    def levels(self) -> int:
        """How many levels there are."""
        longest = max(self.frame.height, self.frame.width)
        return max(1, math.ceil(math.log2(max(1.0, longest / TILE))) + 1)

    def tiles(self, read: Read) -> Iterator[tuple[str, Tile]]:
        """Yield the tiles that show something, by the name level_row_column; finer ones before those that they make."""
        found: list[tuple[str, Tile]] = []
        yield from self._below(read, (0, 0, 0), found)
        yield from found

    def _below(self, read: Read, at: tuple[int, int, int], made: list[tuple[str, Tile]]) -> Iterator[tuple[str, Tile]]:
        """Make one tile, appended to `made`, and yield those below it."""
        level, row, column = at
        name = f"{level}_{row}_{column}"
        if level == self.levels - 1:
            tile = read(self._frame_at(row, column))
        else:
            parts: list[Tile | None] = []
            for r, c in ((0, 0), (0, 1), (1, 0), (1, 1)):
                part: list[tuple[str, Tile]] = []
                if self._exists(level + 1, 2 * row + r, 2 * column + c):
                    yield from self._below(read, (level + 1, 2 * row + r, 2 * column + c), part)
                yield from part
                parts.append(part[0][1] if part else None)
            tile = _together(parts)
        if tile is not None:
            made.append((name, tile))

    def _exists(self, level: int, row: int, column: int) -> bool:
        side = TILE << (self.levels - 1 - level)
        return row * side < self.frame.height and column * side < self.frame.width

    def _frame_at(self, row: int, column: int) -> Frame:
        return self.frame.part(row * TILE, column * TILE, TILE, TILE)


def _together(parts: list[Tile | None]) -> Tile | None:
    """Return four tiles as one of half the resolution: means of colours, single pixels of classes."""
    known = next((part for part in parts if part is not None), None)
    if known is None:
        return None
    fill = np.full_like(known, NOTHING if known.ndim == 2 else 0)
    filled = [fill if part is None else part for part in parts]
    halves = [_half(part) for part in filled]
    return np.concatenate([np.concatenate(halves[:2], axis=1), np.concatenate(halves[2:], axis=1)], axis=0)


def _half(tile: Tile) -> Tile:
    if tile.ndim == 2:
        return tile[::2, ::2]
    pairs = tile.reshape(TILE // 2, 2, TILE // 2, 2, 4).astype(np.uint32)
    weight = (pairs[..., 3] > 0).astype(np.uint32)
    count = weight.sum(axis=(1, 3))
    colors = (pairs[..., :3] * weight[..., None]).sum(axis=(1, 3)) // np.maximum(count, 1)[..., None]
    half: Tile = np.concatenate([colors, np.where(count > 0, 255, 0)[..., None]], axis=2).astype(np.uint8)
    return half


def as_jpeg(tile: Rgba) -> bytes:
    """Return a tile of a scene as a JPEG, `VOID` where there is no data."""
    opaque = np.where(tile[..., 3:] > 0, tile[..., :3], np.array(VOID, np.uint8))
    return _encode(np.moveaxis(opaque, 2, 0), driver="JPEG", quality=JPEG_QUALITY)


def as_png(tile: Tile, palette: Mapping[int, tuple[int, int, int, int]]) -> bytes:
    """Return a tile of classes as a PNG with a palette; what has no colour is transparent."""
    table = np.zeros((256, 4), np.uint8)
    for value, color in palette.items():
        table[value] = color
    return _encode(np.moveaxis(table[tile], 2, 0), driver="PNG", zlevel=6)


def _encode(bands: npt.NDArray[np.uint8], **options: Any) -> bytes:
    count, height, width = bands.shape
    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED="NO"), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(count=count, height=height, width=width, dtype="uint8", **options) as file:
            file.write(bands)
        return bytes(memory.read())
