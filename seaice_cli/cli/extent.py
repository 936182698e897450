"""`seaice extent`: how much ice there is, from concentrations on a grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.flags import answer
from seaice_cli.cli.shared.parameters import FILE, as_json, overwrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seaice_cli.products.extent.measures import Extent


@click.command(cls=Command)
@click.argument("concentrations", nargs=-1, required=True, type=FILE)
@click.option(
    "--threshold",
    type=float,
    default=0.15,
    show_default=True,
    help="A cell counts if its concentration is at least this.",
)
@click.option("--variable", metavar="NAME", help="Of NetCDF.  [default: by its standard name]")
@click.option("--regions", type=FILE, help="Polygons; also compute the extent of each region.")
@click.option("--attribute", metavar="NAME", help="The field with the regions' names.  [default: they are numbered]")
@click.option("--edge", type=FILE, help="Also write the ice edge as lines: .gpkg, .geojson, .shp, .fgb, .parquet.")
@click.option("--min-length", type=float, default=0.0, metavar="KM", help="Leave out shorter lines of the edge.")
@click.option("--csv", type=FILE, help="Also write the table as CSV.")
@click.option("--plot", type=FILE, help="Also draw the series: .png, .svg, .pdf.")
@overwrite
@as_json
def extent(
    concentrations: tuple[Path, ...], threshold: float, variable: str | None, regions: Path | None, attribute: str | None,
    edge: Path | None, min_length: float, csv: Path | None, plot: Path | None, overwrite: bool, as_json: bool,
) -> None:  # fmt: skip
    """Compute extent, area and marginal ice zone from true areas.

    CONCENTRATIONS are what `seaice concentration` wrote, or NetCDF of others by CF; one file or several, one time each or a series.

    Example: seaice extent sic.nc --edge edge.gpkg --csv series.csv
    """
    from seaice_cli.outputs import refuse_target
    from seaice_cli.products.extent.pipeline import ExtentOptions, measure_extents, write_table

    options = ExtentOptions(
        threshold=threshold, variable=variable, regions=regions, attribute=attribute, min_length=min_length
    )
    for target in filter(None, (edge, csv, plot)):
        refuse_target(target, overwrite=overwrite)
    report = measure_extents(concentrations, options=options)
    if plot:
        from seaice_cli.products.extent.chart import draw_series

        draw_series(report.extents, plot, overwrite=overwrite)
    if edge:
        from seaice_cli.products.extent.edge import write_edges

        write_edges(report.edges, edge, overwrite=overwrite)
    if csv:
        write_table(report.extents, csv, overwrite=overwrite)
    found = [extent.to_dict() for extent in report.extents]
    answer(json.dumps(found, indent=2) if as_json else _tabulate(report.extents))


def _tabulate(extents: Sequence[Extent]) -> str:
    names = ("extent", "area", "marginal", "known", "missing", "outside", "edge (km)")
    lines = [f"{'time':20} {'region':12} " + " ".join(f"{name:>12}" for name in names) + "   (km²)"]
    for e in extents:
        values = (e.extent_km2, e.area_km2, e.marginal_ice_zone_km2, e.known_km2, e.missing_km2, e.outside_km2)
        numbers = " ".join(f"{value:12.1f}" for value in values)
        length = f"{'':12}" if e.edge_km is None else f"{e.edge_km:12.1f}"
        lines.append(f"{e.time or e.source:20} {e.region:12} {numbers} {length}".rstrip())
    return "\n".join(lines)
