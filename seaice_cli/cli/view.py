"""`seaice view`: masks, concentrations and polygons in, a page to look at out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.flags import answer, echo
from seaice_cli.cli.shared.parameters import FILE, as_json, overwrite


@click.command(cls=Command)
@click.argument("sources", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("-o", "--output", required=True, type=FILE, help="The page (.html).")
@click.option("--scene", type=FILE, help="Shown below; its grid is the page's.")
@click.option("--probability", type=FILE, help="Per cent of ice: two more layers, probability and doubt.")
@click.option("--title", help="Of the page.  [default: the first file's name]")
@click.option(
    "--own-colors", is_flag=True, help="The mask's colours.  [default: some that colour-blind people tell apart]"
)
@click.option("--most-polygons", type=int, default=20_000, show_default=True, help="Show at most so many, the largest.")
@overwrite
@as_json
def view(
    sources: tuple[Path, ...], output: Path, scene: Path | None, probability: Path | None, overwrite: bool, as_json: bool,
    **chosen: Any,
) -> None:  # fmt: skip
    """Make a page to look at in a browser: one file, without a server or a network.

    FILEs are masks, concentrations (.nc, .tif) and one file of polygons (.gpkg, .shp, .fgb, .geojson). Of large rasters the
    tiles lie in a folder beside the page.

    Example: seaice view mask.tif ice.gpkg --scene scene.tif -o page.html
    """
    from seaice_cli.products.view.options import ViewOptions
    from seaice_cli.products.view.pipeline import write_page

    made = write_page(
        sources, output, scene=scene, probability=probability, options=ViewOptions(**chosen), overwrite=overwrite
    )
    beside = f", tiles in {made['folder']}" if made["folder"] else ""
    size = f"{made['tile_bytes'] / 1e6:.1f} MB of tiles{beside}"
    sentence = f"{made['target']}: {len(made['layers'])} layers, {made['polygons']} polygons, {size}"
    if as_json:
        answer(json.dumps(made, indent=2))
    else:
        echo(sentence)
