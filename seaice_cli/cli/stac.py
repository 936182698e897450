"""`seaice stac`: a folder of masks as a STAC collection."""

from __future__ import annotations

from pathlib import Path

import click

from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.flags import echo
from seaice_cli.cli.shared.parameters import FILE, overwrite


@click.command(cls=Command)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("-o", "--output", required=True, type=FILE, help="The collection (.json).")
@click.option("--name", default="", metavar="ID", help="Of the collection.  [default: the folder's name]")
@click.option("--title", default="", help="Of the collection.")
@click.option(
    "--description", default="Sea-ice maps from satellite scenes", show_default=True, help="Of the collection."
)
@click.option("--license", default="other", show_default=True, metavar="SPDX", help="Of the masks, such as CC-BY-4.0.")
@overwrite
def stac(folder: Path, output: Path, *, overwrite: bool, **said: str) -> None:
    """Write a STAC collection of the masks in a folder, and an item beside each of them.

    Example: seaice stac masks -o masks/collection.json --license CC-BY-4.0
    """
    from seaice_cli.stac.collections import CollectionOptions, write_collection

    number = write_collection(folder, output, options=CollectionOptions(**said), overwrite=overwrite)
    echo(f"{output}: {number} item{'s' * (number != 1)}")
