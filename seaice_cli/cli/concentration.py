"""`seaice concentration`: masks in, sea-ice concentration on a grid out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seaice_cli.choices import GRIDS
from seaice_cli.cli.shared.address_space import POLYGONS, Command
from seaice_cli.cli.shared.flags import answer, echo
from seaice_cli.cli.shared.parameters import FILE, Classes, as_json, overwrite
from seaice_cli.cli.shared.verbosity import bars_are_shown

if TYPE_CHECKING:
    from seaice_cli.products.concentration.cells import Concentration


def _bar(strips: Iterable[Any]) -> Iterable[Any]:
    """Show on stderr how many strips are done."""
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(strips, desc="concentration", unit="strip", leave=False, disable=not bars_are_shown())
    return bar


@click.command(cls=Command, need=POLYGONS)
@click.argument("masks", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="What is written: .nc (CF-1.11) or .tif.")
@click.option("--grid", type=click.Choice(GRIDS), metavar="NAME", help=f"A grid of the field: {', '.join(GRIDS)}.")
@click.option("--cell", type=float, metavar="M", help="Or the side of a cell, in units of the CRS of the first mask.")
@click.option(
    "--min-valid", type=float, default=0.5, show_default=True, help="Share of a cell's sea that must be known."
)
@click.option("--ice", type=Classes(), help="Classes that are ice, by name or value.  [default: by their names]")
@click.option("--water", type=Classes(), help="Classes that are open water.")
@click.option("--unknown", type=Classes(), help="Classes that hide the sea: neither ice nor water.")
@click.option("--land", type=FILE, help="Polygons of land.  [default: value 254]")
@click.option(
    "--probability",
    multiple=True,
    type=FILE,
    help="Per cent of ice on the mask's grid; one for each mask, in their order.",
)
@click.option(
    "--time",
    metavar="WHEN",
    help="Acquisition: 2022-09-14, 2022-09-14T12:30Z, or first/last.  [default: the masks' tags]",
)
@click.option("--append", is_flag=True, help="Add to a series that exists (.nc).")
@click.option(
    "--attribute", multiple=True, metavar="NAME=VALUE", help="Global attribute of NetCDF: creator_name, license, ..."
)
@click.option("--band", type=int, help="Band of the masks, from 1.  [default: their only one]")
@overwrite
@as_json
def concentration(
    masks: tuple[Path, ...], output: Path, probability: tuple[Path, ...], time: str | None, append: bool, overwrite: bool,
    attribute: tuple[str, ...], as_json: bool, **chosen: Any,
) -> None:  # fmt: skip
    """Bin masks into sea-ice concentration on a grid, by true areas.

    MASKS are what `seaice predict` wrote, or any rasters of classes. Cloud counts neither as ice nor as water.

    Example: seaice concentration mask.tif -o sic.nc --grid psn25
    """
    from seaice_cli.products.concentration.metadata import parse_attributes
    from seaice_cli.products.concentration.options import ConcentrationOptions
    from seaice_cli.products.concentration.pipeline import concentrate
    from seaice_cli.products.concentration.writing import refuse_early, require_time, write_concentration
    from seaice_cli.products.meanings import Meanings
    from seaice_cli.raster.reading.acquisition import parse_span

    meanings = Meanings(**{kind: chosen.pop(kind) or () for kind in ("ice", "water", "unknown")})
    options = ConcentrationOptions(meanings=meanings, **chosen)
    span, attributes = parse_span(time) if time else None, parse_attributes(attribute)
    refuse_early(output, append=append, overwrite=overwrite)
    span = require_time(masks, output, span)
    made = concentrate(masks, options=options, probabilities=probability, time=span, progress=_bar)
    write_concentration(made, output, append=append, overwrite=overwrite, attributes=attributes)
    report = _summarize(made, output)
    if as_json:
        answer(json.dumps(report, indent=2))
    else:
        echo(_sentence(report))


def _summarize(made: Concentration, output: Path) -> dict[str, Any]:
    """Return what is told of the result."""
    import numpy as np

    from seaice_cli.products.concentration.cells import STATUS

    known = np.isfinite(made.fraction)
    area = np.where(known, made.grid.cell_area * (1 - made.land), 0)
    ice = float(np.nansum(area * np.nan_to_num(made.fraction)))
    return {
        "target": str(output),
        "grid": made.grid.name,
        "shape": [made.grid.height, made.grid.width],
        "time": [t.isoformat() for t in made.time] if made.time else None,
        "cells": {meaning: int((made.status == value).sum()) for value, meaning in STATUS.items()},
        "known_km2": float(np.nansum(area)) / 1e6,
        "ice_km2": ice / 1e6,
        "mean_concentration": ice / float(np.nansum(area)) if known.any() else None,
    }


def _sentence(report: dict[str, Any]) -> str:
    cells, mean = report["cells"], report["mean_concentration"]
    text = "none is known" if mean is None else f"mean concentration {mean:.3f} of {report['known_km2']:.6g} km²"
    return (
        f"{report['target']}: {cells['concentration_known']} cells with a concentration, {cells['too_little_known']} with too little "
        f"known, {cells['land']} of land; {text}"
    )
