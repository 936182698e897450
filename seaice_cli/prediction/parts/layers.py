"""The layers of a part: finished rows as a small GeoTIFF of their own, read back before they count."""

from __future__ import annotations

import errno
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.windows import Window

from seaice_cli.outputs import write_error
from seaice_cli.raster.gdal import FAILURES

ROWS_PER_STRIP = 64
UPRIGHT = Affine(2, 0, 0, 0, -2, 0)
"""A part is placed by its rows; any transform but the identity keeps rasterio from warning that it has none."""


class LayerWriter:
    """Writes a layer of a part from pieces that come in reading order."""

    def __init__(self, path: Path, rows: tuple[int, int], width: int) -> None:
        self._path, self._partial = path, path.with_suffix(".partial")
        self._start, self._width = rows[0], width
        self._strip: npt.NDArray[np.uint8] | None = None
        self._checksum = 0
        profile = {
            "driver": "GTiff", "dtype": "uint8", "count": 1, "width": width, "height": rows[1] - rows[0], "compress": "zstd",
            "transform": UPRIGHT, "zstd_level": 1, "tiled": False, "blockysize": ROWS_PER_STRIP, "BIGTIFF": "IF_SAFER",
        }  # fmt: skip
        try:
            self._dataset = rasterio.open(self._partial, "w", **profile)
        except FAILURES as error:
            raise write_error(path, error) from error

    def write(self, window: Window, pixels: npt.NDArray[np.uint8]) -> None:
        """Take a piece; a full-width row of pieces is written at once."""
        if self._strip is None or self._strip.shape[0] != window.height:
            self._strip = np.empty((int(window.height), self._width), np.uint8)
        self._strip[:, window.col_off : window.col_off + window.width] = pixels
        if window.col_off + window.width == self._width:
            at = Window(0, window.row_off - self._start, self._width, window.height)
            try:
                self._dataset.write(self._strip, 1, window=at)
            except FAILURES as error:
                raise write_error(self._path, error) from error
            self._checksum = zlib.crc32(self._strip.data, self._checksum)

    def close(self) -> None:
        """Flush the layer and give it its name.

        Raises:
            OutputError: The disk is full.
        """
        try:
            self._dataset.close()
            _verify(self._partial, self._checksum)
            self._partial.replace(self._path)
        except FAILURES as error:
            raise write_error(self._path, error) from error

    def discard(self) -> None:
        """Give up the layer."""
        with suppress(*FAILURES):
            self._dataset.close()
        self._partial.unlink(missing_ok=True)


def _verify(path: Path, checksum: int) -> None:
    """Read a layer back: GDAL does not always say when writing, or closing, failed on a full disk."""
    found = 0
    with rasterio.open(path) as dataset:
        for row in range(0, dataset.height, ROWS_PER_STRIP):
            rows = dataset.read(1, window=Window(0, row, dataset.width, min(ROWS_PER_STRIP, dataset.height - row)))
            found = zlib.crc32(rows, found)
    if found != checksum:
        raise OSError(errno.EIO, "it reads otherwise than it was written")
