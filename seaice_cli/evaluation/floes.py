"""Floes against floes: predicted objects and outlined ones, each as polygons, as a raster of ids or as a mask of classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.errors import DataError, OptionError
from seaice_cli.evaluation.criteria import Pair
from seaice_cli.evaluation.masks import MaskGrid, named_classes, open_raster
from seaice_cli.evaluation.metrics.floes import FloeAccumulator
from seaice_cli.evaluation.metrics.objects import Features, Labels, Overlaps
from seaice_cli.evaluation.scan import STRIP_PIXELS
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.polygons.burning import BurntPolygons
from seaice_cli.raster.polygons.placing import place
from seaice_cli.raster.polygons.reading import Polygons, read_polygons
from seaice_cli.raster.reading.sources import VECTORS
from seaice_cli.raster.reading.validity import Validity

SIZES = (100, 300, 1000)
"""Pixels from which on a floe is of the next size class, where nothing else is said."""
Scores = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FloeCriteria:
    """What is counted."""

    sizes: tuple[int, ...] = SIZES
    """Pixels from which on a floe is of the next size class, ascending."""
    incomplete: bool = False
    """Whether only distinct floes are outlined, so that what is predicted elsewhere is neither right nor wrong."""
    smallest: int = 1
    """Predicted objects of fewer pixels are left out of precision."""

    def __post_init__(self) -> None:
        if list(self.sizes) != sorted({*self.sizes}) or any(size < 1 for size in self.sizes):
            raise OptionError(f"`sizes` {','.join(map(str, self.sizes))}: must be ascending whole numbers of pixels")

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the size classes."""
        if not self.sizes:
            return ("all",)
        middle = [f"{low}-{high - 1}px" for low, high in zip(self.sizes, self.sizes[1:], strict=False)]
        return (f"<{self.sizes[0]}px", *middle, f">={self.sizes[-1]}px")


@dataclass(frozen=True, slots=True, kw_only=True)
class FloeEvaluation:
    """The scores of a set of scenes."""

    criteria: FloeCriteria
    scenes: tuple[tuple[Pair, FloeAccumulator], ...]
    pooled: FloeAccumulator
    scores: Scores
    """Of all scenes together: "recall", and "recall:>=1000px" of a size class."""
    by_scene: dict[str, Scores] = field(default_factory=dict)


def evaluate_floes(pairs: Iterable[Pair], criteria: FloeCriteria | None = None) -> FloeEvaluation:
    """Compare predicted floes with true ones.

    Args:
        pairs: Predicted floes and true ones: polygons, rasters of ids (0: no floe), or masks that name their classes, whose
            connected ice counts. One of the two must be a raster; polygons are laid onto its pixels.
        criteria: What is counted.

    Raises:
        DataError: There are no scenes, or a file cannot be read or does not fit the other.
        OptionError: Neither of a pair is a raster.
    """
    criteria = criteria or FloeCriteria()
    scenes = tuple((pair, _compare(pair, criteria)) for pair in pairs)
    if not scenes:
        raise DataError("there is nothing to evaluate: no pair of a prediction and a reference")
    pooled = reduce(add, (sums for _, sums in scenes))
    return FloeEvaluation(
        criteria=criteria, scenes=scenes, pooled=pooled, scores=score_floes(pooled, criteria),
        by_scene={pair.name: score_floes(sums, criteria) for pair, sums in scenes},
    )  # fmt: skip


def score_floes(sums: FloeAccumulator, criteria: FloeCriteria) -> Scores:
    """Return all scores by name: of all floes, and with `:` and the size class of each class."""
    found = sums.scores(incomplete=criteria.incomplete)
    for level, label in enumerate(criteria.labels):
        of_class = sums.scores_of(level, incomplete=criteria.incomplete)
        found |= {f"{name}:{label}": value for name, value in of_class.items()}
    return found


def _compare(pair: Pair, criteria: FloeCriteria) -> FloeAccumulator:
    with ExitStack() as stack:
        rasters = [path for path in (pair.predicted, pair.reference) if not _is_vector(path)]
        if not rasters:
            raise OptionError(f"{pair.predicted}, {pair.reference}: one of the two must be a raster, for its pixels")
        readers = [_RasterObjects(path, stack) for path in rasters]
        grid = readers[0].grid
        if len(readers) > 1:
            _refuse_other_grid(pair, grid, readers[1].grid)
        predicted, true = (
            _PolygonObjects(path, grid) if _is_vector(path) else readers[rasters.index(path)]
            for path in (pair.predicted, pair.reference)
        )
        overlaps = Overlaps(true.numbering(), predicted.numbering())
        rows = max(1, STRIP_PIXELS // grid.shape[1])
        for top in range(0, grid.shape[0], rows):
            bottom = min(top + rows, grid.shape[0])
            overlaps.add(true.read(top, bottom), predicted.read(top, bottom))
    return FloeAccumulator.of(
        overlaps.finish(), criteria.sizes, incomplete=criteria.incomplete, smallest=criteria.smallest
    )


def _is_vector(path: Path) -> bool:
    return path.suffix.lower() in VECTORS


def _refuse_other_grid(pair: Pair, one: MaskGrid, two: MaskGrid) -> None:
    if one.shape != two.shape:
        sizes = [f"{grid.shape[1]} x {grid.shape[0]}" for grid in (one, two)]
        raise DataError(
            f"{pair.predicted}: is {sizes[0]} pixels, {pair.reference} {sizes[1]}; lay them on the same pixels"
        )
    here, there = one.transform, two.transform
    georeferenced = not here.is_identity and not there.is_identity
    if georeferenced and not here.almost_equals(there, precision=1e-6 * abs(here.a or 1)):
        raise DataError(f"{pair.predicted}: lies elsewhere than {pair.reference}; lay them on the same pixels")


class _RasterObjects:
    """Ids of a raster, or the connected ice of a mask that names its classes."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path, self._source = path, stack.enter_context(open_raster(path))
        if self._source.count > 1 or np.dtype(self._source.dtypes[0]).kind not in "iu":
            raise DataError(f"{path}: is no raster of ids, which has one band of whole numbers (0: no floe)")
        self.grid = MaskGrid((self._source.height, self._source.width), self._source.transform, self._source.crs)
        self._validity = Validity.of(self._source, (1,))
        named = named_classes(path)
        self._ice = None if named is None else named[1]

    def numbering(self) -> Labels | Features:
        return Features() if self._ice is None else Labels()

    def read(self, top: int, bottom: int) -> npt.NDArray[Any]:
        window = Window(col_off=0, row_off=top, width=self.grid.shape[1], height=bottom - top)
        try:
            values = self._source.read(1, window=window)
            valid = self._validity.read(self._source, values[None], window=window)
        except FAILURES as error:
            raise DataError(f"{self._path}: rows {top} to {bottom - 1} cannot be read; copy the file anew") from error
        if self._ice is not None:
            return np.asarray((values == self._ice) & valid)
        ids = np.where(valid, values, 0)
        if ids.min(initial=0) < 0 or ids.max(initial=0) >= 1 << 31:
            raise DataError(f"{self._path}: holds ids that are negative or beyond 2^31; number the floes from 1")
        return np.asarray(ids, np.int64)


class _PolygonObjects:
    """Polygons on the pixels of a raster; of a file that `vectorize` wrote those that are floes."""

    def __init__(self, path: Path, grid: MaskGrid) -> None:
        self._width = grid.shape[1]
        self._polygons = BurntPolygons(
            place(_read_floes(path), grid.crs, grid.transform, grid.shape, "the raster of ids")
        )
        self._numbers = np.arange(1, len(self._polygons) + 1, dtype=np.int64)

    def numbering(self) -> Labels | Features:
        return Features()

    def read(self, top: int, bottom: int) -> npt.NDArray[Any]:
        window = Window(col_off=0, row_off=top, width=self._width, height=bottom - top)
        return self._polygons.burn(window, self._numbers)


def _read_floes(path: Path) -> Polygons:
    """Read polygons; where they say whether they are floes, or ice, only those."""
    choices: Sequence[tuple[str, Callable[[Any], bool]]] = (
        ("is_floe", bool),
        ("class_name", lambda name: str(name).lower() in ("ice", "sea ice", "sea_ice", "floe")),
    )
    for attribute, wanted in choices:
        try:
            found = read_polygons(path, attribute=attribute)
        except DataError:  # no such attribute; what else is wrong is said below
            continue
        chosen = np.array([wanted(value) for value in found.values or ()], bool)
        if attribute == "is_floe" or chosen.any():
            return Polygons(path, found.geometries[chosen], found.numbers[chosen], None, found.crs)
    return read_polygons(path)
