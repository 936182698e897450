"""Sea-ice concentration: fine masks binned into the cells of a grid.

The concentration of a cell is ice / (ice + water) by true area; what is hidden by cloud, is land or without data counts neither
as ice nor as water. A cell of which too little of the sea is known has none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.products.concentration.binning import Binner, CellSums
from seaice_cli.products.concentration.cells import Concentration, concentration_of
from seaice_cli.products.concentration.grids import CellGrid, grid_over, named_grid
from seaice_cli.products.concentration.options import ConcentrationOptions
from seaice_cli.products.meanings import LAND, NODATA, kinds_of, lookup_of
from seaice_cli.raster.polygons.burning import BurntPolygons
from seaice_cli.raster.reading.acquisition import Span, acquired
from seaice_cli.vectorization.masks import Mask, Probability

log = logging.getLogger(__name__)
Progress = Callable[[Iterable[Any]], Iterable[Any]]
_OVERLAP = 1.02
"""Areas that add up to more than so many times that of a cell are of masks that overlap."""


def concentrate(
    masks: Sequence[Path],
    *,
    options: ConcentrationOptions,
    probabilities: Sequence[Path] = (),
    time: Span | None = None,
    strip_rows: int | None = None,
    progress: Progress = iter,
) -> Concentration:
    """Bin masks into concentration, strip by strip.

    Masks should not overlap: what several of them show is counted several times, so make one of them first (`products.composite`).

    Args:
        masks: Rasters of classes: ours, or any whose classes say what they are.
        options: Grid and rules.
        probabilities: Per cent of ice on the grid of each mask; they share known pixels between ice and water.
        time: First and last acquisition; None: what the masks' tags say.
        strip_rows: Rows that are read at once; None: a few million pixels. The result is the same for all.
        progress: Wraps the strips of each mask.

    Raises:
        SceneError: A mask cannot be read, or does not say where it is.
        DataError: The land cannot be read.
        OptionError: Options do not fit each other or the masks.
    """
    if not masks:
        raise OptionError("name at least one mask")
    if probabilities and len(probabilities) != len(masks):
        raise OptionError(
            f"{len(probabilities)} `probability` for {len(masks)} masks; give one for each, in their order"
        )
    grid: CellGrid | None = named_grid(options.grid) if options.grid else None
    sums: CellSums | None = None
    times: list[Span] = []
    for index, path in enumerate(masks):
        with Mask(path, band=options.band) as mask:
            grid = grid or _grid_over(mask, options.cell or 0.0)
            sums = sums or CellSums.empty(grid)
            probability = probabilities[index] if probabilities else None
            _add(_Source(mask, options, probability, strip_rows), grid, sums, progress)
            times += acquired(mask.tags)
    assert grid is not None and sums is not None  # noqa: S101, PT018 - there is at least one mask
    _tell_overlap(sums, grid, len(masks))
    span = time or ((min(t[0] for t in times), max(t[1] for t in times)) if len(times) == len(masks) else None)
    return concentration_of(
        sums, grid, min_valid=options.min_valid, time=span, sources=tuple(path.name for path in masks)
    )


class _Source:
    """A mask, read as what its pixels are, with probabilities.

    Args:
        mask: Open.
        options: Meanings of its classes, and land.
        probability: On its grid.
        strip_rows: Rows that are read at once.
    """

    def __init__(
        self, mask: Mask, options: ConcentrationOptions, probability: Path | None, strip_rows: int | None
    ) -> None:
        if mask.crs is None:
            raise SceneError(
                f"{mask.path}: does not say where on earth it is; give it a CRS first (gdal_edit.py -a_srs)"
            )
        self.mask = mask
        self._lookup = lookup_of(mask, options.meanings)
        self._land = _read_land(options.land, mask) if options.land else None
        self._probability = probability
        self._cuts = mask.cuts(strip_rows=strip_rows)

    def strips(self, progress: Progress) -> Iterable[tuple[int, npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]]:
        """Yield first rows, kinds and per cent of ice."""
        with ExitStack() as stack:
            percent = Probability(self._probability, self.mask) if self._probability else None
            if percent:
                stack.callback(percent.close)
            for top, stop in progress(list(pairwise(self._cuts))):
                kinds = kinds_of(self.mask.read(top, stop), self._lookup)
                if self._land is not None:
                    kinds = self._with_land(kinds, top)
                yield top, kinds, percent.read(top, stop) if percent else None

    def _with_land(self, kinds: npt.NDArray[np.uint8], top: int) -> npt.NDArray[np.uint8]:
        from rasterio.windows import Window

        assert self._land is not None  # noqa: S101 - asked before
        window = Window(col_off=0, row_off=top, width=kinds.shape[1], height=len(kinds))
        burnt = self._land.burn(window, np.ones(len(self._land), np.uint8))
        kinds[(burnt == 1) & (kinds != NODATA)] = LAND
        return kinds


def _read_land(path: Path, mask: Mask) -> BurntPolygons:
    from seaice_cli.raster.polygons.placing import place
    from seaice_cli.raster.polygons.reading import read_placed_areas

    layers = read_placed_areas(path, "land")
    placed = [place(found, mask.crs, mask.transform, (mask.height, mask.width), mask.path.name) for found in layers]
    return BurntPolygons(np.concatenate(placed))


def _grid_over(mask: Mask, cell: float) -> CellGrid:
    if mask.crs is None:
        raise SceneError(f"{mask.path}: does not say where on earth it is; give it a CRS first (gdal_edit.py -a_srs)")
    corners = [mask.transform @ (c, r) for c in (0, mask.width) for r in (0, mask.height)]
    xs, ys = [c[0] for c in corners], [c[1] for c in corners]
    return grid_over(cell, mask.crs, (min(xs), min(ys), max(xs), max(ys)))


def _add(source: _Source, grid: CellGrid, sums: CellSums, progress: Progress) -> None:
    mask, before = source.mask, sums.area.sum()
    binner = Binner(grid, mask.crs, mask.transform, mask.height, mask.width)
    for top, kinds, percent in source.strips(progress):
        binner.add(sums, kinds, top, percent)
    if sums.area.sum() == before:
        log.warning("%s: none of its pixels lies on the grid %s", mask.path, grid.name)


def _tell_overlap(sums: CellSums, grid: CellGrid, masks: int) -> None:
    if masks > 1:
        with np.errstate(invalid="ignore"):
            share = float((sums.area.sum(axis=-1) > _OVERLAP * grid.cell_area).mean())
        if share:
            log.warning(
                "masks overlap, so that parts of cells are counted more than once; put them together with `seaice composite` first"
            )
