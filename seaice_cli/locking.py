"""Locks: hidden folders beside a target, each held by one run at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seaice_cli.errors import OutputError
from seaice_cli.outputs import unwritable_folder

LOCK = "lock"
_TRIES = 100


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
            raise unwritable_folder(target, error) from error
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


def _is(lock: Any, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except OSError:
        return False
