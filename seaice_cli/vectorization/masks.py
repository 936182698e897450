"""Masks: rasters of classes, read strip by strip. Ours and those of other tools."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.opening import refuse_unclear
from seaice_cli.raster.reading.raster import ATTRIBUTE_FAILURES, Raster
from seaice_cli.raster.reading.validity import Validity

STRIP_PIXELS = 1 << 23
"""Pixels of a strip, about."""
_HIDDEN = int(np.iinfo(np.int64).min)
"""What pixels get that a mask band or an alpha band hides."""
LARGEST = 2**62
"""No class has a larger number."""
_CACHE_MEGABYTES = 32


@dataclass(frozen=True, slots=True)
class Rows:
    """Some full rows of a raster."""

    pixels: npt.NDArray[Any]
    """(rows, width)."""
    top: int
    """Row of the raster that the pixels begin with."""
    shared: bool
    """Whether the first row is also the last of the rows before."""


class Mask:
    """A raster of classes, open for reading.

    Raises:
        SceneError: The file is missing, no raster, damaged, or holds something else than classes.
    """

    def __init__(self, path: Path, *, band: int | None = None) -> None:
        self.path = path
        self._stack = ExitStack()
        self._stack.enter_context(rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS", GDAL_CACHEMAX=_CACHE_MEGABYTES))
        try:
            self._source = self._stack.enter_context(_open(path))
            self._describe(band)
        except BaseException:  # also where a damaged file fails late: GDAL's settings must not outlive it
            self._stack.close()
            raise

    def _describe(self, band: int | None) -> None:
        source = self._source
        self.band = _choose_band(source, self.path, band)
        self.height: int = source.height
        self.width: int = source.width
        self.transform: Affine = source.transform
        self.crs: CRS | None = source.crs
        self.tags: dict[str, str] = source.tags()
        self.names = _read_names(self.tags)
        self.ice: int | None = int(self.tags["ICE_CLASS"]) if self.tags.get("ICE_CLASS", "").isdigit() else None
        self._validity = Validity.of(source, (self.band,))
        self.declared: int | None = _whole(self._validity.nodata[0])
        self._masked = bool(self._validity.mask) or np.dtype(source.dtypes[self.band - 1]).kind == "f"
        self.nodata: int | None = _HIDDEN if self._masked else self.declared

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def colors(self) -> dict[int, tuple[int, int, int]]:
        """Red, green and blue by value, as the colour table says; empty without one."""
        return {value: color[:3] for value, color in self._source.colormap(self.band).items()}

    def read(self, top: int, stop: int) -> npt.NDArray[Any]:
        """Read rows from `top` to before `stop`; hidden pixels get `nodata`.

        Raises:
            SceneError: The file is damaged there.
        """
        window = Window(col_off=0, row_off=top, width=self.width, height=stop - top)
        try:
            pixels: npt.NDArray[Any] = self._source.read(self.band, window=window)
            valid = self._validity.read(self._source, pixels[None], window=window) if self._masked else None
        except FAILURES as error:
            raise SceneError(
                f"{self.path}: rows {top} to {stop - 1} cannot be read, the file is damaged or cut short; copy it anew"
            ) from error
        self._refuse_strange(pixels, valid)
        return pixels if valid is None else np.where(valid, pixels, 0).astype(np.int64) + np.where(valid, 0, _HIDDEN)

    def _refuse_strange(self, pixels: npt.NDArray[Any], valid: npt.NDArray[np.bool_] | None) -> None:
        """Refuse values that are no whole numbers, or larger than the ids of classes can be."""
        known = pixels if valid is None else pixels[valid]
        if pixels.dtype.kind == "f" and not (known == np.floor(known)).all():
            raise SceneError(f"{self.path}: holds fractions, but classes are whole numbers; make a mask of it first")
        if pixels.dtype.itemsize > 4 and known.size and not -LARGEST <= known.min() <= known.max() <= LARGEST:
            raise SceneError(
                f"{self.path}: holds values beyond 2^62, which are no classes; give them smaller numbers first"
            )

    @property
    def block_rows(self) -> int:
        """Rows of the blocks that the file is stored in."""
        return int(self._source.block_shapes[self.band - 1][0])

    def cuts(self, *, strip_rows: int | None = None) -> list[int]:
        """Return the rows that strips begin with, and the height: a few million pixels each, no block is read twice."""
        block, wanted = int(self._source.block_shapes[self.band - 1][0]), max(STRIP_PIXELS // self.width, 1)
        rows = strip_rows or (max(block, wanted // block * block))
        if strip_rows or wanted >= block or not self._caches(block):
            return [*range(0, self.height, min(rows, self.height)), self.height]
        part = math.ceil(block / math.ceil(block / wanted))
        tops = range(0, self.height, block)
        return [*(row for top in tops for row in range(top, min(top + block, self.height), part)), self.height]

    def _caches(self, rows: int) -> bool:
        """Tell whether the block cache holds so many rows of all bands, so that a part of them can be read after another."""
        pixel = sum(np.dtype(kind.replace("complex_int16", "complex64")).itemsize for kind in self._source.dtypes)
        held: bool = rows * self.width * pixel < _CACHE_MEGABYTES * 10**6
        return held

    def strips(self, cuts: list[int]) -> Iterator[Rows]:
        """Read the whole mask, strip by strip; all but the first begin with the last row of the one before."""
        before = np.empty((0, self.width), np.uint8)
        for top, stop in pairwise(cuts):
            pixels = self.read(top, stop)
            rows = Rows(np.concatenate([before.astype(pixels.dtype), pixels]), top - len(before), bool(len(before)))
            before = pixels[-1:].copy()
            yield rows


def _open(path: Path) -> Raster:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # told by the plan, in words for users
            source = Raster(path, rasterio.open(path))
    except ATTRIBUTE_FAILURES as error:
        what = "cannot be read as a raster" if path.exists() else "no such file"
        raise SceneError(
            f"{path}: {what}; give the mask that `seaice predict` wrote, or any raster of classes"
        ) from error
    refuse_unclear(path, source)
    return source


def _choose_band(source: Raster, path: Path, band: int | None) -> int:
    others = [i for i, color in enumerate(source.colorinterp, start=1) if color.name != "alpha"]
    if band is None and len(others) > 1:
        raise SceneError(
            f"{path}: has {len(others)} bands, as an image has; a mask has one band of classes (name one with `band`)"
        )
    chosen = band or others[0]
    if chosen not in source.indexes:
        raise OptionError(f"{path}: has no band {band}, only 1 to {source.count}")
    dtype = np.dtype(source.dtypes[chosen - 1].replace("complex_int16", "complex64"))
    if dtype.kind not in "iuf":
        raise SceneError(f"{path}: holds {dtype.name} values, but classes are whole numbers; make a mask of it first")
    return int(chosen)


def _read_names(tags: dict[str, str]) -> dict[int, str]:
    keys = [key for key in tags if key.startswith("CLASS_") and key.removeprefix("CLASS_").isdigit()]
    return {int(key.removeprefix("CLASS_")): tags[key] for key in keys}


def _whole(value: float | None) -> int | None:
    return int(value) if value is not None and math.isfinite(value) and value == int(value) else None


def choose_values(mask: Mask, classes: tuple[int | str, ...] | None) -> frozenset[int] | None:
    """Return the values that become polygons: the classes asked for, else those the mask names, else None for all.

    Raises:
        OptionError: A class is not one of the mask's.
    """
    if classes is None:
        return frozenset(mask.names) or None
    by_name = {name: value for value, name in mask.names.items()}
    known = (
        ", ".join(f"{value} ({name})" for value, name in sorted(mask.names.items())) or "numbers only, it names none"
    )
    chosen = set()
    for entry in classes:
        value = by_name.get(str(entry), entry)
        if isinstance(value, str):
            if not value.removeprefix("-").isdecimal():
                raise OptionError(f"{mask.path}: no class {entry!r} in this mask; it has {known}")
            value = int(value)
        if value in (mask.nodata, mask.declared):
            raise OptionError(f"{mask.path}: {value} is the mask's nodata, which never becomes polygons")
        chosen.add(value)
    if not chosen:
        raise OptionError("`classes`: name at least one class")
    return frozenset(chosen)


class Probability:
    """A raster of per cent on the grid of a mask.

    Raises:
        SceneError: The file is missing or damaged.
        OptionError: It lies on another grid, or holds no per cent.
    """

    def __init__(self, path: Path, mask: Mask) -> None:
        self.path = path
        self._source = _open(path)
        problem = self._find_problem(mask)
        if problem:
            self._source.close()
            raise OptionError(f"{path}: {problem}; give the raster that `seaice predict` wrote as its `probability`")
        self._validity = Validity.of(self._source, (1,))
        self._fractions = np.dtype(self._source.dtypes[0]).kind == "f"

    def _find_problem(self, mask: Mask) -> str | None:
        source = self._source
        if source.count != 1:
            return f"has {source.count} bands"
        if (source.height, source.width) != (mask.height, mask.width):
            return f"is {source.width} x {source.height} pixels, the mask {mask.width} x {mask.height}"
        if not source.transform.almost_equals(mask.transform, precision=1e-6 * abs(mask.transform.a or 1)):
            return "lies elsewhere than the mask"
        if np.dtype(source.dtypes[0]).kind not in "uf":
            return f"holds {source.dtypes[0]} values, no per cent"
        return None

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def read(self, top: int, stop: int) -> npt.NDArray[np.uint8]:
        """Read rows as per cent, 255 where there is none.

        Raises:
            SceneError: The file is damaged there.
        """
        try:
            window = Window(col_off=0, row_off=top, width=self._source.width, height=stop - top)
            values = self._source.read(1, window=window)
            known = self._validity.read(self._source, values[None], window=window)
        except FAILURES as error:
            raise SceneError(f"{self.path}: rows {top} to {stop - 1} cannot be read; copy the file anew") from error
        known &= np.isfinite(values)
        percent = np.where(known, values, 0) * (100 if self._fractions else 1)
        if percent.max(initial=0) > 100 or percent.min(initial=0) < 0:
            raise SceneError(f"{self.path}: holds values beyond 100 per cent; give a raster of probability")
        return np.where(known, np.rint(percent), 255).astype(np.uint8)
