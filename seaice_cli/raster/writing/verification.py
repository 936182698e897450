"""Verification: what was written is read again, because GDAL may say nothing when closing a file fails on a full disk."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window

from seaice_cli.errors import OutputError
from seaice_cli.raster.gdal import FAILURES


class Written(NamedTuple):
    """Pixels that were written, by their checksum."""

    window: Window
    checksum: int


def written(window: Window, pixels: npt.NDArray[Any]) -> Written:
    """Return what to expect of a window; pixels are (bands, height, width)."""
    return Written(window, zlib.crc32(np.ascontiguousarray(pixels).data))


def verify(raster: Path, expected: Sequence[Written], target: Path) -> None:
    """Read a raster again and refuse it if it holds something else than what was written.

    Args:
        raster: The file.
        expected: All of its windows.
        target: What it is to become, for the error.

    Raises:
        OutputError: It does, or cannot be read.
    """
    try:
        with rasterio.open(raster) as file:
            whole = all(
                zlib.crc32(np.ascontiguousarray(file.read(window=w)).data) == checksum for w, checksum in expected
            )
    except FAILURES:
        whole = False
    if not whole:
        raise OutputError(f"{target}: cannot be written whole; make room or choose another place")
