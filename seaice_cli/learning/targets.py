"""Files and folders that appear complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rasterio._err import CPLE_BaseError  # what closing a dataset raises on a full disk; there is no public name for it
from rasterio.errors import RasterioError

from seaice_cli.errors import OutputError


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Refuse a file that is there already, or whose folder is not.

    Raises:
        OutputError: `target` exists and `overwrite` is not set, is a folder, or lies in a folder that does not exist.
    """
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; name a file")
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already; --overwrite replaces it")
    if not target.parent.is_dir():
        raise OutputError(f"{target}: the folder {target.parent} does not exist; make it first")


@contextmanager
def new_file(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a path beside `target` to write to, which becomes `target` when all went well.

    Raises:
        OutputError: As `refuse_existing`, or the file cannot be written.
    """
    refuse_existing(target, overwrite=overwrite)
    partial = target.with_name(f".{target.stem}.partial{target.suffix}")
    try:
        with writing(target):
            yield partial
            os.replace(partial, target)  # noqa: PTH105 - the one call whose name says that it is atomic
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_folder(target: Path, *, overwrite: bool, marker: str) -> Iterator[Path]:
    """Give a folder beside `target` to fill, which becomes `target` when all went well.

    Args:
        target: A folder that does not exist yet or is empty.
        overwrite: Replace an existing folder, if the file `marker` in it shows that it was made by this package.
        marker: The name of a file that every such folder holds.

    Raises:
        OutputError: `target` holds files and must not be replaced, or cannot be written.
    """
    refuse_filled(target, overwrite=overwrite, marker=marker)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(partial, ignore_errors=True)  # what a killed run left
            partial.mkdir()
            yield partial
            if target.exists():
                shutil.rmtree(target)
            partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def refuse_filled(target: Path, *, overwrite: bool, marker: str) -> None:
    """Refuse a folder that holds anything, unless it may be overwritten and was made by this package.

    Raises:
        OutputError: As said.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OutputError(f"{target}: is no folder; name a new one")
    if not target.exists() or not any(target.iterdir()):
        return
    if not overwrite:
        raise OutputError(f"{target}: holds files already; name a new folder, or --overwrite")
    if not (target / marker).is_file():
        raise OutputError(f"{target}: holds no {marker}, so its files are not ours to overwrite; name a new folder")


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is written into an `OutputError` that names it.

    Raises:
        OutputError: The disk is full, the folder is gone, ...
    """
    try:
        yield
    except (OSError, RasterioError, CPLE_BaseError) as error:
        raise OutputError(f"{target}: cannot be written ({reason_of(error)})") from error


def reason_of(error: BaseException) -> str:
    """Return in one short line what an error of the system, or of GDAL behind rasterio, was about."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error.__cause__ or error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
