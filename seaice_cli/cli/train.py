"""`seaice train`: labelled scenes in, a model directory out."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from seaice_cli.cli.shared.address_space import TORCH
from seaice_cli.cli.shared.flags import answer, echo
from seaice_cli.cli.shared.parameters import as_json, overwrite
from seaice_cli.cli.shared.train_options import GroupedCommand, train_options
from seaice_cli.cli.shared.verbosity import bars_are_shown
from seaice_cli.training.presets import PRESETS


@click.command(cls=GroupedCommand, need=TORCH)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the run; the model is in model/.")
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Options in a TOML file; flags win over it."
)
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), help="Options under a name; the file and flags win over it."
)
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, by the options it keeps; flags win.")
@click.option("--show", is_flag=True, help="Print the options as a TOML file, and train nothing.")
@train_options
@overwrite
@as_json
def train(
    output: Path | None,
    config: Path | None,
    preset: str | None,
    resume: bool,
    show: bool,
    overwrite: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Train a model on labelled scenes of any size, from nothing or from another model.

    With --init-from MODEL everything that is not said is taken over from that model, and the rest of it is kept as far as a few
    polygons do not say otherwise (docs/finetune.md).

    Example: seaice train --data train.csv --val val.csv --preset fast -o runs/first

    Example: seaice train --init-from modis-truecolor --data labels.csv -o runs/mine
    """
    from tqdm.contrib.logging import logging_redirect_tqdm

    from seaice_cli.extras import require_extra

    require_extra("train", "seaice train")
    from seaice_cli.training.options import read_options, to_toml
    from seaice_cli.training.pipeline import train as run
    from seaice_cli.training.records.logs import kept_options

    if output is None and not show:
        raise click.UsageError("Missing option '-o' / '--output'.")
    if output is not None and resume and config is None:
        config = kept_options(output)
    given = {name: value for name, value in flags.items() if value not in (None, ())}
    if logging.getLogger().level <= logging.WARNING:  # the scores of every evaluation, but for --quiet
        logging.getLogger("seaice_cli.training").setLevel(min(logging.INFO, logging.getLogger().level))
    options = read_options(config, preset or "", given)
    if output is None or show:
        click.echo(to_toml(options), nl=False)
        return
    with logging_redirect_tqdm():
        model, scores = run(options, output, resume=resume, overwrite=overwrite, progress=_bar)
    if as_json:
        numbers = {name: None if math.isnan(value) else value for name, value in scores.items()}
        answer(json.dumps({"model": str(model), **numbers}, indent=2))
        return
    echo(f"{model}: {_summary(scores)}")


def _bar(steps: Iterable[int]) -> Iterable[int]:
    from tqdm import tqdm

    bar: Iterable[int] = tqdm(steps, unit="step", leave=False, disable=not bars_are_shown())
    return bar


def _summary(scores: Mapping[str, float]) -> str:
    best = ", ".join(
        f"{name} {value:.3f}" for name, value in scores.items() if name == "miou" or name.startswith("iou:")
    )
    return f"{best} after step {scores.get('step', 0):.0f}"
