"""`seaice map`: a mask or concentrations in, a map out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.flags import echo
from seaice_cli.cli.shared.parameters import FILE, overwrite


@click.command("map", cls=Command)
@click.argument("source", type=FILE, metavar="MASK")
@click.option("-o", "--output", required=True, type=FILE, help="The map: .png, .pdf or .svg.")
@click.option("--scene", type=FILE, help="Shown below the classes, in any CRS.")
@click.option(
    "--style", type=click.Choice(("fill", "outline")), default="fill", show_default=True, help="Areas or their edges."
)
@click.option("--opacity", type=float, help="Of areas.  [default: 0.45 over a scene, else 1]")
@click.option(
    "--own-colors", is_flag=True, help="The mask's colours.  [default: some that colour-blind people tell apart]"
)
@click.option("--coast", type=FILE, help="Polygons of land, whose outlines are drawn.")
@click.option("--title", help="[default: scene, time and model, as the mask's tags say]")
@click.option("--width", type=float, default=7.5, show_default=True, metavar="INCHES", help="Of the whole map.")
@click.option("--dpi", type=int, default=300, show_default=True, help="Pixels per inch.")
@click.option("--band", type=int, help="Band of the mask, from 1.  [default: its only one]")
@click.option("--variable", metavar="NAME", help="Of NetCDF.  [default: by its standard name]")
@overwrite
def draw(source: Path, output: Path, scene: Path | None, overwrite: bool, **chosen: Any) -> None:
    """Draw a map: legend, title, graticule, scale bar, north arrow.

    MASK is what `seaice predict` wrote, any raster of classes, or what `seaice concentration` wrote (.nc, .tif); of several
    times the last is drawn, in the colours of WMO's ice charts.

    Example: seaice map mask.tif -o map.png --scene scene.tif
    """
    from seaice_cli.products.map.options import MapOptions
    from seaice_cli.products.map.pipeline import draw_map

    draw_map(source, output, scene=scene, options=MapOptions(**chosen), overwrite=overwrite)
    echo(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
