"""Publishing: the files of a run are made beside their targets, and get their names when all of them are there.

Everything is made under another name first; only when all is complete is it renamed, the first target last. So a mask under its
name is always complete, and so is everything that was made with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from seaice_cli.outputs import discard, partial_path, rename
from seaice_cli.prediction.parts.run_folder import RunFolder


def publish(run: RunFolder, makers: Mapping[Path, Callable[[Path], None]]) -> None:
    """Make all files of a run, and give them their names.

    Args:
        run: Notes what is about to be published, for a run that is killed meanwhile.
        makers: What writes each target, in order; the first, the mask, is renamed last.

    Raises:
        OutputError: A target cannot be written; none of them is there then.
    """
    targets = list(makers)
    for target in {*targets, *run.abandoned}:
        discard(partial_path(target))  # what a killed run may have left
    run.announce(targets)
    try:
        for target, make in makers.items():
            make(partial_path(target))
        for target in reversed(targets):
            rename(partial_path(target), target)
    except BaseException:
        for target in targets:
            discard(partial_path(target))
        raise
