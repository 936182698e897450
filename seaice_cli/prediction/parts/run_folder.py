"""The hidden folder of a run, beside its target: its lock, what it computes, its parts, and what it is about to publish.

Beside `mask.tif` a run keeps a folder `.mask.tif.parts`:

    lock                held by the run that writes; a second run at the same target is refused
    manifest.json       what is computed: fingerprints of scene, model, options, version; a run only resumes what is equal
    publishing.json     which files are about to be published
    00003.*             parts, see `store`

When all parts are finished they are assembled and published, then the folder goes away. That cannot be done in one step, so
`.mask.tif.done` stands beside it meanwhile: a run killed there only tidies up when it is taken up.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from seaice_cli.errors import OutputError
from seaice_cli.locking import LOCK, hold
from seaice_cli.outputs import write_error
from seaice_cli.prediction.parts.store import PartStore, count_finished, read_json, write_json

log = logging.getLogger(__name__)
ANNOUNCED, DONE = "publishing.json", "done.json"


class RunFolder:
    """The folder of the run that writes a target.

    Args:
        target: The file that the run is to write.
        manifest: What is computed; parts of another manifest are discarded, and `discarded` says what differed.

    Raises:
        OutputError: The folder cannot be made, or another run holds it.
    """

    def __init__(self, target: Path, manifest: dict[str, Any]) -> None:
        self.path = folder_of(target)
        self.parts = PartStore(self.path, target)
        self.discarded: list[str] = []
        self.abandoned: list[Path] = []
        """What the run whose parts were discarded was about to publish."""
        self.published: dict[str, Any] | None = None
        """What `close` was told by an earlier run of this manifest that published everything and was killed while tidying up."""
        self._target, self._manifest = target, manifest
        self._lock: Any = None

    def __enter__(self) -> Self:
        self._lock = hold(self.path, self._target)
        try:
            self._take_up()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not self.parts.finished():
            self._remove()
        self._lock.close()

    def close(self, summary: dict[str, Any], *, keep_record: bool = False) -> None:
        """Remove the folder and all parts, once everything is published; `summary` is for a run that must finish this.

        With `keep_record` what was published stays on record, so that the same run makes nothing anew: `forget` ends that.
        """
        done = _done(self._target)
        if self.published is None:
            content = {"manifest": self._manifest, "summary": summary, "targets": announced(self._target)}
            with suppress(OSError, OutputError):  # all files have their names: a full disk is no failure any more
                self._write_json(self.path / DONE, content)
                (self.path / DONE).replace(done)
        self._remove()
        if not keep_record:
            done.unlink(missing_ok=True)

    def _remove(self) -> None:
        """Remove the folder, the lock last, so that nobody takes the folder over before it is empty."""
        try:
            self._empty()
            (self.path / LOCK).unlink()
            self.path.rmdir()
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("%s: cannot be removed (%s); it is needed no more", self.path, error.strerror)

    def _empty(self) -> None:
        for file in self.path.iterdir():
            if file.name != LOCK:
                file.unlink()

    def _take_up(self) -> None:
        self.published = published(self._target, self._manifest)
        if self.published is not None:
            return
        self._keep_what_matches(json.loads(json.dumps(self._manifest)))
        _done(self._target).unlink(missing_ok=True)

    def _keep_what_matches(self, wanted: dict[str, Any]) -> None:
        path = self.path / "manifest.json"
        saved = read_json(path)
        if saved != wanted:
            self.discarded = sorted(_differences(saved, wanted)) if saved else []
            self.abandoned = [Path(t) for t in announced(self._target)]
            path.unlink(
                missing_ok=True
            )  # first: a run that is killed here leaves no files that another takes for its own
            self._empty()
            self._write_json(path, wanted)

    def announce(self, targets: Sequence[Path]) -> None:
        """Note which files are about to be published, so that a run killed between two of them can go on."""
        self._write_json(self.path / ANNOUNCED, [str(t) for t in targets])

    def _write_json(self, path: Path, values: Any) -> None:
        try:
            write_json(path, values)
        except OSError as error:
            raise write_error(self._target, error) from error


def fingerprint(manifest: dict[str, Any]) -> str:
    """Return what tells a manifest from all others, in 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:32]


def published(target: Path, manifest: dict[str, Any]) -> dict[str, Any] | None:
    """Return the summary of a run of this manifest that has published everything and is still on record; None where there is none."""
    done = read_json(_done(target))
    if (
        done
        and done.get("manifest") == json.loads(json.dumps(manifest))
        and all(Path(t).exists() for t in done["targets"])
    ):
        summary: dict[str, Any] = done["summary"]
        return summary
    return None


def forget(target: Path) -> None:
    """Remove the record of what was published under a target."""
    _done(target).unlink(missing_ok=True)


def folder_of(target: Path) -> Path:
    """Return the folder of a target's run."""
    return target.parent / f".{target.name}.parts"


def finished_parts(target: Path) -> int:
    """Return how many parts an earlier run of a target has finished."""
    return count_finished(folder_of(target))


def announced(target: Path) -> list[str]:
    """Return the files that a killed run was about to publish, or had just published."""
    saved = read_json(folder_of(target) / ANNOUNCED) or (read_json(_done(target)) or {}).get("targets")
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
