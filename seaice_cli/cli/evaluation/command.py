"""`seaice eval`: how good masks are, or a model on labelled scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seaice_cli.cli.shared.address_space import FILES, Command, Need, needed
from seaice_cli.cli.shared.flags import answer, complain
from seaice_cli.cli.shared.label_options import folder_options, label_options
from seaice_cli.cli.shared.parameters import FILE, Numbers, as_json, model_options, overwrite

SCORE_TOO_LOW = 3
"""The exit code of a score beyond its bound, so that a script can tell it from an error."""
PATH = click.Path(path_type=Path, exists=True)


def _bounds(_context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> list[tuple[str, float]]:
    """Turn "miou=0.8" into ("miou", 0.8)."""
    bounds = []
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            bounds.append((name.strip(), float(number)))
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is not a score and a value, such as miou=0.8", param=option) from error
    return bounds


def _needed(**chosen: Any) -> Need:
    return needed(**chosen) if chosen["data"] else FILES


@click.command("eval", cls=Command, need=_needed)
@click.argument("predicted", type=PATH, required=False)
@click.argument("reference", type=PATH, required=False)
@click.option(
    "--data",
    type=PATH,
    multiple=True,
    metavar="LIST",
    help="Run a model over these scenes: csv, json or a folder; repeatable.",
)
@folder_options
@model_options
@click.option(
    "--tta",
    default="none",
    show_default=True,
    metavar="none|flip|d4",
    help="With --data: average over mirror images, rotations.",
)
@click.option(
    "--bands", type=Numbers("1,2,3", int), help="With --data: bands to read, in the model's order.  [default: all]"
)
@click.option(
    "--any-resolution", is_flag=True, help="With --data: accept pixels of another size than the model was trained on."
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="With --data: ice from this probability on.  [default: the likeliest class]",
)
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="With --data: keep the masks in this folder."
)
@click.option(
    "--calibrate",
    is_flag=True,
    help="With --data: fit the temperature on these scenes, write it into the model, then evaluate.",
)
@click.option(
    "--calibrated",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The same, but write a calibrated copy of the model into this new folder.",
)
@click.option(
    "--probability", type=PATH, help="Probabilities of ice beside PREDICTED: a file, or a folder of the same stems."
)
@label_options
@click.option(
    "--predicted-values", metavar="MAP", help="What the values of PREDICTED stand for, as --values.  [default: found]"
)
@click.option(
    "--ice",
    metavar="NAME",
    help="The class that edges, concentration and objects are about.  [default: the mask's, or ice]",
)
@click.option("--hidden", metavar="NAMES", help="Classes that hide the sea.  [default: those named cloud]")
@click.option(
    "--boundary",
    multiple=True,
    default=("3px",),
    show_default=True,
    help="Distance of boundary scores: 3px, 500m, 0.5%; repeatable.",
)
@click.option(
    "--cells",
    type=Numbers("KM,KM"),
    default="5,10,25",
    show_default=True,
    help="Sides of the cells of concentration in km.",
)
@click.option("--area", is_flag=True, help="Weigh pixels by their true area.")
@click.option(
    "--min-object", type=click.IntRange(1), default=1, show_default=True, help="Leave out objects of fewer pixels."
)
@click.option(
    "--objects", is_flag=True, help="Compare floes with floes instead: polygons, rasters of ids, or masks with names."
)
@click.option("--incomplete", is_flag=True, help="With --objects: REFERENCE outlines only some floes; no precision.")
@click.option(
    "--sizes",
    type=Numbers("PX,PX", int),
    default="100,300,1000",
    show_default=True,
    help="With --objects: where size classes begin.",
)
@click.option(
    "--by", type=click.Choice(["source", "group"]), help="Also score every list, or every group of scenes, by itself."
)
@click.option(
    "--baseline-csv", type=PATH, help="With images: fit single-band thresholds on these scenes and score them beside."
)
@click.option(
    "--resamples",
    type=click.IntRange(0),
    default=1000,
    show_default=True,
    help="Bootstrap resamples of the intervals; 0: none.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the resampling.")
@click.option("--time", "timed", is_flag=True, help="With --data: also report seconds and Mpx/s.")
@click.option("--worst", type=click.IntRange(1), help="Also list so many scenes with the worst score.")
@click.option("--rank", default="miou", show_default=True, metavar="SCORE", help="The score that --worst sorts by.")
@click.option("-o", "--output", type=FILE, help="Write the list of --worst as a csv that --data reads.")
@click.option("--csv", "csv_file", type=FILE, help="Write all scores, a line per scene.")
@click.option("--html", type=FILE, help="Write a page with tables, charts and pictures of the worst scenes.")
@as_json
@overwrite
@click.option(
    "--fail-under",
    callback=_bounds,
    metavar="SCORE=VALUE",
    multiple=True,
    help="Exit 3 if a score is smaller, as in miou=0.8; repeatable.",
)
@click.option(
    "--fail-over",
    callback=_bounds,
    metavar="SCORE=VALUE",
    multiple=True,
    help="Exit 3 if a score is larger, as in ece=0.05; repeatable.",
)
def evaluate(**chosen: Any) -> None:
    """Score masks against references, or a model on labelled scenes.

    PREDICTED and REFERENCE are two files, two folders whose files share stems, or a folder and a list; PREDICTED alone is a list of
    masks and labels. A reference is a raster or a vector file, on any grid and in any CRS. With --data a model is run first, the way
    `seaice predict` runs it.

    With --objects floes are found one by one: `seaice eval floes.gpkg outlines.png --objects --incomplete`.

    Example: seaice eval --data val.csv --model models/mine --html report.html --fail-under miou=0.8
    """
    from seaice_cli.cli.evaluation import floes, scoring

    told = floes.run(**chosen) if chosen["objects"] else scoring.run(**chosen)
    answer(told.text)
    for line in told.failures:
        complain(f"Failed: {line}")
    if told.failures:
        raise click.exceptions.Exit(SCORE_TOO_LOW)
