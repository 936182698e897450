"""Blocks: the squares in which a raster is stored, each compressed on its own, and files of them.

Classes are compressed by DEFLATE that looks for nothing but runs of one value: half the processor time of LZW, which every reader
of TIFF knows as well, for 1.08 times its size. Means have few runs and are compressed in full.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
BLOCK = 512
"""Pixels along the side of a block."""
FRAME = 4
"""Bytes before a block, its size, and bytes after it, its last ones again: as GDAL's COG driver does, so that a reader on the
network learns a block's size with the block, and sees whether it is whole."""
_MEMORY = 9
"""Of zlib, the most."""


def compress(rows: Pixels, *, continuous: bool = False) -> list[bytes]:
    """Return the compressed blocks of a row of blocks, (at most `BLOCK`, width), from left to right.

    Blocks that reach beyond the raster repeat its last row and column there.

    Args:
        rows: The pixels.
        continuous: Whether they are quantities; else they are classes.
    """
    return [_deflate(_whole(rows[:, left : left + BLOCK]), continuous) for left in range(0, rows.shape[1], BLOCK)]


def _whole(pixels: Pixels) -> Pixels:
    below, right = BLOCK - pixels.shape[0], BLOCK - pixels.shape[1]
    return np.pad(pixels, ((0, below), (0, right)), mode="edge") if below or right else pixels


def _deflate(pixels: Pixels, continuous: bool) -> bytes:  # noqa: FBT001 - of this module
    level, strategy = (3, zlib.Z_DEFAULT_STRATEGY) if continuous else (1, zlib.Z_RLE)
    deflater = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS, _MEMORY, strategy)
    return deflater.compress(np.ascontiguousarray(pixels).data) + deflater.flush()


def decompress(blocks: Sequence[bytes], height: int, width: int) -> Pixels:
    """Return the pixels, (height, width), of a row of blocks.

    Raises:
        OSError: A block is damaged: DEFLATE carries a checksum of what it holds.
    """
    rows = np.empty((height, width), np.uint8)
    for left, block in zip(range(0, width, BLOCK), blocks, strict=True):
        try:
            pixels = np.frombuffer(zlib.decompress(block), np.uint8).reshape(BLOCK, BLOCK)
        except (zlib.error, ValueError) as error:
            raise OSError(f"a block is damaged ({error})") from error
        rows[:, left : left + BLOCK] = pixels[:height, : width - left]
    return rows


@dataclass(frozen=True, slots=True)
class BlockFile:
    """Blocks one after the other in a file, in reading order, each in its frame."""

    path: Path
    sizes: Sequence[int]
    """Bytes of each, without its frame."""

    @property
    def length(self) -> int:
        """Bytes of the file."""
        return framed(self.sizes)

    def rows(self, across: int) -> Iterator[list[bytes]]:
        """Yield the blocks row by row, `across` in a row."""
        with self.path.open("rb") as file:
            for first in range(0, len(self.sizes), across):
                yield [file.read(size + 2 * FRAME)[FRAME:-FRAME] for size in self.sizes[first : first + across]]


def framed(sizes: Sequence[int]) -> int:
    """Return how many bytes blocks of these sizes take with their frames."""
    return sum(sizes) + 2 * FRAME * len(sizes)


@dataclass(slots=True)
class BlockWriter:
    """Writes blocks to a file that gets its name when it is closed.

    Raises:
        OSError: By every method: the disk is full, the folder is gone, ...
    """

    path: Path
    sizes: list[int] = field(default_factory=list)
    _file: IO[bytes] | None = None

    def write(self, blocks: Sequence[bytes]) -> None:
        """Append blocks."""
        if self._file is None:
            self._file = self._partial.open("wb")
        for block in blocks:
            self._file.write(len(block).to_bytes(FRAME, "little") + block + block[-FRAME:])
            self.sizes.append(len(block))

    def close(self) -> BlockFile:
        """Give the file its name; it is there even where no blocks came."""
        self.write(())
        if self._file is not None:
            self._file.close()
        if self._partial.stat().st_size != framed(self.sizes):
            raise OSError("it is shorter than what was written")
        self._partial.replace(self.path)
        return BlockFile(self.path, self.sizes)

    def discard(self) -> None:
        """Give up the file."""
        if self._file is not None:
            self._file.close()
        self._partial.unlink(missing_ok=True)

    @property
    def _partial(self) -> Path:
        return self.path.with_suffix(".partial")


class RowGatherer:
    """Gathers rows that come from top to bottom into rows of blocks.

    Args:
        height: Of the raster.
        at: How many rows, a multiple of `BLOCK`, were handed on before.
        rest: Rows that came after those and were not handed on: what `rest` was then.
    """

    def __init__(self, height: int, at: int = 0, rest: Pixels | None = None) -> None:
        self._height, self._at = height, at
        self.rest = rest
        """Rows that do not fill a row of blocks yet."""

    def add(self, rows: Pixels) -> list[tuple[int, Pixels]]:
        """Take rows; return the rows of blocks that are complete now, each with its first row; the last may be lower."""
        ready = []
        while len(rows):
            held = self.rest
            missing = min(BLOCK, self._height - self._at) - (0 if held is None else len(held))
            # Each in memory of its own, so that none keeps the others from being freed.
            self.rest = np.concatenate([held, rows[:missing]]) if held is not None else rows[:missing].copy()
            if len(rows) >= missing:
                ready.append((self._at, self.rest))
                self._at += len(self.rest)
                self.rest = None
            rows = rows[missing:]
        return ready
