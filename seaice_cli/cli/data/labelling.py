"""`seaice data template | suggest`: layers for people who draw labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seaice_cli.cli.shared.address_space import MAPS, Command
from seaice_cli.cli.shared.flags import echo
from seaice_cli.cli.shared.label_options import FILE, class_names
from seaice_cli.cli.shared.parameters import Bands, Bar, Rescale, model_options, overwrite


@click.command(cls=Command)
@click.argument("scene", type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="The layer, a GeoPackage (.gpkg).")
@click.option("--classes", required=True, metavar="NAMES", help="Names of the classes: water,ice,cloud.")
@overwrite
def template(scene: Path, output: Path, classes: str, overwrite: bool) -> None:
    """Write an empty layer to draw labels of SCENE in, with a list of classes and their colours for QGIS.

    Example: seaice data template scene.tif -o labels.gpkg --classes water,ice,cloud
    """
    from seaice_cli.data.labels.drawing import write_template

    names = class_names(classes)
    write_template(scene, output, names, overwrite=overwrite)
    echo(f"{output}: an empty layer; draw polygons in QGIS and choose a class for each of {', '.join(names)}")


@click.command(cls=Command, need=MAPS)
@click.argument("scene", type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="The windows, a GeoPackage (.gpkg).")
@click.option("--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many windows at most.")
@click.option(
    "--side", type=click.IntRange(16, 4096), default=256, show_default=True, help="Pixels along a window's side."
)
@click.option("--sensor", default="", metavar="NAME", help="What the scene comes from, as for predict.")
@click.option("--bands", type=Bands(), help="Bands, as for predict.")
@click.option("--rescale", type=Rescale(), help="As for predict.")
@click.option("--any-resolution", is_flag=True, help="As for predict.")
@model_options
@overwrite
def suggest(scene: Path, output: Path, count: int, side: int, overwrite: bool, **chosen: Any) -> None:
    """Mark the windows of SCENE where the model is least certain, as polygons to label next.

    Example: seaice data suggest scene.tif --model runs/mine/model -o next.gpkg
    """
    from seaice_cli.data.labels.drawing import suggest as find
    from seaice_cli.prediction.options import PredictOptions

    places = find(
        scene, output, options=PredictOptions(**chosen), count=count, side=side, overwrite=overwrite, progress=Bar(scene.name)
    )  # fmt: skip
    most = f", up to {places[0].doubt:.0%} of one in doubt" if places else "; the model is sure everywhere"
    echo(f"{output}: {len(places)} windows{most}")
