"""`seaice predict`: scenes in, masks and polygons out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from seaice_cli.choices import AUGMENTATIONS, FORMATS, ON_BAD_BLOCK
from seaice_cli.cli.shared.address_space import Command, needed
from seaice_cli.cli.shared.flags import answer, as_flags, complain, echo
from seaice_cli.cli.shared.parameters import (
    BESIDE,
    STREAMS,
    Bands,
    Bar,
    Nodata,
    Numbers,
    Place,
    Rescale,
    TaskBar,
    VectorFile,
    as_json,
    model_options,
    overwrite,
)

if TYPE_CHECKING:
    from seaice_cli.prediction.batch import PlanResult, Result
    from seaice_cli.prediction.options import PredictOptions
    from seaice_cli.prediction.scenes.pairing import BatchItem


@click.command(cls=Command, need=needed)
@click.argument("scenes", nargs=-1, required=True, metavar="SCENE...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=Place(),
    help="The mask; for several scenes or a folder, a folder, made where it ends in a slash. May be s3://bucket/...",
)
@click.option("--vector", type=BESIDE, help="Also write the ice as polygons (.gpkg and others).")
@click.option("--split-floes", is_flag=True, help="With --vector: take floes apart that touch.")
@click.option(
    "--floe-window", type=int, default=64, show_default=True, metavar="PX",
    help="Width of what floes are compared with, wider than floes; a multiple of 16.",
)  # fmt: skip
@click.option("--probability", type=BESIDE, help="Also write the probability of ice in per cent (uint8, 255: nodata).")
@click.option("--preview", type=BESIDE, help="Also write a small picture (.png).")
@click.option("--stac", is_flag=True, help="Also write a STAC item beside the mask (.json).")
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    default="cog",
    show_default=True,
    help="cog: GeoTIFF mask; png: ice 255, else 0.",
)
@click.option(
    "--bands",
    type=Bands(),
    help="Bands by number, description or colour, in the model's order.  [default: by their names]",
)
@click.option(
    "--sensor",
    default="",
    metavar="NAME",
    help="The sensor of the scene, where it is not recognised; `seaice models show` lists the names.",
)
@click.option(
    "--nodata", type=Nodata(), metavar="VALUE|none", help="Override the nodata value that the scene declares."
)
@click.option(
    "--on-bad-block",
    type=click.Choice(ON_BAD_BLOCK),
    default="fail",
    show_default=True,
    help="A damaged block ends the run, or its pixels become nodata.",
)
@click.option(
    "--rescale",
    type=Rescale(),
    help="Two values of the scene that become the ends of the model's range; auto: its 0.5 and 99.5 % points.",
)
@click.option("--any-resolution", is_flag=True, help="Accept pixels of another size than the model was trained on.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="A pixel is ice if its probability of ice is at least this.  [default: the likeliest class]",
)
@click.option(
    "--abstain",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="P",
    help="Pixels become unsure (253) if no class reaches this probability.",
)
@click.option(
    "--tta",
    type=click.Choice(AUGMENTATIONS),
    default="none",
    show_default=True,
    help="Average over mirror images, rotations.",
)
@click.option(
    "--bbox", "--bounds", type=Numbers("LEFT,BOTTOM,RIGHT,TOP", count=4), help="Only this part, in the scene's CRS."
)
@click.option("--aoi", type=VectorFile(), help="Only inside these polygons.")
@click.option("--land", type=VectorFile(), help="Leave these polygons out; they get the value 254.")
@model_options
@overwrite
@click.option("--recursive", is_flag=True, help="Look for scenes in the folders below a folder, too.")
@click.option("--skip-existing", is_flag=True, help="Leave scenes alone whose files are all there.")
@click.option(
    "--summary", metavar="CSV",
    help="Also write a table: areas, shares, seconds, warnings and errors, a scene a row; - prints it.  "
    "[default: none, on a cluster OUTPUT/summary.csv]",
)  # fmt: skip
@click.option(
    "--cluster",
    metavar="ADDRESS|local:N|FILE.yaml",
    help="Run on a Dask cluster: that of a scheduler (tcp://host:8786), N processes here, or a batch system's.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan, or why the run would be refused; compute nothing.")
@as_json
def predict(
    scenes: tuple[str, ...], output: Path | str, recursive: bool, skip_existing: bool, summary: str | None, cluster: str | None,
    dry_run: bool, as_json: bool, **chosen: Any,
) -> None:  # fmt: skip
    """Map the ice of satellite scenes.

    SCENE is anything GDAL opens: a GeoTIFF, a VRT, JPEG2000, /vsicurl/..., s3://..., a WMS description; or a folder of
    scenes. A run that was killed is taken up where it was by the same command. With several scenes, --vector,
    --probability and --preview take a folder, or what masks' names get in place of their suffix: .gpkg.

    Example: seaice predict scene.tif -o mask.tif --vector ice.gpkg
    """
    from seaice_cli.prediction import batch
    from seaice_cli.prediction.options import PredictOptions
    from seaice_cli.prediction.scenes.pairing import BESIDE, pair

    beside = {name: chosen.pop(name) for name in BESIDE}
    options = PredictOptions(**chosen)
    if summary and not dry_run:
        _refuse_table(summary, overwrite=options.overwrite, as_json=as_json)
    items = pair(scenes, output, options, beside=beside, recursive=recursive)
    if dry_run:
        _tell_plans([batch.plan(a) for a in items], as_json=as_json)
        return
    table = (
        _Table(summary, options.overwrite) if summary else _table_beside(output, items, options) if cluster else None
    )
    if cluster:
        told = _run_on_cluster(items, cluster, skip_existing=skip_existing)
    else:
        told = batch.run(items, progress=Bar, skip_existing=skip_existing, collect=bool(summary))
    if table:
        _write_table(table, told)
    if table and not summary and not as_json:
        echo(f"{table.target}: what became of every scene")
    _tell_results(told, as_json=as_json, silent=summary in STREAMS)


def _tell_plans(plans: Sequence[PlanResult], *, as_json: bool) -> None:
    """Print plans, and end with 1 if one of them is a refusal."""
    if as_json:
        _answer_json(plans)
    for one in plans:
        if not as_json:
            answer(one.text())
        elif not one.ok:
            complain(one.text())
    _end(plans)


def _tell_results(told: Sequence[Result], *, as_json: bool, silent: bool) -> None:
    """Print results, and end with 1 if one of them is an error."""
    if as_json:
        _answer_json(told)
    for one in told:
        if not one.ok:
            complain(one.text())
        elif not (as_json or silent):
            echo(one.text())
    _end(told)


def _answer_json(told: Sequence[PlanResult] | Sequence[Result]) -> None:
    values = [one.to_json() for one in told]
    answer(json.dumps(values[0] if len(values) == 1 else values, indent=2))


def _end(told: Sequence[PlanResult] | Sequence[Result]) -> None:
    if not all(one.ok for one in told):
        raise click.exceptions.Exit(1)


class _Table(NamedTuple):
    """A table of all scenes that is to be written."""

    target: str
    overwrite: bool


def _refuse_table(summary: str, *, overwrite: bool, as_json: bool) -> None:
    from seaice_cli.prediction.scenes.table import refuse_table

    if summary not in STREAMS:
        refuse_table(summary, overwrite=overwrite)
    elif as_json:
        raise click.UsageError(f"--summary {summary} and --json would be mixed on one stream; name a file")


def _table_beside(output: Path | str, items: Sequence[BatchItem], options: PredictOptions) -> _Table | None:
    """Return the table in a folder of masks; that of the same scenes, whose run is taken up, is replaced."""
    from seaice_cli.prediction.scenes.table import NAME, is_table_of, refuse_table

    if len(items) < 2:
        return None
    target = f"{str(output).rstrip('/')}/{NAME}"
    overwrite = options.overwrite or is_table_of(target, [item.scene for item in items])
    refuse_table(target, overwrite=overwrite)
    return _Table(target, overwrite)


def _write_table(table: _Table, told: Sequence[Result]) -> None:
    from seaice_cli.prediction.scenes.table import format_table, write_table

    text = as_flags(format_table([one.to_json() for one in told]))
    if table.target in STREAMS:
        click.echo(text, nl=False)
    else:
        write_table(table.target, text, overwrite=table.overwrite)


def _run_on_cluster(items: Sequence[BatchItem], where: str, *, skip_existing: bool) -> list[Result]:
    from seaice_cli.cluster.pipeline import run

    with TaskBar() as bar:
        return run(items, where, told=bar, skip_existing=skip_existing)
