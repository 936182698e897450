"""`seaice train`: labelled scenes in, a model directory out."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from seaice_cli.cli.shared.address_space import TORCH, Command
from seaice_cli.cli.shared.parameters import as_json
from seaice_cli.cli.shared.train_options import train_options
from seaice_cli.training.presets import PRESETS


@click.command(cls=Command, need=TORCH)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the run; the model is in model/."
)
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Options in a TOML file; flags win over it."
)
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), help="Options under a name; the file and flags win over it."
)
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, by the options it keeps; flags win.")
@train_options
@as_json
def train(output: Path, config: Path | None, preset: str | None, resume: bool, as_json: bool, **flags: Any) -> None:
    """Train a model on labelled scenes of any size.

    Example: seaice train --data train.csv --val val.csv --preset fast -o runs/first
    """
    from seaice_cli.extras import require_extra

    require_extra("train", "seaice train")
    from seaice_cli.training.logs import CONFIG_FILE
    from seaice_cli.training.options import read_options
    from seaice_cli.training.pipeline import train as run

    if resume and config is None and (output / CONFIG_FILE).is_file():
        config = output / CONFIG_FILE
    given = {name: value for name, value in flags.items() if value not in (None, ())}
    if logging.getLogger().level <= logging.WARNING:  # the scores of every evaluation, but for --quiet
        logging.getLogger("seaice_cli.training").setLevel(min(logging.INFO, logging.getLogger().level))
    model, scores = run(read_options(config, preset or "", given), output, resume=resume, progress=_bar)
    if as_json:
        click.echo(json.dumps({"model": str(model), **scores}, indent=2))
        return
    click.echo(f"{model}: {_summary(scores)}")


def _bar(steps: Iterable[int]) -> Iterable[int]:
    from tqdm import tqdm

    bar: Iterable[int] = tqdm(steps, unit="step", leave=False, disable=not sys.stderr.isatty())
    return bar


def _summary(scores: Mapping[str, float]) -> str:
    best = ", ".join(
        f"{name} {value:.3f}" for name, value in scores.items() if name == "miou" or name.startswith("iou:")
    )
    return f"{best} after step {scores.get('step', 0):.0f}"
