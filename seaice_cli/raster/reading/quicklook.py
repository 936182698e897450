"""A quicklook: a whole scene, decimated, taken from its rows as they are read for the network, or read anew from its overviews."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.raster.reading.scene import Rows, Scene


class Quicklook:
    """The nearest pixels of a smaller picture of a scene.

    A scene without overviews would have to be decoded, or fetched, a second time for it: its pixels are kept while the rows pass by.
    Where that is not all of them, because an earlier run read the rest, or where there are overviews, they are read.

    Args:
        scene: What to look at, its window chosen.
        height: Rows of the picture, no more than the scene's.
        width: Columns of the picture.
    """

    def __init__(self, scene: Scene, height: int, width: int) -> None:
        self._scene = scene
        self._rows, self._columns = nearest(height, scene.height), nearest(width, scene.width)
        self._pixels: npt.NDArray[Any] | None = None
        self._valid = np.ones((height, width), bool)
        self._missing = np.ones(height, bool)
        self._read_anew = scene.has_overviews

    def take(self, start: int, rows: Rows) -> None:
        """Keep what the picture needs of full-width rows that begin at row `start` of the scene."""
        if self._read_anew:
            return
        first, last = np.searchsorted(self._rows, (start, start + rows.pixels.shape[1]))
        at = np.ix_(self._rows[first:last] - start, self._columns)
        if self._pixels is None:
            self._pixels = np.zeros((len(rows.pixels), *self._valid.shape), rows.pixels.dtype)
        self._pixels[:, first:last] = rows.pixels[:, at[0], at[1]]
        if rows.valid is not None:
            self._valid[first:last] = rows.valid[at]
        self._missing[first:last] = False

    def rows(self) -> Rows:
        """Return the picture, (bands, height, width), and which of its pixels hold data.

        Raises:
            SceneError: It had to be read, and could not be.
        """
        if self._pixels is None or self._missing.any():
            return self._scene.overview(*self._valid.shape)
        return Rows(self._pixels, None if self._valid.all() else self._valid)


def nearest(count: int, length: int) -> npt.NDArray[np.intp]:
    """Return which of `length` pixels along an axis are nearest to those of a picture of `count`, as GDAL chooses them."""
    return ((np.arange(count) + 0.5) * length / count).astype(np.intp)
