"""Sea-ice concentration: fine masks binned into the cells of a grid.

The concentration of a cell is ice / (ice + water) by true area; what is hidden by cloud, land or without data counts neither as ice nor as
water. A cell of which too little of the sea is known has none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.products.concentration.binning import ICE, LAND, NODATA, UNKNOWN, WATER, Array, Binner, CellSums
from seaice_cli.products.concentration.grids import CellGrid, grid_over, named_grid
from seaice_cli.products.concentration.masks import Meanings, lookup_of
from seaice_cli.vectorization.masks import Mask, Probability

log = logging.getLogger(__name__)
Progress = Callable[[Iterable[int]], Iterable[int]]

OK, NO_MASK, LITTLE_KNOWN, ALL_LAND = range(4)
STATUS = {
    OK: "concentration_known", NO_MASK: "outside_of_masks", LITTLE_KNOWN: "too_little_known", ALL_LAND: "land",
}  # fmt: skip
"""What the status of a cell means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcentrationOptions:
    """How masks become concentration."""

    grid: str | None = None
    """One of `grids.GRIDS`; None: cells of `cell` on the first mask's CRS."""
    cell: float | None = None
    """The side of a cell in map units."""
    min_valid: float = 0.5
    """Share of a cell's sea (its area without land) that must be known."""
    meanings: Meanings = field(default_factory=Meanings)
    band: int | None = None


@dataclass(slots=True)
class Concentration:
    """Sea-ice concentration on a grid at one time."""

    grid: CellGrid
    fraction: Array
    """(height, width) sea-ice area fraction, 0 to 1; NaN where it is not known."""
    uncertainty: Array
    """(height, width) standard error of the fraction from the pixels' probabilities, taken as independent; NaN where there are none."""
    pixels: Array
    """(height, width) how many pixels of ice and water have their middle in the cell."""
    unknown: Array
    """(height, width) share of the cell that is hidden (cloud, unsure), 0 to 1."""
    land: Array
    """(height, width) share of the cell that is land, 0 to 1."""
    status: Array
    """(height, width) uint8, see `STATUS`."""
    time: tuple[datetime, datetime] | None = None
    """When the scenes were acquired: first and last."""
    sources: tuple[str, ...] = ()
    """The masks, by name."""


def concentrate(
    masks: Sequence[Path],
    *,
    options: ConcentrationOptions | None = None,
    probabilities: Sequence[Path] = (),
    time: tuple[datetime, datetime] | None = None,
    progress: Progress | None = None,
) -> Concentration:
    """Bin masks into concentration; pixels of several masks of one place are counted once each.

    Args:
        masks: Rasters of classes: ours, or any whose classes say what they are.
        options: Grid and rules.
        probabilities: Per cent of ice on the grid of each mask; they share known pixels between ice and water.
        time: First and last acquisition; None: what the masks' tags say.
        progress: Wraps the rows that strips begin with.

    Raises:
        SceneError: A mask cannot be read, or does not say where it is.
        OptionError: Options do not fit each other or the masks.
    """
    options = options or ConcentrationOptions()
    _check(masks, options, probabilities)
    grid: CellGrid | None = named_grid(options.grid) if options.grid else None
    sums: CellSums | None = None
    times: list[tuple[datetime, datetime]] = []
    for index, path in enumerate(masks):
        with Mask(path, band=options.band) as mask:
            grid = grid or _grid_over(mask, options)
            sums = sums or CellSums.empty(grid)
            _add(mask, grid, sums, options, probabilities[index] if probabilities else None, progress or iter)
            times += acquired(mask.tags)
    assert grid is not None and sums is not None  # noqa: S101 - there is at least one mask
    span = time or ((min(t[0] for t in times), max(t[1] for t in times)) if times else None)
    return _finish(grid, sums, options, span, tuple(p.name for p in masks))


def acquired(tags: dict[str, str]) -> list[tuple[datetime, datetime]]:
    """Return when a scene was acquired, as its tags say: none or one pair of first and last."""
    for key in ("ACQUISITION_TIME", "TIFFTAG_DATETIME"):
        text = tags.get(key, "")
        for form in ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%SZ", "%Y:%m:%d %H:%M:%S", "%Y-%m-%d"):
            try:
                moment = datetime.strptime(text, form)
            except ValueError:
                continue
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return [(moment, moment)]
    return []


def _check(masks: Sequence[Path], options: ConcentrationOptions, probabilities: Sequence[Path]) -> None:
    if not masks:
        raise OptionError("name at least one mask")
    if bool(options.grid) == (options.cell is not None):
        raise OptionError("choose a --grid, or the side of its cells with --cell")
    if not 0 < options.min_valid <= 1:
        raise OptionError(f"--min-valid {options.min_valid:g} must be above 0 and at most 1")
    if probabilities and len(probabilities) != len(masks):
        raise OptionError(
            f"{len(probabilities)} --probability for {len(masks)} masks; give one for each, in their order"
        )


def _grid_over(mask: Mask, options: ConcentrationOptions) -> CellGrid:
    if mask.crs is None:
        raise _no_place(mask)
    corners = [mask.transform @ (c, r) for c in (0, mask.width) for r in (0, mask.height)]
    xs, ys = [c[0] for c in corners], [c[1] for c in corners]
    return grid_over(options.cell or 0.0, mask.crs, (min(xs), min(ys), max(xs), max(ys)))


def _no_place(mask: Mask) -> SceneError:
    return SceneError(f"{mask.path}: does not say where on earth it is; give it a CRS first (gdal_edit -a_srs)")


def _add(
    mask: Mask, grid: CellGrid, sums: CellSums, options: ConcentrationOptions, probability: Path | None, progress: Progress
) -> None:  # fmt: skip
    if mask.crs is None:
        raise _no_place(mask)
    lookup = lookup_of(mask, options.meanings)
    before = sums.area.sum()
    binner = Binner(grid, mask.crs, mask.transform, mask.height, mask.width)
    percent = Probability(probability, mask) if probability else None
    cuts = mask.cuts()
    try:
        for number, top in enumerate(progress(cuts[:-1])):
            stop = cuts[number + 1]
            rows = mask.read(top, stop)
            kinds = lookup[np.where((rows >= 0) & (rows <= 255), rows, 255).astype(np.uint8)]
            binner.add(sums, kinds, top, percent.read(top, stop) if percent else None)
    finally:
        if percent:
            percent.close()
    if sums.area.sum() == before:
        log.warning("%s: none of its pixels lies on the grid %s", mask.path, grid.name)


def _finish(
    grid: CellGrid, sums: CellSums, options: ConcentrationOptions,
    time: tuple[datetime, datetime] | None, sources: tuple[str, ...],
) -> Concentration:  # fmt: skip
    ice, water = sums.area[..., ICE], sums.area[..., WATER]
    known = ice + water
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = sums.area.sum(axis=-1) - sums.area[..., NODATA]
        land = np.clip(np.nan_to_num(sums.area[..., LAND] / grid.cell_area), 0, 1)
        sea = np.maximum(grid.cell_area - sums.area[..., LAND], 0)
        fraction = ice / known
        enough = known >= options.min_valid * sea * (1 - 1e-9)
        error = np.sqrt(sums.variance) / known
    status = np.full(fraction.shape, LITTLE_KNOWN, np.uint8)
    status[enough & (known > 0)] = OK
    status[seen == 0] = NO_MASK
    status[(known == 0) & (land >= 1 - options.min_valid)] = ALL_LAND
    unknown = np.clip(np.nan_to_num(sums.area[..., UNKNOWN] / grid.cell_area), 0, 1)
    measured = status == OK
    return Concentration(
        grid=grid,
        fraction=np.where(measured, np.clip(fraction, 0, 1), np.nan),
        uncertainty=np.where(measured & (sums.variance > 0), error, np.nan),
        pixels=sums.pixels, unknown=unknown, land=land, status=status, time=time, sources=sources,
    )  # fmt: skip
