"""`seaice fetch`: a date and a box in, a scene out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seaice_cli.choices import SOURCES
from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.flags import answer, complain, echo
from seaice_cli.cli.shared.parameters import Names, Numbers, as_json, overwrite
from seaice_cli.cli.shared.verbosity import bars_are_shown

if TYPE_CHECKING:
    import datetime as dt

    from seaice_cli.fetching.pipeline import FetchDay
    from seaice_cli.fetching.writing import FetchedScene


def _bar(rows: Iterable[Any]) -> Iterable[Any]:
    """Show on stderr how many rows of tiles are done."""
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(rows, desc="fetch", unit="row", leave=False, disable=not bars_are_shown())
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
    "--date", required=True, metavar="DATE|FIRST/LAST", help="2024-06-01, or all days of 2024-06-01/2024-06-05; UTC."
)
@click.option(
    "--bbox",
    type=Numbers("LEFT,BOTTOM,RIGHT,TOP", count=4),
    help="In degrees, or in metres of the CRS.  [default: all there is]",
)
@click.option("--crs", metavar="EPSG:N", help="CRS of the scene.  [default: polar stereographic; of items their own]")
@click.option("--source", type=click.Choice(SOURCES), help=f"Daily pictures of a hemisphere.  [default: {SOURCES[0]}]")
@click.option(
    "--satellite", metavar="NAME", help="terra or aqua; of viirs snpp, noaa20 or noaa21.  [default: the first]"
)
@click.option(
    "--server", metavar="URL", help="A mirror of the source's server.  [default: $SEAICE_SERVER, or NASA GIBS]"
)
@click.option("--stac", metavar="URL", help="Search this STAC API instead, and put its items together.")
@click.option("--collection", metavar="ID", help="What to search there.  [default: sentinel-2-l2a]")
@click.option("--assets", type=Names(), help="Bands by common name or asset.  [default: red,green,blue]")
@click.option(
    "--resolution", type=float, metavar="M", help="Pixels of a scene of items, in metres.  [default: their own]"
)
@click.option("--max-cloud", type=click.FloatRange(0, 100), metavar="%", help="Leave cloudier items out.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where tiles are kept.  [default: the user's cache]",
)
@click.option("--refresh", is_flag=True, help="Fetch again what is in the cache.")
@overwrite
@as_json
def fetch(output: Path, date: str, stac: str | None, overwrite: bool, as_json: bool, **chosen: Any) -> None:
    """Fetch a scene of a day, or one for each of several days.

    What was fetched is kept: a run that was killed is taken up by the same command.

    Example: seaice fetch --date 2024-06-01 --bbox=-20,76,0,81 -o scene.tif
    """
    from seaice_cli.errors import SeaIceError
    from seaice_cli.fetching.days import parse_days
    from seaice_cli.fetching.pipeline import fetch_days

    given = {name: value for name, value in chosen.items() if value is not None}
    fetcher = (_item_fetcher if stac else _tile_fetcher)({**given, **({"stac": stac} if stac else {})}, overwrite)
    told = fetch_days(parse_days(date), output, *fetcher, overwrite=overwrite)
    made = [one for one in told if not isinstance(one, SeaIceError)]
    if as_json:
        values = [one.to_json() for one in made]
        answer(json.dumps(values if len(told) > 1 else values[0], indent=2))
    for one in told:
        if isinstance(one, SeaIceError):
            complain(f"Error: {one}")
        elif not as_json:
            echo(one.text())
    if len(made) < len(told):
        raise click.exceptions.Exit(1)


def _tile_fetcher(given: dict[str, Any], overwrite: bool) -> tuple[FetchDay, Callable[[dt.date], str]]:
    """Return what fetches a day as tiles, and what its scene is called."""
    from seaice_cli.fetching.mosaic import TileScene, fetch_tiles
    from seaice_cli.fetching.options import TileOptions

    _refuse(given, ("collection", "assets", "resolution", "max_cloud"), "is for --stac")
    options = TileOptions(**given)
    return (
        lambda day, target: fetch_tiles(day, target, options, overwrite=overwrite, progress=_bar),
        lambda day: TileScene.of(day, options).name,
    )


def _item_fetcher(given: dict[str, Any], overwrite: bool) -> tuple[FetchDay, Callable[[dt.date], str]]:
    """Return what fetches a day's items, and what their scene is called."""
    from seaice_cli.fetching.options import SearchOptions
    from seaice_cli.fetching.stac.mosaic import mosaic_items
    from seaice_cli.fetching.stac.search import search_items

    _refuse(given, ("source", "satellite", "server"), "does not go with --stac")
    options = SearchOptions(**given)

    def fetch_day(day: dt.date, target: Path) -> FetchedScene:
        items, name = search_items(day, options), f"{options.collection} of {day}"
        return mosaic_items(items, target, options, name=name, overwrite=overwrite, progress=_bar)

    return fetch_day, lambda day: f"{options.collection}_{day}"


def _refuse(given: dict[str, Any], names: tuple[str, ...], why: str) -> None:
    for name in names:
        if name in given:
            raise click.UsageError(f"--{name.replace('_', '-')} {why}")
