"""A scene: opened, checked and read row by row, with the pixels that hold no data known (`validity`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.crs import CRS
from rasterio.rpc import RPC
from rasterio.windows import Window

from seaice_cli.errors import SceneError
from seaice_cli.raster.area import on_earth
from seaice_cli.raster.gdal import FAILURES, bounded
from seaice_cli.raster.processors import processors
from seaice_cli.raster.reading.bad_blocks import FAIL, NODATA_THERE, read_blocks
from seaice_cli.raster.reading.opening import (
    DTYPES,
    open_raster,
    read_facts,
    reason_of,
    refuse_impossible_nodata,
    refuse_missing_bands,
    refuse_unreadable,
    spectral_bands,
)
from seaice_cli.raster.reading.raster import Raster
from seaice_cli.raster.reading.sources import check_sources, identify
from seaice_cli.raster.reading.validity import Validity

CACHE_BYTES = 64 << 20
"""GDAL's block cache while a scene is read, at least. Rows are read once from top to bottom, so it needs to hold no more than
the row of blocks that two reads share; GDAL's own default, 5 % of the machine's memory, would look like memory that grows with
the scene."""
READERS = max(2, min(processors(), 16))
"""Threads that read, each its own columns through its own handle: decoding is most of the work, and GDAL does it without the GIL."""
SAMPLES, SAMPLE_SIDE = 5, 64
"""Windows along each side of a scene that its values are judged by, and their pixels along a side."""
READER_COLUMNS = 2048
"""Fewer columns are not worth another thread."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Full-width rows of a scene."""

    pixels: npt.NDArray[Any]
    """(bands, rows, width), in the scene's own type and units."""
    valid: npt.NDArray[np.bool_] | None
    """(rows, width), True = data; None means that every pixel is data."""


class Scene:
    """A raster opened for reading by rows, seen through a window of it.

    Args:
        path: Anything GDAL opens: a file, `/vsicurl/...`, `s3://...`, a VRT, a WMS description.
        bands: The bands to read, from 1, in the model's order; None for all but an alpha band.
        nodata: Overrides what the file declares for every band; "none" ignores what it declares.
        on_bad_block: "fail", or "nodata": the pixels of a block that cannot be read hold no data.

    Raises:
        SceneError: The scene cannot be opened, or is of a kind that has no windows (GCPs only, complex, a palette).
    """

    def __init__(
        self,
        path: str,
        *,
        bands: Sequence[int] | None = None,
        nodata: float | str | None = None,
        on_bad_block: str = FAIL,
    ) -> None:
        self.path = path
        self.bad_blocks: set[tuple[int, int]] = set()
        """Rows and columns of the blocks that could not be read."""
        self._keep_going = on_bad_block == NODATA_THERE
        self._stack = ExitStack()
        check_sources(path)
        try:
            self._dataset = self._opened()
            refuse_unreadable(path, self._dataset)
            self._stack.enter_context(bounded(_cache_bytes(self._dataset)))
            self.facts = read_facts(path, self._dataset)
            """What the file says of itself."""
            self.select(bands, nodata)
            self._identity = identify(self._dataset.files)
        except FAILURES as error:
            self._stack.close()
            raise SceneError(f"{path}: not a raster that can be read ({reason_of(error)})") from error
        except BaseException:
            self._stack.close()
            raise
        self.window = Window(col_off=0, row_off=0, width=self._dataset.width, height=self._dataset.height)
        self._readers: list[Raster] = []
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _opened(self) -> Raster:
        """Open a handle that is closed with the scene; not by `with`, whose environment belongs to one thread."""
        dataset = open_raster(self.path)
        self._stack.callback(dataset.close)
        return dataset

    def select(self, bands: Sequence[int] | None, nodata: float | str | None = None) -> None:
        """Read these bands from now on, with this nodata value; as the arguments of the same names when a scene is opened.

        Raises:
            SceneError: The scene lacks one of them, or its pixels cannot have that value.
        """
        self.bands = tuple(bands) if bands else spectral_bands(self._dataset)
        refuse_missing_bands(self.path, self._dataset, self.bands)
        refuse_impossible_nodata(self.path, self._dataset, self.bands, nodata)
        self._validity = Validity.of(self._dataset, self.bands, nodata)
        self._sample: npt.NDArray[Any] | None = None

    def subset(self, window: Window) -> None:
        """See only this window of the scene from now on; rows and columns count from its corner."""
        self.window = window
        self._sample = None

    @property
    def height(self) -> int:
        """Rows of the window."""
        return int(self.window.height)

    @property
    def width(self) -> int:
        """Columns of the window."""
        return int(self.window.width)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that holds the values of all bands read."""
        dtypes = self._dataset.dtypes
        return np.result_type(*{dtypes[b - 1] for b in self.bands})

    @property
    def crs(self) -> CRS | None:
        """The coordinate reference system, None if the scene has none."""
        return self._dataset.crs

    @property
    def transform(self) -> Affine:
        """The affine transform of the window, rotation included, exactly as in the file."""
        whole: Affine = self._dataset.transform
        if not self.window.row_off and not self.window.col_off:
            return whole
        return whole @ Affine.translation(self.window.col_off, self.window.row_off)

    @property
    def rpcs(self) -> RPC | None:
        """The rational polynomials that place the window, if the scene has them; they count lines and samples from its corner."""
        rpcs = self._dataset.rpcs
        if rpcs is None:
            return None
        shifted = copy(rpcs)
        shifted.line_off -= self.window.row_off
        shifted.samp_off -= self.window.col_off
        return shifted

    @property
    def georeferenced(self) -> bool:
        """Whether the scene says where it is."""
        return on_earth(self._dataset.crs) and not self._dataset.transform.is_identity

    @property
    def files(self) -> list[str]:
        """The files that the scene is made of."""
        return list(self._dataset.files)

    @property
    def nodata(self) -> tuple[float | None, ...]:
        """The nodata value in force for every band read."""
        return self._validity.nodata

    @property
    def has_overviews(self) -> bool:
        """Whether a smaller picture of the scene lies in the file."""
        return bool(self._dataset.overviews(self.bands[0]))

    @property
    def all_valid(self) -> bool:
        """Whether the file has no way to say "no data here"."""
        return not self._validity.mask and all(v is None for v in self.nodata) and self.dtype.kind != "f"

    def refuse_change(self) -> None:
        """Refuse what was read if its files are not what they were when the scene was opened.

        Raises:
            SceneError: They have changed meanwhile.
        """
        if identify(self._dataset.files) != self._identity:
            raise SceneError(f"{self.path}: has changed while it was read; run the same command again")

    def read(self, start: int, stop: int, into: npt.NDArray[Any] | None = None) -> Rows:
        """Read the rows from `start` to `stop` of the window.

        Args:
            start: The first row.
            stop: The row behind the last one.
            into: (bands, rows, width): where the pixels are put, if it is of the scene's type.

        Raises:
            SceneError: A block cannot be read, because the file is damaged or the server does not answer.
        """
        if into is None or into.dtype != self.dtype:
            into = np.empty((len(self.bands), stop - start, self.width), self.dtype)
        pixels = into
        mask = np.empty(pixels.shape[1:], np.uint8) if self._validity.mask else None
        try:
            self._read_columns(start, pixels, mask)
        except FAILURES as error:
            if self._keep_going:
                return self._read_around(start, pixels, mask)
            raise SceneError(
                f"{self.path}: rows {start} to {stop} cannot be read ({reason_of(error)}); the file is damaged or unreachable "
                f"(`on_bad_block` nodata leaves damaged blocks out)"
            ) from error
        return Rows(pixels, self._valid(pixels, mask))

    def _read_around(self, start: int, pixels: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None) -> Rows:
        """Read what can be read; the rest holds no data."""
        top, left, block = self.window.row_off + start, self.window.col_off, self._dataset.block_shapes[0]
        rows = Window(col_off=left, row_off=top, width=self.width, height=pixels.shape[1])

        def within(part: Window) -> tuple[slice, slice]:
            first, column = part.row_off - top, part.col_off - left
            return slice(first, first + part.height), slice(column, column + part.width)

        def read(part: Window) -> None:
            at = within(part)
            self._read_window(self._dataset, part, pixels[:, *at], None if mask is None else mask[at])

        whole = np.ones(pixels.shape[1:], bool)
        for part in read_blocks(read, rows, block):
            whole[within(part)] = False
            pixels[:, *within(part)] = 0
            self.bad_blocks.add((part.row_off // block[0], part.col_off // block[1]))
        valid = self._valid(pixels, mask)
        return Rows(pixels, whole if valid is None else valid & whole)

    def _read_window(
        self, dataset: Raster, window: Window, pixels: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None
    ) -> None:
        dataset.read(list(self.bands), window=window, out=pixels)
        seen = self._validity.read_mask(dataset, window=window)
        if mask is not None and seen is not None:
            mask[:] = seen

    def _read_columns(self, start: int, pixels: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None) -> None:
        """Fill the arrays with the rows from `start` on, the columns shared out among the readers."""
        spans = self._spans()
        if self._pool is None and len(spans) > 1:
            self._readers = [self._opened() for _ in spans]
            self._pool = self._stack.enter_context(ThreadPoolExecutor(len(spans)))
        datasets = self._readers or [self._dataset]

        def read(dataset: Raster, span: tuple[int, int]) -> None:
            window = Window(
                col_off=self.window.col_off + span[0], row_off=self.window.row_off + start,
                width=span[1] - span[0], height=pixels.shape[1],
            )  # fmt: skip
            columns = slice(*span)
            self._read_window(dataset, window, pixels[:, :, columns], None if mask is None else mask[:, columns])

        if self._pool is None:
            read(datasets[0], spans[0])
            return
        pending = [self._pool.submit(read, d, s) for d, s in zip(datasets, spans, strict=True)]
        wait(pending)  # all of them: whoever goes on after an error must find nobody writing
        for one in pending:
            one.result()

    def _spans(self) -> list[tuple[int, int]]:
        """Share the columns out among readers, at the edges of blocks."""
        block = self._dataset.block_shapes[0][1]
        readers = max(1, min(READERS, self.width // READER_COLUMNS)) if block < self._dataset.width else 1
        first = self.window.col_off
        cuts = [
            0,
            *(_to_multiple(first + i * self.width // readers, block) - first for i in range(1, readers)),
            self.width,
        ]
        return [(a, b) for a, b in pairwise(cuts) if b > a]

    def sample(self) -> npt.NDArray[Any]:
        """Return the valid values, (bands, n), of `SAMPLES` x `SAMPLES` small windows spread over the scene.

        Raises:
            SceneError: A block cannot be read.
        """
        if self._sample is None:
            self._sample = self._sampled(SAMPLES, SAMPLE_SIDE)
        return self._sample

    def _sampled(self, windows: int, side: int) -> npt.NDArray[Any]:
        height, width = min(side, self.height), min(side, self.width)
        block = self._dataset.block_shapes[0]
        tops = _spread(self.height, height, windows, block[0], self.window.row_off)
        lefts = _spread(self.width, width, windows, block[1], self.window.col_off)
        if block[1] >= self._dataset.width:
            lefts, width = [0], self.width  # strips are decoded from their start on: never go back in one
        found = [self._values(Window(left, top, width, height)) for top in tops for left in lefts]
        return np.concatenate(found, axis=1)

    def _values(self, within: Window) -> npt.NDArray[Any]:
        window = Window(
            self.window.col_off + within.col_off, self.window.row_off + within.row_off, within.width, within.height
        )
        try:
            pixels = self._dataset.read(list(self.bands), window=window, out_dtype=self.dtype)
            mask = self._validity.read_mask(self._dataset, window=window)
        except FAILURES as error:
            if self._keep_going:
                return np.empty((len(self.bands), 0), self.dtype)
            raise SceneError(
                f"{self.path}: cannot be read ({reason_of(error)}); the file is damaged or unreachable "
                f"(`on_bad_block` nodata leaves damaged blocks out)"
            ) from error
        valid = self._valid(pixels, mask)
        values: npt.NDArray[Any] = pixels.reshape(len(pixels), -1) if valid is None else pixels[:, valid]
        return values

    def overview(self, height: int, width: int) -> Rows:
        """Read the whole window, decimated to that size (nearest pixel)."""
        try:
            pixels = self._dataset.read(
                list(self.bands), window=self.window, out_shape=(len(self.bands), height, width)
            )
            mask = self._validity.read_mask(self._dataset, window=self.window, out_shape=(height, width))
        except FAILURES as error:
            if self._keep_going:
                return self._decimated(height, width)
            raise SceneError(f"{self.path}: cannot be read ({reason_of(error)}); the file is damaged") from error
        return Rows(pixels, self._valid(pixels, mask))

    def _decimated(self, height: int, width: int) -> Rows:
        """Read the whole window row by row, and keep the pixels nearest to those of a smaller picture."""
        rows = ((np.arange(height) + 0.5) * self.height / height).astype(int)
        columns = ((np.arange(width) + 0.5) * self.width / width).astype(int)
        looks = [self.read(int(row), int(row) + 1) for row in rows]
        valid = [np.ones(width, bool) if r.valid is None else r.valid[0, columns] for r in looks]
        return Rows(np.stack([r.pixels[:, 0, columns] for r in looks], axis=1), np.stack(valid))

    def _valid(self, pixels: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.bool_] | None:
        return None if self.all_valid else self._validity.combine(pixels, mask)

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells this scene from another or from an earlier state of itself: layout, files and their times."""
        data = self._dataset
        return {
            "path": self.path,
            "files": self._identity,
            "shape": [data.count, data.height, data.width],
            "dtypes": list(data.dtypes),
            "transform": list(data.transform)[:6],
            "crs": hashlib.sha256((data.crs.to_wkt() if data.crs else "").encode()).hexdigest()[:16],
            "bands": list(self.bands),
            "nodata": [None if v is None else repr(v) for v in self.nodata],
            "window": [int(v) for v in self.window.flatten()],
        }


def _cache_bytes(dataset: Raster) -> int:
    """Return what one row of blocks takes, decoded, over the full width; at least `CACHE_BYTES`."""
    rows = min(dataset.block_shapes[0][0], 4096)
    row = sum(rows * dataset.width * np.dtype(d).itemsize for d in dataset.dtypes if d in DTYPES)
    return max(CACHE_BYTES, int(1.25 * row))


def _to_multiple(value: int, step: int) -> int:
    return value // step * step


def _spread(length: int, side: int, number: int, block: int, offset: int) -> list[int]:
    """Return where so many windows begin that are spread along an axis, moved back where they would lie in two blocks of the file."""
    starts = set()
    for start in np.linspace(0, length - side, number).astype(int):
        over = (offset + int(start) + side) % block
        fits = 0 < over < side <= block
        starts.add(max(0, int(start) - over) if fits else int(start))
    return sorted(starts)
