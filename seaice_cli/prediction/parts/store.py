"""Parts: full-width ranges of finished rows, kept in a folder so that a killed run can go on where it was.

    00003.mask.tif      finished rows of a layer, written as .partial and renamed
    00003.carry.npy     the rows that the blend carries over to the next part
    00003.json          written last: the part is finished; how many pixels of every class it holds, how large its files are

Only finished parts count.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.outputs import write_error


@dataclass(frozen=True, slots=True)
class Part:
    """A full-width range of output rows that is computed, saved and resumed as one."""

    index: int
    grid_rows: range
    """The grid rows whose windows finish it."""
    start: int
    stop: int
    """Output rows."""


@dataclass(slots=True)
class Counts:
    """What a part, or a whole run, has counted."""

    pixels: dict[int, int] = field(default_factory=dict)
    """By value of the mask."""
    ice_m2: float = 0.0
    windows: int = 0
    """Windows that the network saw."""
    uncertain: int = 0
    """Classified pixels whose likeliest class is not sure."""

    def add(self, other: Counts) -> None:
        """Count what another has counted, too."""
        for value, number in other.pixels.items():
            self.pixels[value] = self.pixels.get(value, 0) + number
        self.ice_m2 += other.ice_m2
        self.windows += other.windows
        self.uncertain += other.uncertain

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {**asdict(self), "pixels": {str(k): v for k, v in self.pixels.items()}}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Counts:
        """Read the counts from JSON values."""
        pixels = {int(k): int(v) for k, v in values["pixels"].items()}
        return cls(pixels, float(values["ice_m2"]), int(values["windows"]), int(values["uncertain"]))


class PartStore:
    """The parts in a folder.

    Args:
        folder: Where they are kept.
        named: The file that errors name: what the parts are for.
    """

    def __init__(self, folder: Path, named: Path) -> None:
        self.folder, self._named = folder, named

    def finished(self) -> int:
        """Return how many parts, from the first on without a gap, are finished."""
        return count_finished(self.folder)

    def counts(self, index: int) -> Counts:
        """Return what a finished part has counted."""
        return Counts.from_json(read_json(self._file(index, "json")) or Counts().to_json())

    def total(self) -> Counts:
        """Return what all finished parts have counted."""
        counts = Counts()
        for index in range(self.finished()):
            counts.add(self.counts(index))
        return counts

    def carry(self, index: int) -> npt.NDArray[np.float32] | None:
        """Return the rows that the blend carried out of a finished part."""
        path = self._file(index, "carry.npy")
        return np.load(path, allow_pickle=False) if path.exists() else None

    def layer(self, index: int, name: str) -> Path:
        """Return where a part's layer lies."""
        return self._file(index, f"{name}.tif")

    def finish(self, index: int, counts: Counts, carry: npt.NDArray[np.float32] | None) -> None:
        """Record a part as finished, once its layers are in place; the carry of the part before is needed no more."""
        try:
            if carry is not None:
                partial = self._file(index, "carry.partial")
                with partial.open("wb") as file:
                    np.save(file, carry)
                partial.replace(self._file(index, "carry.npy"))
            files = {
                f.name: f.stat().st_size for f in self.folder.glob(f"{index:05d}.*") if f.suffix in (".tif", ".npy")
            }
            write_json(self._file(index, "json"), {**counts.to_json(), "files": files})
            if index:
                self._file(index - 1, "carry.npy").unlink(missing_ok=True)
        except OSError as error:
            raise write_error(self._named, error) from error

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
    if not isinstance(record, dict):
        return False
    layers = {n: size for n, size in record.get("files", {}).items() if n.endswith(".tif")}
    return all(_size(folder / name) == size for name, size in layers.items())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
