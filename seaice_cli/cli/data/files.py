"""`seaice data tile | resize | recolor | rasterize | zip`: commands that write rasters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from seaice_cli.cli.shared import parameters
from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.flags import echo
from seaice_cli.cli.shared.label_options import FILE, build_encoding, folder_options, label_options
from seaice_cli.cli.shared.verbosity import bars_are_shown

PRESETS = ("kang", "isaid")
EDGES = ("shift", "pad", "drop")
NAMES = ("number", "place")
FORMATS = ("auto", "tif", "png")


def progress(items: Iterable[Any]) -> Iterable[Any]:
    """Show a progress bar on stderr while items are worked on, if somebody watches."""
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(items, unit="file", disable=not bars_are_shown())
    return bar


@click.command(cls=Command)
@click.argument("sources", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="A new folder: image/, gt/ and tiles.csv.")
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    help="kang: 512, no overlap; isaid: 800, overlap 200, names by place, two scenes skipped.",
)
@click.option("--size", type=click.IntRange(1), help="Pixels of a tile, both ways.  [default: 512]")
@click.option("--overlap", type=click.IntRange(0), help="Pixels that neighbours share.  [default: 0]")
@click.option(
    "--edge",
    type=click.Choice(EDGES),
    help="The last tile: moved inwards, filled up, or left out.  [default: shift]",
)
@click.option(
    "--names",
    type=click.Choice(NAMES),
    help="scene_0, scene_1 ... or scene_y0_y1_x0_x1.  [default: number]",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    help="auto: tif, but png for plain pictures.  [default: auto]",
)
@click.option(
    "--min-valid", type=click.FloatRange(0, 1), help="Leave out tiles with a smaller share of data.  [default: 0]"
)
@click.option(
    "--min-labelled",
    type=click.FloatRange(0, 1),
    help="Leave out tiles with a smaller share of pixels that are not ignored.  [default: 0]",
)
@click.option("--ids", is_flag=True, help="Write labels as class ids, not in their own values or colours.")
@label_options
@folder_options
@parameters.overwrite
def tile(
    sources: tuple[Path, ...],
    output: Path,
    *,
    preset: str | None,
    size: int | None,
    overlap: int | None,
    edge: str | None,
    names: str | None,
    file_format: str | None,
    min_valid: float | None,
    min_labelled: float | None,
    ids: bool,
    image_dir: Path | None,
    label_dir: Path | None,
    overwrite: bool,
    **labels: Any,
) -> None:
    """Cut scenes and labels into georeferenced tiles, listed with their scenes in tiles.csv.

    Example: seaice data tile scenes/ --label-dir gt/ -o tiles/ --size 512
    """
    from dataclasses import replace

    from seaice_cli.data.labels.reading import detect_encoding
    from seaice_cli.data.samples import read_sources
    from seaice_cli.data.tiling import LIST_FILE, Cut, tile_scenes
    from seaice_cli.data.tiling import PRESETS as CUTS

    stated: dict[str, Any] = {
        "size": size, "overlap": overlap, "edge": edge, "names": names, "format": file_format, "min_valid": min_valid,
        "min_labelled": min_labelled, "ids": ids or None,
    }  # fmt: skip
    cut = replace(CUTS[preset] if preset else Cut(), **{k: v for k, v in stated.items() if v is not None})
    samples = read_sources(sources, image_dir=image_dir, label_dir=label_dir)
    encoding = detect_encoding(samples, build_encoding(**labels)) if cut.needs_rules else None
    tiles = tile_scenes(
        samples,
        output,
        cut,
        encoding=encoding,
        overwrite=overwrite,
        progress=progress,
    )
    echo(f"{output / LIST_FILE}: {len(tiles)} tiles of {len({t.group for t in tiles})} scenes")


@click.command(cls=Command)
@click.argument("sources", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="A new folder: image/, gt/ and scenes.csv.")
@click.option("--size", type=click.IntRange(1), default=512, show_default=True, help="Pixels along either side.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    default="auto",
    show_default=True,
    help="auto: tif, but png for plain pictures.",
)
@label_options
@folder_options
@parameters.overwrite
def resize(
    sources: tuple[Path, ...],
    output: Path,
    *,
    size: int,
    file_format: str,
    image_dir: Path | None,
    label_dir: Path | None,
    overwrite: bool,
    **labels: Any,
) -> None:
    """Bring whole scenes and their labels to one size; labels become class ids.

    For repeating what was trained on resized scenes. A model so trained is to be given resized scenes.

    Example: seaice data resize scenes/ --label-dir gt/ -o resized/ --size 512
    """
    from seaice_cli.data.labels.reading import detect_encoding
    from seaice_cli.data.resizing import LIST_FILE, resize_scenes
    from seaice_cli.data.samples import read_sources

    samples = read_sources(sources, image_dir=image_dir, label_dir=label_dir)
    encoding = detect_encoding(samples, build_encoding(**labels))
    resized = resize_scenes(
        samples, output, size, file_format=file_format, encoding=encoding, overwrite=overwrite, progress=progress
    )
    echo(f"{output / LIST_FILE}: {len(resized)} scenes of {size} x {size} pixels")


@click.command(cls=Command)
@click.argument("source", type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="A file for a file, a folder for a folder.")
@click.option("--palette", metavar="NAME|FILE", help="isaid, isprs, or a file of `id red green blue name`.")
@click.option("--values", metavar="MAP", help="For grey labels: binary, naic, or pairs such as 0:0,255:1.")
@click.option(
    "--unknown",
    metavar="ID|ignore|error",
    help="Colours outside the palette.  [default: isaid 0, isprs ignore, file error]",
)
@parameters.overwrite
def recolor(
    source: Path, output: Path, palette: str | None, values: str | None, unknown: str | None, overwrite: bool
) -> None:
    """Turn coloured labels, or ones in other values, into class ids (255: ignore).

    Example: seaice data recolor masks/ -o gray/ --palette isaid
    """
    from dataclasses import replace

    from seaice_cli.data.converting import plan_conversion, write_ids
    from seaice_cli.data.samples import Sample
    from seaice_cli.errors import OptionError

    if (palette is None) == (values is None):
        raise OptionError("say what the labels' colours (--palette) or values (--values) stand for")
    encoding = build_encoding(palette=palette, values=values)
    if encoding.palette and unknown is not None:
        encoding = replace(encoding, palette=replace(encoding.palette, unknown=_unknown(unknown)))
    pairs = plan_conversion(source, output, overwrite=overwrite)
    for label, target in progress(pairs):
        write_ids(Sample(label, label, ""), target, encoding, overwrite=overwrite)
    echo(f"{output}: {len(pairs)} labels")


def _unknown(text: str) -> int | None:
    from seaice_cli.data.labels.palettes import IGNORE, MAX_CLASS

    if text == "error":
        return None
    if text == "ignore":
        return IGNORE
    if not text.isdecimal() or int(text) > MAX_CLASS:
        raise click.BadParameter(f"must be a class id up to {MAX_CLASS}, ignore or error", param_hint="--unknown")
    return int(text)


@click.command(cls=Command)
@click.argument("vector", type=FILE)
@click.option("--like", required=True, type=FILE, help="The scene whose pixels the label is for.")
@click.option("-o", "--output", required=True, type=FILE, help="The label: .tif, or .png.")
@click.option(
    "--attribute", "--attr", metavar="NAME", help="The attribute that names the class.  [default: all polygons are 1]"
)
@click.option(
    "--values", metavar="MAP", help="What its values stand for: water:0,ice:1,land:ignore.  [default: they are ids]"
)
@click.option("--classes", metavar="N|NAMES", help="How many classes, or their names.")
@click.option("--layer", metavar="NAME", help="The layer.  [default: the only one]")
@click.option(
    "--background",
    type=click.IntRange(0, 255),
    default=0,
    show_default=True,
    help="The class where no polygon lies; 255 to ignore.",
)
@parameters.overwrite
def rasterize(vector: Path, like: Path, output: Path, overwrite: bool, **labels: Any) -> None:
    """Burn the polygons of VECTOR into a label on the pixels of a scene.

    A pixel belongs to the polygon that holds its centre; where two overlap, the later one counts.

    Example: seaice data rasterize ice.shp --like scene.tif -o gt.tif --attribute class
    """
    from seaice_cli.data.converting import write_ids
    from seaice_cli.data.samples import Sample
    from seaice_cli.errors import DataError
    from seaice_cli.raster.reading.sources import VECTORS

    if vector.suffix.lower() not in VECTORS:
        raise DataError(f"{vector}: no vector file by its suffix ({', '.join(VECTORS)})")
    write_ids(Sample(like, vector, ""), output, build_encoding(**labels), overwrite=overwrite)
    echo(str(output))


@click.command("zip", cls=Command)
@click.argument("masks", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="The zip.")
@click.option(
    "--values",
    default="naic",
    show_default=True,
    metavar="MAP",
    help="The value of each class id: naic ((id + 1) * 100), or pairs such as 0:100,1:200.",
)
@parameters.overwrite
def zip_files(masks: tuple[Path, ...], output: Path, values: str, overwrite: bool) -> None:
    """Put masks of class ids into a zip as results/<stem>.png, in the values a contest asks for.

    Example: seaice data zip masks/ -o data/res.zip --values naic
    """
    from seaice_cli.data.converting import find_rasters, parse_out_values, zip_masks

    files = find_rasters(masks)
    zip_masks(files, output, parse_out_values(values), overwrite=overwrite)
    echo(f"{output}: {len(files)} masks")


COMMANDS = (tile, resize, recolor, rasterize, zip_files)
