"""`seaice info`: what a mask is, and the command that makes it once more."""

from __future__ import annotations

import json
from pathlib import Path

import click

from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.flags import answer
from seaice_cli.cli.shared.parameters import FILE, as_json


@click.command(cls=Command)
@click.argument("mask", type=FILE)
@as_json
def info(mask: Path, as_json: bool) -> None:
    """Describe a mask: its scene, model and options, how certain it is, and the command that makes it again.

    Run that command in the folder of the scene and of the files of --aoi and --land.

    Example: seaice info mask.tif
    """
    from seaice_cli.prediction.description import describe

    found = describe(mask)
    answer(json.dumps(found.to_json(), indent=2) if as_json else found.text())
