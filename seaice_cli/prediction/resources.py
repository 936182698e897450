"""What a run takes of the machine: memory and disk, estimated before it starts."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

from seaice_cli.errors import OutputError, SceneError
from seaice_cli.network.engines import ENGINE_KINDS
from seaice_cli.network.spec import ModelSpec, scene_dtype
from seaice_cli.raster.windows.grid import Grid
from seaice_cli.raster.writing.blocks import BLOCK

SMALL_STRIP = 64 << 20
"""Bytes of the rows under one grid row that may well lie in memory a third time."""
_STRIPS = 2
"""Rows under one grid row that are held at once: those being read, and those that the engine still sees."""
_SEEN = 7
"""Windows that an engine on a CPU and the stages beside it hold, at most."""
_BANDS = 5
"""Rows of blocks of a layer that are held at once: gathered, waiting for a thread, or being compressed, with their overviews."""


def memory_bytes(grid: Grid, spec: ModelSpec, layers: int, engine: str) -> int:
    """Estimate the peak: a constant of the engine, and what grows with the width, never with the height."""
    rows, columns = grid.shape
    strip = strip_bytes(grid, spec) * _STRIPS + min(strip_bytes(grid, spec), SMALL_STRIP) + grid.width * rows
    carried = grid.width * max(1, grid.overlap // 2) * len(spec.classes) * 4 * 2
    kept = grid.width * layers * (2 * rows + _BANDS * BLOCK)
    queued = 6 * rows * columns * (len(spec.bands) * scene_dtype(spec).itemsize + len(spec.classes) * 4)
    computing = ENGINE_KINDS[engine].memory_bytes * max(0.25, rows * columns / 1024**2)
    return int(computing + strip + carried + kept + queued)


def strip_bytes(grid: Grid, spec: ModelSpec) -> int:
    """Return what the rows under one grid row take."""
    return int(grid.width * grid.rows.size * len(spec.bands) * scene_dtype(spec).itemsize)


def windows_ahead(grid: Grid, spec: ModelSpec) -> int:
    """Return how many windows may wait for the engine: a grid row of them, so that the next rows are read meanwhile.

    Of wide scenes so many less that the rows of three grid rows never lie in memory at once.
    """
    columns = len(grid.columns)
    return max(2, columns if strip_bytes(grid, spec) <= SMALL_STRIP else columns - _SEEN)


def disk_bytes(grid: Grid, layers: int) -> int:
    """Estimate the most that parts and results can take, uncompressed."""
    return int(grid.height * grid.width * layers * 2.4)


def check_disk(target: Path, needed: int) -> None:
    """Refuse a target on a disk that cannot take what is needed.

    Raises:
        OutputError: It cannot.
    """
    if not target.parent.is_dir():
        return
    _, _, free = usage = shutil.disk_usage(target.parent)
    # Masks compress tenfold and more; a disk that cannot take a tenth is full for sure. Without a size it is no disk.
    if usage.total and free < needed / 10:
        raise OutputError(
            f"{target}: only {free >> 20} MiB are free where up to {needed >> 20} MiB may be needed; "
            f"make room or choose another place"
        )


def check_memory(scene: str, width: int, needed: int) -> None:
    """Refuse a scene whose rows take more memory than this process may have.

    Raises:
        SceneError: They do.
    """
    there = _memory_allowed()
    if needed > there:
        raise SceneError(
            f"{scene}: is {width} pixels wide, which takes about {needed >> 20} MiB of memory where this "
            f"process may have {there >> 20}; choose a smaller `tile`, or a part of the scene with `bbox`"
        )


def _memory_allowed() -> int:
    """Return how many bytes the process may have at most: the machine's memory, or the limit on address space (`ulimit -v`)."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return there if limit == resource.RLIM_INFINITY else min(there, limit)
