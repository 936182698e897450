"""Parts: what a run has finished, kept beside the target so that a killed run can go on where it was.

Beside `mask.tif` a run keeps a hidden folder `.mask.tif.parts`:

    lock                held (flock) by the run that writes; a second run at the same target is refused
    manifest.json       what is computed: fingerprints of scene, model, options, version; a run only resumes what is equal
    00003.mask.tif      finished rows of a layer, written as .partial and renamed
    00003.carry.npy     the rows that the blend carries over to the next part
    00003.json          written last: the part is finished; how many pixels of every class it holds, how large its files are
    publishing.json     which files are about to be published

Only finished parts count. When all are finished the layers are assembled and published, then the folder goes away. That cannot
be done in one step, so `.mask.tif.done` stands beside it meanwhile: a run killed there only tidies up when it is taken up.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import OutputError
from seaice_cli.locking import LOCK, hold
from seaice_cli.outputs import write_error

log = logging.getLogger(__name__)
ANNOUNCED, DONE = "publishing.json", "done.json"


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

    def add(self, other: Counts) -> None:
        """Count what another has counted, too."""
        for value, number in other.pixels.items():
            self.pixels[value] = self.pixels.get(value, 0) + number
        self.ice_m2 += other.ice_m2
        self.windows += other.windows

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {"pixels": {str(k): v for k, v in self.pixels.items()}, "ice_m2": self.ice_m2, "windows": self.windows}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Counts:
        """Read the counts from JSON values."""
        return cls(
            {int(k): int(v) for k, v in values["pixels"].items()}, float(values["ice_m2"]), int(values["windows"])
        )


class PartStore:
    """The folder of parts beside a target.

    Args:
        target: The file that the run is to write.
        manifest: What is computed; parts of another manifest are discarded, and `discarded` says what differed.

    Raises:
        OutputError: The folder cannot be made, or another run holds it.
    """

    def __init__(self, target: Path, manifest: dict[str, Any]) -> None:
        self.folder = parts_folder(target)
        self.discarded: list[str] = []
        self.abandoned: list[Path] = []
        """What the run whose parts were discarded was about to publish."""
        self.published: dict[str, Any] | None = None
        """What `close` was told by an earlier run of this manifest that published everything and was killed while tidying up."""
        self._target = target
        self._manifest = manifest
        self._lock: Any = None

    def __enter__(self) -> Self:
        self._lock = hold(self.folder, self._target)
        try:
            self._take_up()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not self.finished():
            self._remove()
        self._lock.close()

    def close(self, summary: dict[str, Any]) -> None:
        """Remove the folder and all parts, once everything is published; `summary` is for a run that must finish this."""
        done = _done(self._target)
        if self.published is None:
            content = {"manifest": self._manifest, "summary": summary, "targets": announced(self._target)}
            with suppress(OSError, OutputError):  # all files have their names: a full disk is no failure any more
                self._write_json(self.folder / DONE, content)
                (self.folder / DONE).replace(done)
        self._remove()
        done.unlink(missing_ok=True)

    def _remove(self) -> None:
        """Remove the folder, the lock last, so that nobody takes the folder over before it is empty."""
        try:
            self._empty()
            (self.folder / LOCK).unlink()
            self.folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("%s: cannot be removed (%s); it is needed no more", self.folder, error.strerror)

    def _empty(self) -> None:
        for file in self.folder.iterdir():
            if file.name != LOCK:
                file.unlink()

    def _take_up(self) -> None:
        done = _read_json(_done(self._target))
        wanted = json.loads(json.dumps(self._manifest))
        if done and done.get("manifest") == wanted and all(Path(t).exists() for t in done["targets"]):
            self.published = done["summary"]
            return
        self._keep_what_matches(wanted)
        _done(self._target).unlink(missing_ok=True)

    def _keep_what_matches(self, wanted: dict[str, Any]) -> None:
        path = self.folder / "manifest.json"
        saved = _read_json(path)
        if saved != wanted:
            self.discarded = sorted(_differences(saved, wanted)) if saved else []
            self.abandoned = [Path(t) for t in announced(self._target)]
            path.unlink(
                missing_ok=True
            )  # first: a run that is killed here leaves no files that another takes for its own
            self._empty()
            self._write_json(path, wanted)

    def finished(self) -> int:
        """Return how many parts, from the first on without a gap, are finished."""
        return count_finished(self._target)

    def announce(self, targets: Sequence[Path]) -> None:
        """Note which files are about to be published, so that a run killed between two of them can go on."""
        self._write_json(self.folder / ANNOUNCED, [str(t) for t in targets])

    def counts(self, index: int) -> Counts:
        """Return what a finished part has counted."""
        return Counts.from_json(_read_json(self._file(index, "json")) or {"pixels": {}, "ice_m2": 0, "windows": 0})

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
            self._write_json(self._file(index, "json"), {**counts.to_json(), "files": files})
            if index:
                self._file(index - 1, "carry.npy").unlink(missing_ok=True)
        except OSError as error:
            raise write_error(self._target, error) from error

    def _file(self, index: int, suffix: str) -> Path:
        return self.folder / f"{index:05d}.{suffix}"

    def _write_json(self, path: Path, values: Any) -> None:
        partial = path.with_suffix(".partial")
        try:
            partial.write_text(json.dumps(values, indent=1))
            partial.replace(path)
        except OSError as error:
            raise write_error(self._target, error) from error


def parts_folder(target: Path) -> Path:
    """Return the folder of parts beside a target."""
    return target.parent / f".{target.name}.parts"


def count_finished(target: Path) -> int:
    """Return how many parts of a target, from the first on without a gap, are finished."""
    folder = parts_folder(target)
    count = 0
    while _whole(folder, count):
        count += 1
    last = _read_json(folder / f"{count - 1:05d}.json") or {}
    carried = [name for name in last.get("files", {}) if name.endswith(".npy")]
    return count if all((folder / name).exists() for name in carried) else 0


def _whole(folder: Path, index: int) -> bool:
    """Tell whether a part is recorded as finished and its layers are there, as long as they were written."""
    record = _read_json(folder / f"{index:05d}.json")
    if not isinstance(record, dict):
        return False
    layers = {n: size for n, size in record.get("files", {}).items() if n.endswith(".tif")}
    return all(_size(folder / name) == size for name, size in layers.items())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def announced(target: Path) -> list[str]:
    """Return the files that a killed run was about to publish, or had just published."""
    saved = _read_json(parts_folder(target) / ANNOUNCED) or (_read_json(_done(target)) or {}).get("targets")
    return [str(t) for t in saved] if isinstance(saved, list) else []


def _differences(saved: Any, wanted: Any, name: str = "") -> Iterator[str]:
    """Yield the dotted names of what differs between two manifests."""
    if isinstance(saved, dict) and isinstance(wanted, dict):
        for key in saved.keys() | wanted.keys():
            yield from _differences(saved.get(key), wanted.get(key), f"{name}.{key}" if name else key)
    elif saved != wanted:
        yield name


def _done(target: Path) -> Path:
    return target.parent / f".{target.name}.done"


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
