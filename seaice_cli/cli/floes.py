"""`seaice floes`: how large floes are, from a layer of ice polygons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.flags import answer
from seaice_cli.cli.shared.parameters import FILE, as_json, overwrite

if TYPE_CHECKING:
    from seaice_cli.products.floes import FloeReport, PowerLaw, Sizes


@click.command(cls=Command)
@click.argument("polygons", type=FILE)
@click.option("--class", "ice", metavar="CLASS", help="The class of ice, by name or value.  [default: ice]")
@click.option("--layer", help="Layer to read.  [default: the first]")
@click.option("--bins", type=click.IntRange(2, 200), default=12, show_default=True, help="Intervals of diameter.")
@click.option("--plot", type=FILE, help="Also draw the distributions (.png, .svg, .pdf), or write them (.csv).")
@overwrite
@as_json
def floes(
    polygons: Path, ice: str | None, layer: str | None, bins: int, plot: Path | None, overwrite: bool, as_json: bool
) -> None:
    """Measure the sizes of floes and the water between them.

    POLYGONS is what `seaice vectorize --attributes floe` wrote. Floes that touch the edge of the data are left out of
    the distributions.

    Example: seaice floes ice.gpkg --plot sizes.png
    """
    from seaice_cli.products.floes import measure_floes

    report = measure_floes(polygons, layer=layer, ice=ice, bins=bins)
    if plot:
        from seaice_cli.products.floe_chart import draw_floes

        draw_floes(report, plot, overwrite=overwrite)
    answer(json.dumps(report.to_dict(), indent=2) if as_json else _tabulate(report))


def _tabulate(report: FloeReport) -> str:
    lines = [
        (
            f"{report.source}: {report.floes} floes, {report.left_out} at the edge of the data left out "
            f"({report.left_out_area_share:.1%} of the ice)"
        ),
        f"ice                  {report.ice_m2 / 1e6:14.6g} km²",
    ]
    if report.between_m2:
        lines.append(f"of it between floes  {report.between_m2 / 1e6:14.6g} km²")
    if report.water_m2 is not None:
        lines += [
            f"water                {report.water_m2 / 1e6:14.6g} km²",
            f"open water fraction  {report.open_water_fraction or 0.0:14.4f}",
            f"lead fraction        {report.lead_fraction or 0.0:14.4f}",
        ]
    for name, sizes in (("equal-area diameter", report.equal_area), ("mean caliper diameter", report.caliper)):
        if sizes is not None:
            lines += ["", *_tabulate_sizes(name, sizes)]
    lines += ["", f"floe areas: {_describe(report.area_exponent, 'm²')}"]
    return "\n".join([*lines, *(f"note: {caveat}" for caveat in report.caveats)])


def _tabulate_sizes(name: str, sizes: Sizes) -> list[str]:
    return [
        (
            f"{name}: median {sizes.median_m:.4g} m, mean {sizes.mean_m:.4g} m, area-weighted mean "
            f"{sizes.area_weighted_mean_m:.4g} m, largest {sizes.largest_m:.4g} m"
        ),
        f"  {_describe(sizes.fit, 'm')}",
        f"  {'from (m)':>10} {'to (m)':>10} {'floes':>8} {'per km² km':>12} {'area per km':>12}",
        *(
            f"  {b.low_m:10.5g} {b.high_m:10.5g} {b.floes:8d} {b.number_density:12.4g} {b.area_density:12.4g}"
            for b in sizes.bins
        ),
    ]


def _describe(fit: PowerLaw | None, unit: str) -> str:
    if fit is None:
        return "too few floes for a power law"
    return (
        f"power law with exponent {fit.exponent:.3f} ± {fit.error:.3f} from {fit.smallest:.4g} {unit} on "
        f"({fit.floes} floes, KS distance {fit.distance:.3f})"
    )
