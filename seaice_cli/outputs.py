"""Files and folders that appear complete or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rasterio._err import CPLE_BaseError  # what closing a dataset raises on a full disk; there is no public name for it
from rasterio.errors import RasterioError

from seaice_cli.errors import WAYS_OUT, OutputError
from seaice_cli.sidecars import (
    OWN,
    STYLE,
    place_file,
    refuse_database_in_use,
    refuse_long_name,
    remove_sidecars,
    sidecar_path,
)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def new_file(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a path beside `target` to write to, which becomes `target` when all went well.

    Raises:
        OutputError: As `refuse_target`, or the file cannot be written.
    """
    refuse_target(target, overwrite=overwrite)
    partial = target.with_name(f".{target.stem}.partial{target.suffix}")
    try:
        with writing(target):
            yield partial
            remove_sidecars(target)
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
        raise OutputError(f"{target}: holds files already; name a new folder, or `overwrite`")
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
    if _files_exhausted():
        return f"too many files are open; {WAYS_OUT[errno.EMFILE]}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error.__cause__ or error).strip().splitlines()
    return shorten(lines[0]) if lines else type(error).__name__


def shorten(text: str, most: int = 400) -> str:
    """Return a text of others, cut behind a word where it is longer than any advice is."""
    return text if len(text) <= most else f"{text[:most].rpartition(' ')[0] or text[:most]} ..."


def _files_exhausted() -> bool:
    """Tell whether no more file can be opened: GDAL then says that the one it wanted is damaged, or not there."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


def partial_path(target: Path) -> Path:
    """Return where a file is written before it gets its name."""
    return target.parent / f".{target.stem}.partial{target.suffix}"


def rename(finished: Path, target: Path) -> None:
    """Give a finished file and its sidecars, or a folder's finished files, their names; no sidecar of an earlier file stays.

    Raises:
        OutputError: The folder cannot be written any more, or the target is a database that another program has open.
    """
    try:
        remove_sidecars(target)
        if finished.is_dir():
            for file in sorted(finished.iterdir(), key=lambda f: f.name == target.name):
                file.replace(target.parent / file.name)
            finished.rmdir()
            return
        for end in OWN:
            sidecar = sidecar_path(finished, end)
            if sidecar.exists():
                place_file(sidecar, sidecar_path(target, end))
        finished.replace(target)
    except OSError as error:
        raise write_error(target, error) from error


def refuse_target(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that exists already, is open in another program, has too long a name, or whose folder does not exist.

    Raises:
        OutputError: It does; the text says what to do.
    """
    refuse_long_name(target)
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; name a file in it")
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already; add `overwrite`, or choose another name")
    if not target.parent.is_dir():
        raise OutputError(f"{target}: there is no folder {target.parent}; make it first")
    refuse_database_in_use(target)


def discard(partial: Path) -> None:
    """Remove an unfinished file, or folder of files, and what GDAL may have made beside it."""
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
        return
    for suffix in ("", ".aux.xml", ".ovr.tmp", ".msk.ovr.tmp"):
        with suppress(OSError):
            (partial.parent / f"{partial.name}{suffix}").unlink(missing_ok=True)
    with suppress(OSError):
        sidecar_path(partial, STYLE).unlink(missing_ok=True)


def refuse_unwritable_folder(target: Path) -> None:
    """Refuse a target beside which no file can be made: on a read-only disk, under /proc, without the right to write.

    Only trying tells: root has the right to write anywhere, and a file system may have none to give. The file has no name where the
    system knows such files.

    Raises:
        OutputError: None can be made.
    """
    try:
        tempfile.TemporaryFile(dir=target.parent).close()
    except OSError as error:
        raise unwritable_folder(target, error) from error


def write_error(target: Path, error: BaseException) -> OutputError:
    """Return the error of a target that cannot be written."""
    number = getattr(error, "errno", None)
    lines = str(getattr(error, "strerror", None) or error.__cause__ or error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    if number in WAYS_OUT:
        return OutputError(f"{target}: cannot be written ({reason}); {WAYS_OUT[number]}")
    way_out = "make room or choose another place" if number in _FULL else "choose another place or name"
    with suppress(OSError):
        free = shutil.disk_usage(target.parent if target.parent.is_dir() else Path()).free
        if free < (256 << 20):
            way_out = f"only {free >> 20} MiB are free there; make room or choose another place"
    return OutputError(f"{target}: cannot be written ({reason}); {way_out}")


def unwritable_folder(target: Path, error: OSError) -> OutputError:
    """Return the error of a target beside which no file can be made."""
    return OutputError(
        f"{target}: cannot be written, because no file can be made beside it ({error.strerror}); make room or choose another place"
    )
