"""Locks: hidden folders beside a target, each held by one run at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from seaice_cli.errors import OutputError
from seaice_cli.outputs import unwritable_folder

LOCK = "lock"
_TRIES = 100


def hold(folder: Path, target: Path) -> ExitStack:
    """Make the folder of a target's run, and lock it; closing what is returned lets it go, and so does the end of the process.

    Raises:
        OutputError: The folder cannot be made, or another run holds it.
    """
    # A lock of the system ends with its process. A marker file, which filelock takes where the system has none, would not.
    lock = FileLock(folder / LOCK, timeout=0, thread_local=False, fallback_to_soft=False)
    for _ in range(_TRIES):
        try:
            if _acquire(lock, folder):
                held = ExitStack()
                held.callback(lock.release)
                return held
        except Timeout as error:
            raise OutputError(f"{target}: another run is writing it; wait for it, or choose another target") from error
        except OSError as error:
            raise unwritable_folder(target, error) from error
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


def _acquire(lock: FileLock, folder: Path) -> bool:
    """Take the lock in a folder; False where the run that held the folder removed it between two of our steps."""
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError:
        if os.path.lexists(folder):
            raise
        return False
    try:
        lock.acquire()
    except FileNotFoundError:
        return False
    except Timeout:  # an OSError, too
        raise
    except OSError:
        with suppress(OSError):
            folder.rmdir()  # empty, unless another run is quicker
        raise
    return True
