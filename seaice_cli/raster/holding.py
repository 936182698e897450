"""Where a run writes: whether a file can be made there, and hidden folders beside a target, each held by one run at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seaice_cli.errors import OutputError

LOCK = "lock"
_TRIES = 100


def refuse_folder(target: Path) -> None:
    """Refuse a target beside which no file can be made: on a read-only disk, under /proc, without the right to write.

    Only trying tells: root has the right to write anywhere, and a file system may have none to give. The file has no name where the
    system knows such files.

    Raises:
        OutputError: None can be made.
    """
    try:
        tempfile.TemporaryFile(dir=target.parent).close()
    except OSError as error:
        raise _unmakeable(target, error) from error


def hold(folder: Path, target: Path) -> Any:
    """Make the folder of a target's run, and return its open lock; closing that lets it go.

    Raises:
        OutputError: The folder cannot be made, or another run holds it.
    """
    for _ in range(_TRIES):
        try:
            lock = _take(folder)
        except BlockingIOError as error:
            raise OutputError(f"{target}: another run is writing it; wait for it, or choose another target") from error
        except OSError as error:
            raise _unmakeable(target, error) from error
        if lock is None:
            continue
        if _is(lock, folder / LOCK):
            return lock
        lock.close()  # of a folder that was removed just now: the lock of nothing
    raise OutputError(f"{target}: other runs are writing it; wait for them, or choose another target")


@contextmanager
def alone(folder: Path, target: Path) -> Iterator[None]:
    """Hold the folder of a target's run, and remove it in the end if it is empty.

    Raises:
        OutputError: The folder cannot be made, or another run holds it.
    """
    with hold(folder, target):
        try:
            yield
        finally:
            with suppress(OSError):
                (folder / LOCK).unlink()
                folder.rmdir()


def _take(folder: Path) -> Any:
    """Return the locked file, or None where the run that held the folder removed it between two of our steps."""
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError:
        if os.path.lexists(folder):
            raise
        return None
    try:
        lock = (folder / LOCK).open("w")
    except FileNotFoundError:
        return None
    except OSError:
        with suppress(OSError):
            folder.rmdir()  # empty, unless another run is quicker
        raise
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        lock.close()
        raise
    return lock


def _unmakeable(target: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{target}: cannot be written, because no file can be made beside it ({error.strerror}); make room or choose another place"
    )


def _is(lock: Any, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except OSError:
        return False
