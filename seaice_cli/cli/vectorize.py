"""`seaice vectorize`: a mask in, polygons out."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from seaice_cli.cli.shared.address_space import POLYGONS, Command
from seaice_cli.cli.shared.flags import answer, echo
from seaice_cli.cli.shared.lean_imports import UNUSED, load_lean, loading
from seaice_cli.cli.shared.parameters import FILE, STREAMS, Classes, Numbers, as_json, overwrite
from seaice_cli.cli.shared.verbosity import bars_are_shown

ATTRIBUTES = ("basic", "floe", "none")


def _bar(rows: Sequence[int]) -> Iterable[int]:
    """Show on stderr how many strips are done."""
    if not bars_are_shown():
        return rows
    from tqdm import tqdm

    bar: Iterable[int] = tqdm(rows, desc="vectorize", unit="strip", leave=False)
    return bar


@click.command(cls=Command, need=POLYGONS)
@click.argument("mask", type=FILE)
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), help="The same as TARGET."
)
@click.option("--classes", type=Classes(), help="Only these, by name or value.  [default: all the mask names]")
@click.option(
    "--connectivity", type=click.Choice(["4", "8"]), default="4", show_default=True,
    help="Whether pixels that touch at a corner only belong together (8).",
)  # fmt: skip
@click.option("--min-area", type=float, default=0.0, metavar="M2", help="Leave out polygons of a smaller area.")
@click.option("--min-pixels", type=int, default=1, metavar="N", help="Leave out polygons of fewer pixels.")
@click.option("--fill-holes", type=float, default=0.0, metavar="M2", help="Fill holes up to this area.")
@click.option(
    "--simplify",
    type=float,
    default=0.0,
    metavar="M",
    help="Simplify outlines, at most this many metres off; shared borders stay shared.",
)
@click.option(
    "--smooth", is_flag=True, help="Contours where the probability crosses the threshold; needs --probability."
)
@click.option("--threshold", type=float, help="Probability at which contours run.  [default: the mask's, else 0.5]")
@click.option("--probability", type=FILE, help="Per cent on the mask's grid, for attributes and --smooth.")
@click.option("--split-floes", is_flag=True, help="Take floes apart where they are narrow (watershed).")
@click.option(
    "--landscape", metavar="RASTER", help="With --split-floes: the scene; floes are parted where it is darker, too."
)
@click.option(
    "--landscape-bands", type=Numbers("1,2,3", int), help="Bands of the landscape, their mean counts.  [default: all]"
)
@click.option(
    "--floe-window", type=int, default=64, show_default=True, metavar="PX",
    help="Width of what floes are compared with, wider than floes; a multiple of 16.",
)  # fmt: skip
@click.option(
    "--attributes", type=click.Choice(ATTRIBUTES), default="basic", show_default=True, help="floe: also shape measures."
)
@click.option(
    "--t-srs",
    "--dst-crs",
    metavar="CRS",
    help="Write in this reference system, such as EPSG:4326.  [default: the mask's]",
)
@click.option("--sigrid3", is_flag=True, help="Write the fields of a SIGRID-3 ice chart (.shp).")
@click.option("--layer", help="Name of the layer.  [default: the target's]")
@click.option("--band", type=int, help="Band of the mask, from 1.  [default: its only one]")
@overwrite
@as_json
def vectorize(
    mask: Path,
    target: Path | None,
    output: Path | None,
    probability: Path | None,
    landscape: str | None,
    connectivity: str,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Turn a mask into polygons.

    MASK is any raster of whole numbers; its nodata never becomes a polygon. TARGET's suffix names the format: .gpkg,
    .fgb, .parquet, .shp, .geojson, .geojsonl; - prints a GeoJSON sequence, a feature a line.

    Example: seaice vectorize mask.tif ice.gpkg --classes ice --min-area 1e5 --attributes floe
    """
    with loading():
        for library in UNUSED:
            load_lean(library)
        from seaice_cli.vectorization import strip_reading  # noqa: F401 - its kernels, which the run below asks for
        from seaice_cli.vectorization.pipeline import VectorOptions
        from seaice_cli.vectorization.pipeline import vectorize as run

    options = VectorOptions(connectivity=8 if connectivity == "8" else 4, **chosen)
    wanted = _one_of(target, output)
    with _placed(wanted, as_json=as_json) as place:
        summary = run(mask, place, options=options, probability=probability, landscape=landscape, progress=_bar)
    if str(wanted) in STREAMS:
        return
    if as_json:
        answer(json.dumps(summary.to_dict(), indent=2))
        return
    classes = ", ".join(f"{count} {name}" for name, count in summary.by_class.items())
    area = f", {summary.area_m2 / 1e6:.6g} km²" if summary.area_m2 is not None else ""
    echo(f"{summary.target}: {summary.polygons} polygons{f' ({classes})' if classes else ''}{area}")


def _one_of(target: Path | None, output: Path | None) -> Path:
    """Return the target, which is named as an argument or behind -o."""
    given = [path for path in (target, output) if path is not None]
    if len(given) != 1:
        raise click.UsageError("name one target: as the second argument, or with -o")
    return given[0]


@contextmanager
def _placed(target: Path, *, as_json: bool) -> Iterator[Path]:
    """Give the target; in place of the standard output a file that is printed once it is complete."""
    if str(target) not in STREAMS:
        yield target
        return
    if as_json:
        raise click.UsageError("--json and polygons would be mixed on the standard output; name a file as TARGET")
    with tempfile.TemporaryDirectory() as folder:
        yield (file := Path(folder) / "polygons.geojsonl")
        with file.open(encoding="utf-8") as lines:
            shutil.copyfileobj(lines, sys.stdout)
