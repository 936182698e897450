"""From days to scenes: one file for one day, a file a day in a folder for several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from seaice_cli.errors import OptionError, OutputError, SeaIceError
from seaice_cli.fetching.writing import SUFFIXES, FetchedScene, check_target

FetchDay = Callable[[date, Path], FetchedScene]
"""Makes the scene of a day."""


def fetch_days(
    days: Sequence[date], output: Path, fetch: FetchDay, name: Callable[[date], str], *, overwrite: bool = False
) -> list[FetchedScene | SeaIceError]:
    """Fetch the scene of every day; a day that fails stops none of the others.

    Args:
        days: At least one.
        output: The scene of a single day, or the folder for several.
        fetch: Makes the scene of a day.
        name: What the file of a day is called in a folder, without its suffix.
        overwrite: Replace scenes that exist.

    Returns:
        For every day its scene, or why there is none.

    Raises:
        SeaIceError: Of a single day, or nothing can be written there.
    """
    if len(days) == 1:
        target = output / f"{name(days[0])}.tif" if output.is_dir() else output
        check_target(target, overwrite=overwrite)
        return [fetch(days[0], target)]
    if output.suffix.lower() in SUFFIXES:
        raise OptionError(f"{output}: several days need a folder, not a file")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made a folder ({error.strerror})") from error
    return [_one(day, output / f"{name(day)}.tif", fetch) for day in days]


def _one(day: date, target: Path, fetch: FetchDay) -> FetchedScene | SeaIceError:
    try:
        return fetch(day, target)
    except SeaIceError as error:
        return error
