"""What is known of the cells of a grid: concentration and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.products.concentration.binning import CellSums
from seaice_cli.products.concentration.grids import CellGrid
from seaice_cli.products.meanings import ICE, LAND, NODATA, UNKNOWN, WATER

Array = npt.NDArray[Any]

OK, NO_MASK, LITTLE_KNOWN, ALL_LAND = range(4)
STATUS = {
    OK: "concentration_known", NO_MASK: "outside_of_masks", LITTLE_KNOWN: "too_little_known", ALL_LAND: "land",
}  # fmt: skip
"""What the status of a cell means."""
_LEAST_SEA = 1e-3
"""A share of sea below this is none: corners of pixels are placed to a hundredth of a pixel."""
_ROUNDING = 1e-6


@dataclass(slots=True)
class Concentration:
    """Sea-ice concentration on a grid at one time."""

    grid: CellGrid
    fraction: Array
    """(height, width) ice / (ice + water) by true area, 0 to 1; NaN where it is not known."""
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


def concentration_of(
    sums: CellSums, grid: CellGrid, *, min_valid: float,
    time: tuple[datetime, datetime] | None = None, sources: tuple[str, ...] = (),
) -> Concentration:  # fmt: skip
    """Return the concentration that follows from sums of areas.

    What is known must be at least `min_valid` of a cell's sea, that is of its true area without land. Where masks overlap, areas
    add up to more than that of the cell; shares are then of what was summed.
    """
    known = sums.area[..., ICE] + sums.area[..., WATER]
    seen = sums.area[..., NODATA + 1 :].sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = np.fmax(grid.cell_area, seen)
        land = np.clip(np.nan_to_num(sums.area[..., LAND] / whole), 0, 1)
        unknown = np.clip(np.nan_to_num(sums.area[..., UNKNOWN] / whole), 0, 1)
        fraction = sums.area[..., ICE] / known
        enough = known >= min_valid * (1 - land) * whole * (1 - _ROUNDING)
        error = np.sqrt(sums.variance) / known
    status = np.full(fraction.shape, LITTLE_KNOWN, np.uint8)
    status[enough & (known > 0)] = OK
    status[seen == 0] = NO_MASK
    status[land > 1 - _LEAST_SEA] = ALL_LAND
    measured = status == OK
    return Concentration(
        grid=grid,
        fraction=np.where(measured, np.clip(fraction, 0, 1), np.nan),
        uncertainty=np.where(measured & (sums.variance > 0), error, np.nan),
        pixels=sums.pixels, unknown=unknown, land=land, status=status, time=time, sources=sources,
    )  # fmt: skip
