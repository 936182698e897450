"""How much ice there is in files of concentrations, and where its edge lies."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from seaice_cli.errors import DataError, OptionError
from seaice_cli.outputs import new_file
from seaice_cli.products.extent.edge import Edge, find_edge
from seaice_cli.products.extent.measures import EVERYWHERE, THRESHOLD, Extent, measure, regions_on
from seaice_cli.products.fields import read_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtentOptions:
    """How extents are measured.

    Raises:
        OptionError: Values do not fit.
    """

    threshold: float = THRESHOLD
    variable: str | None = None
    """Of NetCDF files that do not say which one holds concentrations."""
    regions: Path | None = None
    """Polygons; also compute the extent of each region."""
    attribute: str | None = None
    """The field of `regions` with their names; None: they are numbered."""
    min_length: float = 0.0
    """Lines of the edge shorter than so many km are left out."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise OptionError(f"`threshold` {self.threshold:g} must lie between 0 and 1")
        if self.attribute and not self.regions:
            raise OptionError("`attribute` names a field of `regions`; give these too")


@dataclass(slots=True)
class Report:
    """What was measured."""

    extents: list[Extent] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def measure_extents(paths: Sequence[Path], *, options: ExtentOptions | None = None) -> Report:
    """Measure the ice in files of concentrations, in the order of time.

    Raises:
        DataError: A file cannot be read, or lies on another grid than the first.
        OptionError: Options do not fit.
        InstallationError: What reads NetCDF or draws contours is missing.
    """
    options = options or ExtentOptions()
    polygons = None
    if options.regions:
        from seaice_cli.raster.polygons.reading import read_polygons

        polygons = read_polygons(options.regions, attribute=options.attribute)
        if not len(polygons):
            raise OptionError(f"{options.regions}: holds no polygons of `regions`")
    report, places, grid = Report(), {}, None
    for path in paths:
        for found in read_fields(path, variable=options.variable):
            if grid is None:
                grid = found.grid
                places = regions_on(grid, polygons) if polygons else {}
            if found.grid.shape != grid.shape or not found.grid.transform.almost_equals(grid.transform, precision=1e-3):
                raise DataError(f"{path}: lies on another grid than {paths[0]}; measure them one by one")
            edge = find_edge(found, threshold=options.threshold, min_length_km=options.min_length)
            report.edges.append(edge)
            report.extents.append(measure(found, threshold=options.threshold, edge_km=sum(edge.lengths_km)))
            report.extents += [
                measure(found, threshold=options.threshold, region=name, within=within)
                for name, within in places.items()
            ]
    report.extents.sort(key=lambda e: (e.time or "", e.region != EVERYWHERE))
    return report


def write_table(extents: Sequence[Extent], target: Path, *, overwrite: bool = False) -> None:
    """Write extents as CSV, a row for each time and region.

    Raises:
        OutputError: The target exists or cannot be written.
    """
    names = [f.name for f in fields(Extent)]
    with new_file(target, overwrite=overwrite) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([_plain(getattr(extent, name)) for name in names] for extent in extents)


def _plain(value: float | str | None) -> str:
    return "" if value is None else f"{value:.6f}" if isinstance(value, float) else value
