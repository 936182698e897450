"""Hidden folders beside a target, each held by one run at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from seaice_cli.errors import OutputError

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
            if isinstance(error, FileNotFoundError) and target.parent.is_dir():
                continue  # the run that held it removed it between two of our steps
            raise OutputError(f"{target}: cannot be written ({error.strerror}); choose another place") from error
        if _is(lock, folder / LOCK):
            return lock
        lock.close()  # of a folder that was removed just now: the lock of nothing
    raise OutputError(f"{target}: other runs are writing it; wait for them, or choose another target")


def _take(folder: Path) -> Any:
    folder.mkdir(exist_ok=True)
    lock = (folder / LOCK).open("w")
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
