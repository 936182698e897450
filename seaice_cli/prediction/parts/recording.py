"""The last stage of the line: finished pieces become the layers of parts, and are counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine

from seaice_cli.prediction.parts.classification import Classified
from seaice_cli.prediction.parts.layers import LayerWriter
from seaice_cli.prediction.parts.store import Counts, Part, PartStore
from seaice_cli.raster.area import pixel_area
from seaice_cli.raster.reading.region import LAND, NODATA, UNSURE
from seaice_cli.raster.windows.blend import Blender

MASK, PROBABILITY = "mask", "probability"
AREA_BLOCK = 128
"""Pixels along the side of the blocks within which the true area of a pixel is taken as that of the middle one."""


class Counter:
    """Counts what pieces hold: pixels of every value, and the true area of ice.

    Args:
        ids: The class ids.
        ice: The id of the ice class.
        crs: A rasterio CRS, None for areas in squared pixels.
        transform: Of the scene.
    """

    def __init__(self, ids: Sequence[int], ice: int, crs: Any, transform: Affine) -> None:
        self._values = (*ids, UNSURE, LAND, NODATA)
        self._ice, self._crs, self._transform = ice, crs, transform

    def count(self, piece: Classified) -> Counts:
        """Return the counts of one piece."""
        pixels = {v: int(np.count_nonzero(piece.classes == v)) for v in self._values}
        area = self._ice_area(piece) if pixels[self._ice] else 0.0
        return Counts({v: n for v, n in pixels.items() if n}, area, uncertain=piece.uncertain)

    def _ice_area(self, piece: Classified) -> float:
        rows = np.arange(0, piece.classes.shape[0], AREA_BLOCK)
        columns = np.arange(0, piece.classes.shape[1], AREA_BLOCK)
        ice = (piece.classes == self._ice).view(np.uint8)
        counts = np.add.reduceat(np.add.reduceat(ice, rows, axis=0, dtype=np.int64), columns, axis=1)
        at_rows = piece.window.row_off + _middles(rows, piece.classes.shape[0])
        at_columns = piece.window.col_off + _middles(columns, piece.classes.shape[1])
        y, x = np.meshgrid(at_rows, at_columns, indexing="ij")
        areas = pixel_area(self._crs, self._transform, y.ravel(), x.ravel()).reshape(counts.shape)
        return float(np.sum(np.where(counts > 0, counts * areas, 0.0)))


def _middles(starts: npt.NDArray[Any], length: int) -> npt.NDArray[np.float64]:
    middles: npt.NDArray[np.float64] = (starts + np.append(starts[1:], length)) / 2.0
    return middles


def record(
    pieces: Iterable[Classified],
    *,
    store: PartStore,
    parts: Sequence[Part],
    blender: Blender,
    width: int,
    counter: Counter,
) -> None:
    """Write the pieces of `parts` into layers, and finish part after part, with what the blend carries over."""
    stream = iter(pieces)
    columns = len(blender.grid.columns)
    for part in parts:
        counts = _write_part(_take(stream, columns * len(part.grid_rows)), part, store, width, counter)
        store.finish(part.index, counts, blender.carry(part.grid_rows[-1]))
    next(stream, None)


def _take(stream: Iterator[Classified], number: int) -> Iterator[Classified]:
    for _ in range(number):
        yield next(stream)


def _write_part(pieces: Iterator[Classified], part: Part, store: PartStore, width: int, counter: Counter) -> Counts:
    counts = Counts()
    writers: dict[str, LayerWriter] = {}
    try:
        for piece in pieces:
            layers = {MASK: piece.classes, PROBABILITY: piece.per_cent}
            for name, pixels in layers.items():
                if pixels is None:
                    continue
                if name not in writers:
                    writers[name] = LayerWriter(store.layer(part.index, name), (part.start, part.stop), width)
                writers[name].write(piece.window, pixels)
            counts.add(counter.count(piece))
        for writer in writers.values():
            writer.close()
    except BaseException:
        for writer in writers.values():
            writer.discard()
        raise
    return counts
