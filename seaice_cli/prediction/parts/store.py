"""Parts: what a run has finished, kept in a folder so that a killed run can go on where it was.

    00003.mask.blocks       compressed blocks of a layer, one after the other, written as .partial and renamed
    00003.mask.carry.npy    finished rows that do not fill a row of blocks yet: they belong to the next part
    00003.blend.carry.npy   the rows that the blend carries over to the next part
    00003.json              written last: the part is finished; how many pixels of every class it holds, how large its files are

Only finished parts count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.outputs import write_error
from seaice_cli.prediction.parts.counting import Counts
from seaice_cli.raster.writing.blocks import BlockFile

BLEND = "blend"
"""What the blend carries over."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is computed, saved and resumed as one: what is finished with a range of grid rows."""

    index: int
    grid_rows: range


class PartStore:
    """The parts in a folder.

    Args:
        folder: Where they are kept.
        named: The file that errors name: what the parts are for.
    """

    def __init__(self, folder: Path, named: Path) -> None:
        self.folder, self.named = folder, named

    def finished(self) -> int:
        """Return how many parts, from the first on without a gap, are finished."""
        return count_finished(self.folder)

    def total(self) -> Counts:
        """Return what all finished parts have counted."""
        counts = Counts()
        for index in range(self.finished()):
            counts.add(Counts.from_json(self._record(index)))
        return counts

    def carry(self, index: int, name: str) -> npt.NDArray[Any] | None:
        """Return what a finished part carries over to the next: to the blend (`BLEND`), or to a layer of that name."""
        path = self._file(index, f"{name}.carry.npy")
        return np.load(path, allow_pickle=False) if path.exists() else None

    def blocks_path(self, index: int, layer: str) -> Path:
        """Return where the blocks of a part's layer lie."""
        return self._file(index, f"{layer}.blocks")

    def blocks(self, index: int, layer: str) -> BlockFile:
        """Return the blocks of a layer of a finished part."""
        return BlockFile(self.blocks_path(index, layer), self._record(index)["sizes"][layer])

    def carry_over(self, index: int, name: str, pixels: npt.NDArray[Any]) -> None:
        """Keep what a part that is about to be finished carries over."""
        partial = self._file(index, "carry.partial")
        try:
            with partial.open("wb") as file:
                np.save(file, pixels)
            partial.replace(self._file(index, f"{name}.carry.npy"))
        except OSError as error:
            raise write_error(self.named, error) from error

    def finish(self, index: int, counts: Counts, layers: Mapping[str, BlockFile]) -> None:
        """Record a part as finished, once its layers are in place; what the part before has carried over is needed no more."""
        try:
            files = {
                f.name: f.stat().st_size for f in self.folder.glob(f"{index:05d}.*") if f.suffix in (".blocks", ".npy")
            }
            sizes = {name: list(file.sizes) for name, file in layers.items()}
            write_json(self._file(index, "json"), {**counts.to_json(), "files": files, "sizes": sizes})
            for carry in self.folder.glob(f"{index - 1:05d}.*.npy"):
                carry.unlink(missing_ok=True)
        except OSError as error:
            raise write_error(self.named, error) from error

    def _record(self, index: int) -> Any:
        return read_json(self._file(index, "json"))

    def _file(self, index: int, suffix: str) -> Path:
        return self.folder / f"{index:05d}.{suffix}"


def count_finished(folder: Path) -> int:
    """Return how many parts in a folder, from the first on without a gap, are finished."""
    count = 0
    while _whole(folder, count):
        count += 1
    last = read_json(folder / f"{count - 1:05d}.json") or {}
    carried = [name for name in last.get("files", {}) if name.endswith(".npy")]
    return count if all((folder / name).exists() for name in carried) else 0


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file that is complete or not there.

    Raises:
        OSError: It cannot be written.
    """
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(values, indent=1))
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Return the values of a JSON file; None where it is missing or damaged."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _whole(folder: Path, index: int) -> bool:
    """Tell whether a part is recorded as finished and its layers are there, as long as they were written."""
    record = read_json(folder / f"{index:05d}.json")
    if not isinstance(record, dict) or "sizes" not in record:
        return False
    layers = {n: size for n, size in record.get("files", {}).items() if n.endswith(".blocks")}
    return all(_size(folder / name) == size for name, size in layers.items())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
