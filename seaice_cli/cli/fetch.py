"""`seaice fetch`: a date and a box in, a scene out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from seaice_cli.choices import SOURCES
from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.flags import echo
from seaice_cli.cli.shared.parameters import Numbers, as_json, overwrite


def _bar(rows: Iterable[Any]) -> Iterable[Any]:
    """Show on stderr how many rows of tiles are done."""
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(rows, desc="fetch", unit="row", leave=False, disable=not sys.stderr.isatty())
    return bar


@click.command(cls=Command)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The scene (.tif); for several days a folder.",
)
@click.option(
    "--date",
    required=True,
    metavar="DATE|FIRST/LAST",
    help="2024-06-01, or all days of 2024-06-01/2024-06-05; UTC.",
)
@click.option(
    "--bbox",
    type=Numbers("LEFT,BOTTOM,RIGHT,TOP", count=4),
    help="In degrees, or in metres of the CRS.  [default: all there is]",
)
@click.option("--crs", metavar="EPSG:N", help="CRS of the scene.  [default: EPSG:3413 in the north, 3031 in the south]")
@click.option(
    "--source",
    type=click.Choice(SOURCES),
    default=SOURCES[0],
    show_default=True,
    help="Daily pictures of a hemisphere.",
)
@click.option(
    "--satellite", metavar="NAME", help="terra or aqua; of viirs snpp, noaa20 or noaa21.  [default: the first]"
)
@click.option(
    "--server", metavar="URL", help="A mirror of the source's server.  [default: $SEAICE_SERVER, or NASA GIBS]"
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where tiles are kept.  [default: the user's cache]",
)
@click.option("--refresh", is_flag=True, help="Fetch again what is in the cache.")
@overwrite
@as_json
def fetch(
    output: Path, date: str, source: str, satellite: str | None, server: str | None, overwrite: bool, as_json: bool,
    **chosen: Any,
) -> None:  # fmt: skip
    """Fetch a scene of a day, or one for each of several days.

    What was fetched is kept: a run that was killed is taken up by the same command.

    Example: seaice fetch --date 2024-06-01 --bbox=-20,76,0,81 -o scene.tif
    """
    from seaice_cli.errors import SeaIceError
    from seaice_cli.fetching.days import parse_days
    from seaice_cli.fetching.mosaic import TileScene, fetch_tiles
    from seaice_cli.fetching.options import TileOptions
    from seaice_cli.fetching.pipeline import fetch_days

    options = TileOptions(source=source, satellite=satellite, server=server, **chosen)
    told = fetch_days(
        parse_days(date), output,
        lambda day, target: fetch_tiles(day, target, options, overwrite=overwrite, progress=_bar),
        lambda day: TileScene.of(day, options).name, overwrite=overwrite,
    )  # fmt: skip
    made = [one for one in told if not isinstance(one, SeaIceError)]
    if as_json:
        values = [one.to_json() for one in made]
        echo(json.dumps(values if len(told) > 1 else values[0], indent=2))
    for one in told:
        if isinstance(one, SeaIceError):
            echo(f"Error: {one}", err=True)
        elif not as_json:
            echo(one.text())
    if len(made) < len(told):
        raise click.exceptions.Exit(1)
