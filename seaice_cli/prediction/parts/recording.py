"""The last stage of the line: finished rows become the compressed blocks of parts, and of overviews, and are counted.

All of it is done by threads beside the engine, a row of blocks at a time; blocks are compressed once, and only copied into the mask
in the end. Blocks lie at multiples of their size wherever parts end, so that the mask does not depend on the parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from seaice_cli.outputs import write_error
from seaice_cli.prediction.parts.classification import Classified
from seaice_cli.prediction.parts.counting import Counter, Counts
from seaice_cli.prediction.parts.store import BLEND, Part, PartStore
from seaice_cli.raster.processors import processors
from seaice_cli.raster.windows.blend import Blender
from seaice_cli.raster.writing.blocks import BLOCK, BlockFile, BlockWriter, Pixels, RowGatherer, compress, decompress
from seaice_cli.raster.writing.cog import Level
from seaice_cli.raster.writing.overviews import Overviews, shrink
from seaice_cli.raster.writing.workers import Workers

MASK, PROBABILITY = "mask", "probability"


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A row of blocks, compressed, and what it is in the overviews."""

    blocks: list[bytes]
    smaller: list[Pixels]
    counts: Counts | None


class _LayerRecorder:
    """Records one layer: its blocks, part by part, and its overviews."""

    def __init__(
        self, name: str, shape: tuple[int, int], store: PartStore, workers: Workers, *, overviews: bool
    ) -> None:
        self.name, self._shape, self._store, self._workers = name, shape, store, workers
        self.continuous = name == PROBABILITY
        self.overviews = Overviews(store.folder, name, shape if overviews else (0, 0))
        self._gatherer = RowGatherer(shape[0])
        self._files: list[BlockFile] = []
        self._writer: BlockWriter | None = None

    def add(self, rows: Pixels, counter: Counter | None, counts: Counts) -> None:
        """Take finished rows; what they hold is added to `counts` when it is known."""

        def take(encoded: _Encoded) -> None:
            if self._writer is not None:
                self._writer.write(encoded.blocks)
            if encoded.counts is not None:
                counts.add(encoded.counts)
            self._take_smaller(encoded.smaller)

        for start, band in self._gatherer.add(rows):
            areas = None if counter is None else counter.areas(start, band.shape)
            self._workers.submit(partial(self._encode, band, counter, areas), take)

    def _encode(self, rows: Pixels, counter: Counter | None, areas: npt.NDArray[np.float64] | None) -> _Encoded:
        smaller = shrink(rows, len(self.overviews.shapes), continuous=self.continuous)
        counts = counter.count(rows, areas) if counter is not None and areas is not None else None
        return _Encoded(compress(rows, continuous=self.continuous), smaller, counts)

    def _take_smaller(self, smaller: Sequence[Pixels]) -> None:
        for rows, then in self.overviews.add(smaller):
            self._workers.submit(partial(compress, rows, continuous=self.continuous), then)

    def begin_part(self, index: int) -> None:
        """Write what comes from now on into a part's file."""
        self._workers.call(lambda: self._open(index))

    def _open(self, index: int) -> None:
        self._writer = BlockWriter(self._store.blocks_path(index, self.name))

    def close_part(self) -> BlockFile:
        """Give the part's file its name."""
        if self._writer is None:
            raise ValueError("no part was begun")
        file = self._writer.close()
        self._writer = None
        self._files.append(file)
        return file

    @property
    def rest(self) -> Pixels:
        """Rows that do not fill a row of blocks yet."""
        rest = self._gatherer.rest
        return np.empty((0, self._shape[1]), np.uint8) if rest is None else rest

    def replay(self, part: Part) -> None:
        """Take a finished part of an earlier run: its blocks stay as they are, overviews are made of them."""
        file = self._store.blocks(part.index, self.name)
        across = -(-self._shape[1] // BLOCK)
        first = sum(len(f.sizes) for f in self._files) // across * BLOCK
        for number, blocks in enumerate(file.rows(across)):
            height = min(BLOCK, self._shape[0] - first - number * BLOCK)
            self._workers.submit(partial(self._restore, blocks, height), self._take_smaller)
        self._files.append(file)
        rest = self._store.carry(part.index, self.name)
        self._gatherer = RowGatherer(self._shape[0], first + len(file.sizes) // across * BLOCK, rest)

    def _restore(self, blocks: Sequence[bytes], height: int) -> list[Pixels]:
        rows = decompress(blocks, height, self._shape[1])
        return shrink(rows, len(self.overviews.shapes), continuous=self.continuous)

    def begin_at(self, start: int, rest: Sequence[Pixels]) -> None:
        """Begin in the middle of the scene, at a row of blocks, with the rows of it that others have finished."""
        known = [rows for rows in rest if len(rows)]
        self._gatherer = RowGatherer(self._shape[0], start, np.concatenate(known) if known else None)

    def close(self) -> list[Level]:
        """Return the layer and its overviews, complete."""
        files = self.overviews.close()
        smaller = [Level(shape, [file]) for shape, file in zip(self.overviews.shapes, files, strict=True)]
        return [Level(self._shape, self._files), *smaller]

    def discard(self) -> None:
        """Give up what is not finished."""
        self.overviews.discard()
        if self._writer is not None:
            self._writer.discard()


class Recorder:
    """Records the layers of a run in parts.

    Args:
        store: Where the parts are kept.
        layers: The names of the layers: `MASK`, and `PROBABILITY` if it is wanted.
        shape: (height, width) of the scene.
        counter: Counts the mask.
        overviews: Whether they are made; what computes only some of the parts makes none.

    Raises:
        OutputError: By every method: the disk is full, a part of an earlier run is damaged.
    """

    def __init__(
        self,
        store: PartStore,
        layers: Sequence[str],
        shape: tuple[int, int],
        counter: Counter,
        *,
        overviews: bool = True,
    ) -> None:
        self._store, self._counter = store, counter
        self._workers = Workers(processors())
        self._layers = [_LayerRecorder(name, shape, store, self._workers, overviews=overviews) for name in layers]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.__exit__(kind, error, trace)
        if error is not None:
            for layer in self._layers:
                layer.discard()
        if isinstance(error, OSError):
            raise write_error(self._store.named, error) from error

    def replay(self, parts: Sequence[Part]) -> None:
        """Take the finished parts of an earlier run."""
        for part in parts:
            for layer in self._layers:
                layer.replay(part)

    def lead_in(self, rows: Iterable[Classified], stop: int) -> None:
        """Take finished rows that other parts hold, up to row `stop`, where the first part recorded here begins.

        Of these, the blocks in which that row lies need those above it.
        """
        start = stop // BLOCK * BLOCK
        found: dict[str, list[Pixels]] = {layer.name: [] for layer in self._layers}
        for classified in rows:
            skipped = max(0, start - classified.start)
            for name, pixels in _pixels(classified).items():
                if name in found and pixels is not None:
                    found[name].append(pixels[skipped:])
        for layer in self._layers:
            layer.begin_at(start, found[layer.name])

    def record(self, rows: Iterable[Classified], parts: Sequence[Part], blender: Blender) -> None:
        """Record the rows of `parts`, and finish part after part, with what the blend carries over."""
        stream = iter(rows)
        for part in parts:
            counts = Counts()
            for layer in self._layers:
                layer.begin_part(part.index)
            for _ in part.grid_rows:
                self._add(next(stream), counts)
            self._carry_over(part, blender)
            self._workers.call(partial(self._finish, part, counts))
        next(stream, None)

    def _add(self, classified: Classified, counts: Counts) -> None:
        counts.uncertain += classified.uncertain
        for layer in self._layers:
            rows = _pixels(classified)[layer.name]
            if rows is None:
                raise ValueError(f"there are no rows of the layer {layer.name}")
            layer.add(rows, self._counter if layer.name == MASK else None, counts)

    def _carry_over(self, part: Part, blender: Blender) -> None:
        """Keep what the next part needs: on the disk at once, since all of it is as wide as the scene."""
        for layer in self._layers:
            self._store.carry_over(part.index, layer.name, layer.rest)
        carry = blender.carry(part.grid_rows[-1])
        if carry is not None:
            self._store.carry_over(part.index, BLEND, carry)

    def _finish(self, part: Part, counts: Counts) -> None:
        files = {layer.name: layer.close_part() for layer in self._layers}
        self._store.finish(part.index, counts, files)

    def close(self) -> dict[str, list[Level]]:
        """Wait for all threads; return every layer with its overviews."""
        self._workers.finish()
        return {layer.name: layer.close() for layer in self._layers}


def _pixels(rows: Classified) -> dict[str, Pixels | None]:
    """Return the pixels of rows by the name of their layer."""
    return {MASK: rows.classes, PROBABILITY: rows.per_cent}
