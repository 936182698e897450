"""`seaice models`: which models there are, what they are, and their weights in other forms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from seaice_cli.choices import DEFAULT_MODEL, EXPORTS
from seaice_cli.cli.shared.address_space import TORCH, Group
from seaice_cli.cli.shared.completion import model_names
from seaice_cli.cli.shared.flags import answer, echo
from seaice_cli.cli.shared.parameters import as_json, overwrite

SCENES = click.Path(path_type=Path, exists=True)


@click.group(cls=Group)
def models() -> None:
    """List, show and export models."""


@models.command("list")
@as_json
def list_models(as_json: bool) -> None:
    """List the shipped models.

    Example: seaice models list
    """
    from seaice_cli.network.catalog import find_model, shipped

    found = [find_model(name) for name in shipped()]
    if as_json:
        answer(json.dumps([{"name": m.spec.name, "directory": str(m.directory)} for m in found], indent=2))
        return
    for model in found:
        star = "*" if model.spec.name == DEFAULT_MODEL else " "
        answer(f"{star} {model.spec.name:<20} {', '.join(model.spec.class_names):<22} {model.spec.description}")


@models.command("show")
@click.argument("model", default=DEFAULT_MODEL, metavar="NAME|DIR", shell_complete=model_names)
@click.option("--card", is_flag=True, help="Print the model card.")
@click.option("--stac", is_flag=True, help="Print the model as a STAC item (MLM extension).")
@as_json
def show_model(model: str, card: bool, stac: bool, as_json: bool) -> None:
    """Show what a model reads and gives, after its files were checked.

    Example: seaice models show modis-truecolor
    """
    from seaice_cli.network.catalog import find_model
    from seaice_cli.network.description import describe
    from seaice_cli.network.spec import CARD_FILE

    found = find_model(model)
    if card:
        click.echo(found.file(CARD_FILE).read_text(encoding="utf-8"))
        return
    if stac:
        from seaice_cli.stac.model_items import describe_model

        click.echo(describe_model(found))
        return
    if as_json:
        click.echo(found.spec.to_json().rstrip())
    else:
        answer(describe(found))


@models.command("export", need=TORCH)
@click.argument("model", metavar="NAME|DIR", shell_complete=model_names)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file; for openvino its .xml, for directory a model directory.",
)
@click.option("--format", "kind", type=click.Choice(EXPORTS), help="Its format.  [default: by its suffix]")
@click.option("--half", is_flag=True, help="Keep the weights in float16.")
@click.option("--int8", is_flag=True, help="Add a quantised graph to the model itself, for --precision int8 on a CPU.")
@click.option(
    "--calibrate",
    type=SCENES,
    multiple=True,
    metavar="LIST",
    help="With --int8: scenes to calibrate on, csv, json or a folder; repeatable.",
)
@click.option(
    "--measure",
    type=SCENES,
    multiple=True,
    metavar="LIST",
    help="With --int8: labelled scenes to measure the loss on; repeatable.  [default: the same]",
)
@overwrite
def export(
    model: str, output: Path | None, kind: str | None, *, half: bool, int8: bool, calibrate: tuple[Path, ...],
    measure: tuple[Path, ...], overwrite: bool,
) -> None:  # fmt: skip
    """Write a model in another format for other programs; with --int8, add a quantised graph to the model itself.

    Example: seaice models export modis-truecolor -o modis.onnx --half
    """
    from seaice_cli.errors import OptionError
    from seaice_cli.extras import require_extra

    require_extra("train", "seaice models export")
    if int8:
        if not calibrate or output is not None or kind or half:
            raise OptionError(
                "--int8 adds a graph to the model itself: give --calibrate LIST, and no -o, --format or --half"
            )
        _quantize(model, calibrate, measure or calibrate, overwrite=overwrite)
        return
    if output is None or calibrate or measure:
        raise OptionError("name the file with -o; --calibrate and --measure go with --int8")
    _export(model, output, kind, half=half, overwrite=overwrite)


def _quantize(name: str, calibrate: Sequence[Path], measure: Sequence[Path], *, overwrite: bool) -> None:
    from seaice_cli.cli.evaluation.inputs import scenes_of_model
    from seaice_cli.evaluation.quantization import quantize_model
    from seaice_cli.network.catalog import find_model
    from seaice_cli.network.engines.openvino import MAX_LOSS
    from seaice_cli.network.quantization import refuse_quantizing

    model = find_model(name)
    refuse_quantizing(name, model, overwrite=overwrite)
    labelled, criteria = scenes_of_model(model.directory, measure)
    scenes, _ = scenes_of_model(model.directory, calibrate)
    losses = quantize_model(model, [s.predicted for s in scenes], labelled, criteria)
    for source, loss in losses.items():
        echo(
            f"{source}: mean IoU {loss.float32:.4f} in float32, {loss.int8:.4f} in int8; {loss.differs:.2%} of the classes differ"
        )
    worst = max(loss.miou for loss in losses.values())
    taken = "taken" if worst <= MAX_LOSS else f"more than {MAX_LOSS:g} is lost: not taken"
    echo(f"{model.directory}: {taken} by --precision auto")


def _export(model: str, output: Path, kind: str | None, *, half: bool, overwrite: bool) -> None:
    from seaice_cli.errors import OutputError
    from seaice_cli.network.catalog import find_model
    from seaice_cli.network.export import export_model

    by_suffix = {".xml": "openvino", ".onnx": "onnx"}
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists already; --overwrite replaces it")
    for path in export_model(find_model(model), output, kind or by_suffix.get(output.suffix, "safetensors"), half=half):
        echo(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
