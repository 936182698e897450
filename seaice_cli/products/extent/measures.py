"""Extent and area of the ice: sums of true areas of cells.

Extent is the area of cells with a concentration from 0.15 on, area is theirs times the concentration (as NSIDC's Sea Ice Index has it),
the marginal ice zone lies between 0.15 and 0.80. Of cells that are part land, the sea counts alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.products.fields import Field, Grid
from seaice_cli.raster.polygons.reading import Polygons

Array = npt.NDArray[Any]

THRESHOLD = 0.15
PACK = 0.8
"""The concentration from which on ice is pack ice, no marginal ice zone."""
EVERYWHERE = "all"
"""The region that is the whole grid."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much ice there is at one time in one region, in km²."""

    source: str
    time: str | None
    region: str
    extent_km2: float
    area_km2: float
    marginal_ice_zone_km2: float
    known_km2: float
    """Sea with a concentration."""
    missing_km2: float
    """Sea within the scenes whose concentration is not known; where the file does not tell land, that too."""
    outside_km2: float
    """Cells beyond the scenes."""
    edge_km: float | None = None
    """Length of the ice edge, of the whole grid."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def measure(
    field: Field,
    *,
    threshold: float,
    region: str = EVERYWHERE,
    within: Array | None = None,
    edge_km: float | None = None,
) -> Extent:
    """Sum up the cells of a field.

    Args:
        field: Concentrations at one time.
        threshold: The concentration from which on a cell counts.
        region: Its name.
        within: (height, width) True in the region; None: everywhere.
        edge_km: Passed on.
    """
    inside = np.ones(field.grid.shape, bool) if within is None else within
    sea = field.grid.area * (1 if field.land is None else 1 - field.land) * inside
    known = np.isfinite(field.fraction)
    fraction = np.where(known, field.fraction, 0)
    ice = known & (fraction >= threshold)

    def total(chosen: Array, values: Array = sea) -> float:
        return float(values[chosen].sum()) / 1e6

    return Extent(
        source=field.source.name, time=field.time, region=region,
        extent_km2=total(ice), area_km2=total(ice, sea * fraction), marginal_ice_zone_km2=total(ice & (fraction < PACK)),
        known_km2=total(known), missing_km2=total(~known & ~field.outside), outside_km2=total(field.outside), edge_km=edge_km,
    )  # fmt: skip


def regions_on(grid: Grid, polygons: Polygons) -> dict[str, Array]:
    """Return where each region lies: (height, width) True for cells whose centre is in one of its polygons.

    Args:
        grid: Of the field.
        polygons: With their regions' names as values; None: they are numbered from 1 on.

    Raises:
        DataError: They cannot be brought onto the grid.
    """
    from rasterio.features import rasterize

    from seaice_cli.raster.polygons.placing import place

    placed = place(polygons, grid.crs, grid.transform, grid.shape, "the grid")
    numbers = range(1, len(polygons) + 1) if polygons.values is None else polygons.values
    found: dict[str, Array] = {}
    for name, geometry in zip(map(str, numbers), placed, strict=True):
        burnt = np.zeros(grid.shape, bool)
        if not geometry.is_empty:
            burnt = rasterize([geometry], out_shape=grid.shape, dtype="uint8").astype(bool)
        found[name] = found.get(name, np.zeros(grid.shape, bool)) | burnt
    return found
