"""Masks and references as class ids on one grid, read row by row: rasters as they are, or laid onto another grid."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from seaice_cli.errors import DataError
from seaice_cli.outputs import reason_of
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.raster import ATTRIBUTE_FAILURES, Raster
from seaice_cli.raster.reading.region import NODATA

Ids = npt.NDArray[np.uint8]
_MAX_VALUE = 65535
_SAME = 0.01
"""Grids are the same if no corner is off by more than this share of a pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """What the values of a raster, or an attribute of polygons, stand for."""

    ids: Mapping[str, int] | None = None
    """Class ids by value, as text; `NODATA` ignores a value. None: a value is the id of its class."""
    other: int | None = None
    """The class of every value that `ids` does not name; None: such a value is an error."""
    attribute: str | None = None
    """The field of a vector file that names the class; None: every polygon is of the class `inside`."""
    layer: str | None = None
    """The layer of a vector file; None: the only one."""
    palette: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.int16]] | None = None
    """From colours (3, rows, width) to class ids, -1 for a colour that is none; for references in colour."""
    inside: int = 1
    background: int = 0
    """The class where no polygon lies."""

    def class_of(self, value: object) -> int | None:
        """Return the id that a value stands for, None if it stands for none."""
        text = f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value).strip()
        if self.ids is not None:
            return self.ids.get(text, self.other)
        return int(text) if text.isdecimal() and int(text) <= NODATA else None

    def table(self) -> npt.NDArray[np.int16]:
        """Return the id of every value from 0 to 65535, -1 where a value is no class."""
        return np.array([-1 if (i := self.class_of(v)) is None else i for v in range(_MAX_VALUE + 1)], np.int16)


@dataclass(frozen=True, slots=True)
class MaskGrid:
    """The pixels on which a prediction and its reference are compared: those of the prediction."""

    shape: tuple[int, int]
    """(height, width)."""
    transform: Affine
    crs: Any
    """As rasterio has it, or None."""


class MaskReader:
    """A raster of classes, on its own grid or laid onto another one (nearest pixel).

    Args:
        path: Anything that GDAL opens.
        legend: What its values stand for.
        grid: The grid to read on; None: its own.

    Raises:
        DataError: It cannot be opened, is in colour or of floating point, or cannot be laid onto the grid.
    """

    def __init__(self, path: Path, *, legend: Legend, grid: MaskGrid | None = None) -> None:
        self.path = path
        self._stack = ExitStack()
        self._table = None if legend.ids is None else legend.table()
        self._palette = legend.palette
        try:
            source = self._stack.enter_context(open_raster(path))
            _refuse_strange(path, source)
            own = MaskGrid((source.height, source.width), source.transform, source.crs)
            self.grid = grid or own
            self.warped = grid is not None and not _alike(path, own, grid)
            self._nodata = source.nodata if legend.ids is None else None
            self._dataset = self._stack.enter_context(self._laid(source, legend)) if self.warped else source
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, top: int, bottom: int) -> Ids:
        """Return class ids (rows, width), `NODATA` where nothing is known.

        Raises:
            DataError: The file is damaged, or holds a value that is no class.
        """
        window = Window(col_off=0, row_off=top, width=self.grid.shape[1], height=bottom - top)
        try:
            pixels = self._dataset.read(window=window)
        except FAILURES as error:
            raise DataError(
                f"{self.path}: cannot be read in rows {top} to {bottom} ({error}); it is damaged"
            ) from error
        alpha = ColorInterp.alpha in self._dataset.colorinterp
        values, seen = (pixels[:-1], pixels[-1] != 0) if alpha else (pixels, None)
        ids = self._colored(values, top) if self._palette else self._ids(self._grey(values), top)
        if seen is not None:
            ids[~seen] = NODATA
        return ids

    def _grey(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if len(values) > 1 and not (values == values[0]).all():
            raise DataError(f"{self.path}: is in colour; say with `palette` what the colours stand for")
        return np.asarray(values[0])

    def _colored(self, values: npt.NDArray[Any], top: int) -> Ids:
        if len(values) != 3 or values.dtype != np.uint8 or self._palette is None:
            raise DataError(f"{self.path}: is not in colour (8 bits of red, green and blue), so a palette says nothing")
        ids = self._palette(values)
        if (ids < 0).any():
            row, col = np.argwhere(ids < 0)[0]
            red_green_blue = ", ".join(str(v) for v in values[:, row, col])
            raise DataError(
                f"{self.path}: the colour {red_green_blue} in row {top + row}, column {col} is not in the palette"
            )
        return ids.astype(np.uint8)

    def _ids(self, values: npt.NDArray[Any], top: int) -> Ids:
        empty = np.zeros(values.shape, bool) if self._nodata is None else values == self._nodata
        if self._table is None and values.dtype == np.uint8:
            ids = values.copy()
        else:
            ids = self._looked_up(np.where(empty, NODATA if self._table is None else values, values), top)
        ids[empty] = NODATA
        return ids

    def _looked_up(self, values: npt.NDArray[Any], top: int) -> Ids:
        table = self._table if self._table is not None else np.r_[np.arange(256), np.full(_MAX_VALUE - 255, -1)]
        inside = (values >= 0) & (values <= _MAX_VALUE)
        ids = np.where(inside, table[np.where(inside, values, 0)], -1)
        if (ids < 0).any():
            row, col = np.argwhere(ids < 0)[0]
            raise DataError(
                f"{self.path}: value {values[row, col]} in row {top + row}, column {col} is no class; "
                f"say what it stands for with `values`, as in 0:0,100:1,255:ignore"
            )
        return ids.astype(np.uint8)

    def _laid(self, source: Raster, legend: Legend) -> Raster:
        height, width = self.grid.shape
        # A value that the legend names is meant, even where the file declares it as nodata.
        nodata = {} if legend.ids is None else {"src_nodata": None}
        alpha = {} if ColorInterp.alpha in source.colorinterp else {"add_alpha": True}
        try:
            warped = WarpedVRT(
                source.dataset, crs=self.grid.crs, transform=self.grid.transform, height=height, width=width,
                resampling=Resampling.nearest, **nodata, **alpha,
            )  # fmt: skip
        except ATTRIBUTE_FAILURES as error:
            raise DataError(f"{self.path}: cannot be laid onto the grid of the mask ({reason_of(error)})") from error
        return Raster(self.path, warped, error=DataError)


def open_raster(path: Path) -> Raster:
    """Open a raster for reading, without a word about missing georeferencing.

    Raises:
        DataError: It cannot be opened.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return Raster(path, rasterio.open(path), error=DataError)
    except ATTRIBUTE_FAILURES as error:
        raise DataError(f"{path}: cannot be opened as a raster ({error})") from error


def named_classes(path: Path) -> tuple[tuple[str, ...], int] | None:
    """Return the class names and the id of ice that a mask written by `predict` carries; None if it carries none.

    Raises:
        DataError: It cannot be opened.
    """
    with open_raster(path) as dataset:
        tags = dataset.tags()
    count = next(i for i in range(NODATA) if f"CLASS_{i}" not in tags)
    names = tuple(tags[f"CLASS_{i}"] for i in range(count))
    ice = tags.get("ICE_CLASS", "")
    return (names, int(ice)) if len(names) > 1 and ice.isdecimal() and int(ice) < len(names) else None


def _refuse_strange(path: Path, source: Raster) -> None:
    kinds = {np.dtype(t).kind for t in source.dtypes}
    if not kinds <= {"u", "i"}:
        raise DataError(f"{path}: holds {source.dtypes[0]}; a mask holds whole numbers, one per class")
    if source.count > 4:
        raise DataError(f"{path}: has {source.count} bands; a mask has one")


def _alike(path: Path, own: MaskGrid, wanted: MaskGrid) -> bool:
    """Return whether two grids are the same; False if one can be laid onto the other.

    Raises:
        DataError: Neither.
    """
    if own.crs is None or wanted.crs is None:
        # Without a CRS on both sides only rows and columns can say which pixels belong together.
        if own.shape == wanted.shape:
            return True
        raise DataError(
            f"{path}: {own.shape[1]} x {own.shape[0]} pixels against {wanted.shape[1]} x {wanted.shape[0]} of the mask, "
            "and no CRS on both sides by which one could be laid onto the other"
        )
    if own.shape != wanted.shape or own.crs != wanted.crs:
        return False
    height, width = wanted.shape
    corners = [(0, 0), (width, 0), (0, height), (width, height)]
    back = ~wanted.transform @ own.transform
    return all(math.dist(back @ corner, corner) < _SAME for corner in corners)
