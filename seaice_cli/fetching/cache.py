"""The user's cache: tiles that were fetched, and scenes that were made of them for `predict`."""

from __future__ import annotations

import os
from pathlib import Path

from seaice_cli.errors import OutputError

CACHE_VARIABLE = "SEAICE_CACHE"


def cache_folder(chosen: Path | None = None) -> Path:
    """Return the folder that is chosen, that the environment names, or one in the user's cache."""
    if chosen is not None:
        return chosen
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seaice" / "fetched"


def read_cached(path: Path) -> bytes | None:
    """Return a file of the cache, or None."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def write_cached(path: Path, content: bytes) -> None:
    """Put a file into the cache, complete or not at all, whoever else writes the same one.

    Raises:
        OutputError: The cache cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path}: the cache cannot be written ({error.strerror}); choose another with `cache`, or make room"
        ) from error
