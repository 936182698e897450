"""Masks and references as class ids on one grid, read row by row: rasters as they are, or laid onto another grid."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import array_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from seaice_cli.errors import DataError
from seaice_cli.outputs import reason_of, writing
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.opening import refuse_unclear, spectral_bands
from seaice_cli.raster.reading.raster import ATTRIBUTE_FAILURES, Raster
from seaice_cli.raster.reading.region import NODATA
from seaice_cli.raster.reading.validity import Validity

Ids = npt.NDArray[np.uint8]
_MAX_VALUE = 65535
_STRIP_PIXELS = 1 << 22
_AROUND = 16
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

    def names(self, value: float) -> bool:
        """Tell whether a value is said to stand for a class, so that it does even where a file declares it as nodata."""
        if self.ids is not None:
            return float(value).is_integer() and f"{value:.0f}" in self.ids
        if self.palette is not None and 0 <= value <= NODATA:
            return bool(self.palette(np.full((3, 1, 1), int(value), np.uint8))[0, 0] >= 0)
        return False

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
        self._source: Any = None
        self._table = None if legend.ids is None else legend.table()
        self._palette = legend.palette
        try:
            source = self._stack.enter_context(open_raster(path))
            _refuse_images(path, source)
            own = MaskGrid((source.height, source.width), source.transform, source.crs)
            self.grid = grid or own
            self.warped = grid is not None and not _is_same_grid(path, own, grid)
            self._bands = spectral_bands(source)
            self._validity = Validity.of(source, self._bands).without(legend.names)
            self._source = source
            self._warped_dataset = self._stack.enter_context(self._warp(own)) if self.warped else None
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
        if self._warped_dataset is not None:
            return np.asarray(self._warped_dataset.read(1, window=window))
        return self._classify(window)

    def _classify(self, window: Window) -> Ids:
        """Return the class ids of a window of the file."""
        top, bottom = window.row_off, window.row_off + window.height
        try:
            values = self._source.read(list(self._bands), window=window)
            valid = self._validity.read(self._source, values, window=window)
        except FAILURES as error:
            raise DataError(
                f"{self.path}: cannot be read in rows {top} to {bottom} ({error}); it is damaged"
            ) from error
        return self._colored(values, valid, top) if self._palette else self._ids(self._grey(values, valid), valid, top)

    def _grey(self, values: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
        if len(values) > 1 and not (values == values[0])[:, valid].all():
            raise DataError(f"{self.path}: is in colour; say with `palette` what the colours stand for")
        return np.asarray(values[0])

    def _colored(self, values: npt.NDArray[Any], valid: npt.NDArray[np.bool_], top: int) -> Ids:
        if len(values) != 3 or values.dtype != np.uint8 or self._palette is None:
            raise DataError(f"{self.path}: is not in colour (8 bits of red, green and blue), so a palette says nothing")
        ids = np.where(valid, self._palette(values), np.int16(NODATA))
        if (ids < 0).any():
            row, col = np.argwhere(ids < 0)[0]
            red_green_blue = ", ".join(str(v) for v in values[:, row, col])
            raise DataError(
                f"{self.path}: the colour {red_green_blue} in row {top + row}, column {col} is not in the palette"
            )
        return ids.astype(np.uint8)

    def _ids(self, values: npt.NDArray[Any], valid: npt.NDArray[np.bool_], top: int) -> Ids:
        if self._table is None and values.dtype == np.uint8:
            return np.where(valid, values, np.uint8(NODATA))
        return self._looked_up(values, valid, top)

    def _looked_up(self, values: npt.NDArray[Any], valid: npt.NDArray[np.bool_], top: int) -> Ids:
        table = self._table if self._table is not None else np.r_[np.arange(256), np.full(_MAX_VALUE - 255, -1)]
        inside = valid & (values >= 0) & (values <= _MAX_VALUE) & (values == np.floor(values))
        ids = np.where(inside, table[np.where(inside, values, 0).astype(np.intp)], np.where(valid, -1, NODATA))
        if (ids < 0).any():
            row, col = np.argwhere(ids < 0)[0]
            raise DataError(
                f"{self.path}: value {values[row, col]} in row {top + row}, column {col} is no class; "
                f"say what it stands for with `values`, as in 0:0,100:1,255:ignore"
            )
        return ids.astype(np.uint8)

    def _warp(self, own: MaskGrid) -> Raster:
        """Return the class ids on the wanted grid: first those of the part that it shows, in a file that goes away, then these laid.

        What has no data is known before anything is moved; GDAL, while warping, looks at only one of the ways to say so.
        """
        shown = _find_shown(own, self.grid)
        path = Path(self._stack.enter_context(TemporaryDirectory(prefix="seaice-"))) / "ids.tif"
        profile = {
            "driver": "GTiff", "count": 1, "height": shown.height, "width": shown.width, "dtype": "uint8", "nodata": NODATA,
            "crs": own.crs, "transform": own.transform @ Affine.translation(shown.col_off, shown.row_off), "compress": "lzw",
            "bigtiff": "if_safer",
        }  # fmt: skip
        rows = max(1, _STRIP_PIXELS // shown.width)
        with writing(path), rasterio.open(path, "w", **profile) as file:
            for top in range(0, shown.height, rows):
                strip = Window(0, top, shown.width, min(rows, shown.height - top))
                there = Window(shown.col_off, shown.row_off + top, strip.width, strip.height)
                file.write(self._classify(there), 1, window=strip)
        ids = self._stack.enter_context(rasterio.open(path))
        height, width = self.grid.shape
        try:
            warped = WarpedVRT(
                ids, crs=self.grid.crs, transform=self.grid.transform, height=height, width=width, resampling=Resampling.nearest,
            )  # fmt: skip
        except ATTRIBUTE_FAILURES as error:
            raise DataError(f"{self.path}: cannot be laid onto the grid of the mask ({reason_of(error)})") from error
        return Raster(self.path, warped, error=DataError)


def _find_shown(own: MaskGrid, wanted: MaskGrid) -> Window:
    """Return the part of a raster that another grid shows, with some pixels around it; at least one pixel."""
    height, width = own.shape
    whole = Window(0, 0, width, height)
    corners = array_bounds(*wanted.shape, wanted.transform)
    try:
        left, bottom, right, top = transform_bounds(wanted.crs, own.crs, *corners, densify_pts=101)
    except ATTRIBUTE_FAILURES:
        return whole
    if (
        not all(map(math.isfinite, (left, bottom, right, top))) or left > right
    ):  # round a pole, or over the antimeridian
        return whole
    columns, rows = zip(*(~own.transform @ (x, y) for x in (left, right) for y in (bottom, top)), strict=True)
    first = [max(0, min(n - 1, math.floor(min(v)) - _AROUND)) for v, n in ((rows, height), (columns, width))]
    last = [
        max(f + 1, min(n, math.ceil(max(v)) + _AROUND))
        for f, v, n in ((first[0], rows, height), (first[1], columns, width))
    ]
    return Window(first[1], first[0], last[1] - first[1], last[0] - first[0])


def open_raster(path: Path) -> Raster:
    """Open a raster for reading, without a word about missing georeferencing.

    Raises:
        DataError: It cannot be opened.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = Raster(path, rasterio.open(path), error=DataError)
    except ATTRIBUTE_FAILURES as error:
        raise DataError(f"{path}: cannot be opened as a raster ({reason_of(error)})") from error
    refuse_unclear(path, dataset, DataError)
    return dataset


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


def _refuse_images(path: Path, source: Raster) -> None:
    kinds = {np.dtype(t).kind for t in source.dtypes}
    if not kinds <= {"u", "i", "f"}:
        raise DataError(f"{path}: holds {source.dtypes[0]}; a mask holds whole numbers, one per class")
    if source.count > 4:
        raise DataError(f"{path}: has {source.count} bands; a mask has one")


def _is_same_grid(path: Path, own: MaskGrid, wanted: MaskGrid) -> bool:
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
