"""`seaice composite`: masks of several overpasses or days in, one mask out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from seaice_cli.choices import RULES
from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.flags import answer, echo
from seaice_cli.cli.shared.parameters import FILE, Classes, as_json, overwrite
from seaice_cli.cli.shared.verbosity import bars_are_shown


def _bar(strips: Iterable[Any]) -> Iterable[Any]:
    """Show on stderr how many strips are done."""
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(strips, desc="composite", unit="strip", leave=False, disable=not bars_are_shown())
    return bar


@click.command(cls=Command)
@click.argument("masks", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="The combined mask (.tif).")
@click.option(
    "--layers",
    type=FILE,
    help="Also write each pixel's scene, how many saw it clear, and whether they disagree (.tif).",
)
@click.option(
    "--rule", type=click.Choice(RULES),
    help="Which clear pixels count.  [default: by mean probability if it is given, else the latest]",
)  # fmt: skip
@click.option(
    "--probability",
    multiple=True,
    type=FILE,
    help="Probability of ice in per cent on a mask's grid; once for each mask.",
)
@click.option(
    "--threshold",
    type=float,
    default=0.5,
    show_default=True,
    help="A pixel is ice if its mean probability is at least this.",
)
@click.option(
    "--time",
    multiple=True,
    metavar="WHEN",
    help="Acquisition, one for each mask: 2022-09-14T12:30Z.  [default: their tags]",
)
@click.option("--max-age", type=float, metavar="HOURS", help="Leave out what is so much older than the latest.")
@click.option("--ice", type=Classes(), help="Classes that are ice, by name or value.  [default: by their names]")
@click.option("--water", type=Classes(), help="Classes that are open water.")
@click.option("--unknown", type=Classes(), help="Classes that hide the sea.")
@click.option("--band", type=int, help="Band of the masks, from 1.  [default: their only one]")
@click.option("--stac", is_flag=True, help="Also write a STAC item beside the mask (.json).")
@overwrite
@as_json
def composite(
    masks: tuple[Path, ...], output: Path, layers: Path | None, probability: tuple[Path, ...], time: tuple[str, ...],
    stac: bool, overwrite: bool, as_json: bool, **chosen: Any,
) -> None:  # fmt: skip
    """Combine masks of several overpasses or days: clear over cloud, later over earlier.

    The result has the grid of the oldest mask, enlarged to cover all masks. Where tags or --time do not say when masks
    were acquired, later ones come last.

    Example: seaice composite terra.tif aqua.tif -o day.tif --layers layers.tif
    """
    from seaice_cli.products.composite.options import CompositeOptions
    from seaice_cli.products.composite.pipeline import composite as run
    from seaice_cli.products.meanings import Meanings
    from seaice_cli.raster.reading.acquisition import parse_span

    meanings = Meanings(**{kind: chosen.pop(kind) or () for kind in ("ice", "water", "unknown")})
    summary = run(
        masks, output, layers=layers, options=CompositeOptions(meanings=meanings, **chosen), probabilities=probability,
        times=[parse_span(text) for text in time], stac=stac, overwrite=overwrite, progress=_bar,
    )  # fmt: skip
    if as_json:
        answer(json.dumps(summary.to_dict(), indent=2))
        return
    parts = ", ".join(f"{share:.1%} ({name})" for name, share in summary.hidden.items() if name != "composite")
    echo(
        f"{summary.target}: {summary.width} x {summary.height} pixels of {len(summary.scenes)} scenes; hidden: "
        f"{summary.hidden['composite']:.1%}, of the scenes {parts}; they disagree on {summary.pixels['disagreement']} pixels"
    )
