"""The parts of a scene that several machines compute, in a place that all of them reach: a shared folder, or a bucket.

The place is named by the fingerprint of the run, so parts of other scenes, models or options never meet. A part is there once its
record is: it is put last. Whoever computes a part again puts the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from seaice_cli.prediction.parts.counting import Counts
from seaice_cli.prediction.parts.store import PartStore
from seaice_cli.prediction.scenes.pairing import BatchItem
from seaice_cli.raster.writing.blocks import BlockFile
from seaice_cli.storage import Storage, split


@dataclass(frozen=True, slots=True)
class SharedParts:
    """The parts of one run.

    Args:
        place: A folder, or an address in object storage.
        fingerprint: Of the run's manifest.
        count: How many parts the run has.
        grid_rows: How many grid rows they consist of.
    """

    place: str
    fingerprint: str
    count: int
    grid_rows: int

    @classmethod
    def of(cls, item: BatchItem, fingerprint: str, count: int, grid_rows: int) -> SharedParts:
        """Return where the parts of an item lie: beside its target."""
        folder, name = split(item.upload) if item.upload else (str(item.target.absolute().parent), item.target.name)
        return cls(f"{folder}/.{name}.{fingerprint}.parts", fingerprint, count, grid_rows)

    def missing(self) -> list[int]:
        """Return the parts that nobody has finished yet."""
        there = set(Storage(self.place).names())
        return [index for index in range(self.count) if f"{index:05d}.json" not in there]

    def fetch(self, folder: Path) -> None:
        """Copy all parts into the folder of a run."""
        storage = Storage(self.place)
        for name in storage.names():
            if name.endswith((".blocks", ".json")):
                storage.fetch(name, folder / name)

    def remove(self) -> None:
        """Remove all parts."""
        storage = Storage(self.place)
        storage.remove([name for name in storage.names() if name.endswith((".blocks", ".json"))])


class DeliveringStore(PartStore):
    """Keeps a part in a folder of this machine until it is finished, then puts it where all reach it.

    Args:
        folder: Of this machine.
        named: The file that errors name.
        shared: Where the parts go.
    """

    def __init__(self, folder: Path, named: Path, shared: SharedParts) -> None:
        super().__init__(folder, named)
        self._storage = Storage(shared.place)

    def carry_over(self, index: int, name: str, pixels: npt.NDArray[Any]) -> None:
        """Keep nothing: what the blend carries is far larger than a part, and whoever goes on computes it anew."""

    def finish(self, index: int, counts: Counts, layers: Mapping[str, BlockFile]) -> None:
        """Record a part as finished, and put it where all reach it, its record last."""
        super().finish(index, counts, layers)
        files = [self.blocks_path(index, layer) for layer in layers]
        for file in (*files, self.folder / f"{index:05d}.json"):
            self._storage.put(file.name, file)
            file.unlink()


def consecutive(parts: Sequence[int]) -> list[range]:
    """Return the stretches of numbers without a gap."""
    found: list[range] = []
    for part in parts:
        if found and found[-1].stop == part:
            found[-1] = range(found[-1].start, part + 1)
        else:
            found.append(range(part, part + 1))
    return found


def divide(parts: Sequence[int], tasks: int) -> list[range]:
    """Return ranges of parts, about as many as tasks, each without a gap and of about the same length."""
    length = max(1, -(-len(parts) // max(1, tasks)))
    return [
        range(start, min(start + length, stretch.stop))
        for stretch in consecutive(parts)
        for start in range(stretch.start, stretch.stop, length)
    ]
