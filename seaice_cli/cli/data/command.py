"""`seaice data`: lists, splits, checks and statistics of training data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seaice_cli.cli.data.files import COMMANDS, progress
from seaice_cli.cli.data.labelling import suggest, template
from seaice_cli.cli.shared import parameters
from seaice_cli.cli.shared.address_space import Group
from seaice_cli.cli.shared.flags import answer, complain, echo
from seaice_cli.cli.shared.label_options import FILE, build_encoding, class_names, folder_options, label_options

if TYPE_CHECKING:
    from seaice_cli.data.checking import Finding
    from seaice_cli.data.samples import Sample

SOURCES = click.argument("sources", nargs=-1, required=True, type=FILE)


@click.group(cls=Group)
def data() -> None:
    """Prepare and check training data.

    A source is a csv (`image,label`), a json list (`filename`, `ann.seg_map`), or a folder that holds image/ and gt/, or images only.
    Training reads scenes of any size as they are: no step here is needed first, but `check` is worth its time.
    """


for _command in (*COMMANDS, template, suggest):
    data.add_command(_command)


@data.command("list")
@click.argument("folders", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="The list: .csv or .json.")
@click.option(
    "--label-dir", "--masks", type=FILE, help="The folder of labels.  [default: gt, labels or masks beside the images]"
)
@parameters.overwrite
def list_samples(folders: tuple[Path, ...], output: Path, label_dir: Path | None, overwrite: bool) -> None:
    """Pair the images and labels of FOLDERS by their stems, into a list.

    Example: seaice data list data/train/image --masks data/train/gt -o train.json
    """
    from seaice_cli.data.samples import read_sources, write_samples
    from seaice_cli.outputs import new_file

    samples = read_sources(folders, label_dir=label_dir)
    with new_file(output, overwrite=overwrite) as partial:
        write_samples(samples, partial)
    echo(f"{output}: {len(samples)} samples of {len({s.group for s in samples})} scenes")


@data.command()
@SOURCES
@click.option("-o", "--output", required=True, type=FILE, help="The folder for train.csv, val.csv (and test.csv).")
@click.option("--ratio", default="9:1", show_default=True, help="Shares of train, val and, if given, test.")
@click.option("--folds", type=click.IntRange(2, 100), help="Write train_0.csv, val_0.csv ... instead, so many pairs.")
@click.option(
    "--by", type=click.Choice(("scene", "tile")), default="scene", show_default=True, help="What stays together."
)
@click.option("--seed", default=0, show_default=True, help="Another seed, another split.")
@folder_options
@parameters.overwrite
def split(
    sources: tuple[Path, ...],
    output: Path,
    *,
    ratio: str,
    folds: int | None,
    by: str,
    seed: int,
    image_dir: Path | None,
    label_dir: Path | None,
    overwrite: bool,
) -> None:
    """Split SOURCES at random so that no scene is on both sides.

    Example: seaice data split data/trainData --ratio 9:1 -o data/
    """
    from seaice_cli.data.samples import read_sources
    from seaice_cli.data.splitting import SPLIT_NAMES, fold_samples, parse_ratio, split_samples, straddling

    samples = read_sources(sources, image_dir=image_dir, label_dir=label_dir)
    by_group = by == "scene"
    if folds:
        pairs = fold_samples(samples, folds, seed=seed, by_group=by_group)
        parts = {f"{n}_{i}": part for i, pair in enumerate(pairs) for n, part in zip(SPLIT_NAMES, pair, strict=False)}
        torn = len(set().union(*(straddling(pair) for pair in pairs)))
    else:
        shares = split_samples(samples, parse_ratio(ratio), seed=seed, by_group=by_group)
        parts = dict(zip(SPLIT_NAMES, shares, strict=False))
        torn = len(straddling(shares))
    if torn:
        complain(
            f"Warning: {torn} scenes have tiles on both sides, so the score would be too good, and `seaice train` refuses such "
            "lists; use --by scene"
        )
    _write_lists(parts, output, overwrite=overwrite)


def _write_lists(parts: dict[str, list[Sample]], folder: Path, *, overwrite: bool) -> None:
    from seaice_cli.data.samples import write_samples
    from seaice_cli.errors import OutputError
    from seaice_cli.outputs import new_file, refuse_target

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: no folder can be made there ({error.strerror})") from error
    for name in parts:
        refuse_target(folder / f"{name}.csv", overwrite=overwrite)
    for name, samples in parts.items():
        path = folder / f"{name}.csv"
        with new_file(path, overwrite=overwrite) as partial:
            write_samples(samples, partial)
        echo(f"{path}: {len(samples)} samples of {len({s.group for s in samples})} scenes")


@data.command()
@SOURCES
@label_options
@folder_options
@parameters.as_json
def check(
    sources: tuple[Path, ...], image_dir: Path | None, label_dir: Path | None, as_json: bool, **labels: Any
) -> None:
    """Look for everything wrong with SOURCES, each of which is a split of its own.

    Missing and unpaired files, sizes, places and values that do not fit, empty labels, scenes and pixels that two splits share.
    The exit code is 1 if there is an error; warnings alone leave it 0.

    Example: seaice data check train.csv val.csv --classes water,ice,cloud
    """
    from seaice_cli.data.checking import ERROR, check_sources

    findings = list(
        check_sources(sources, build_encoding(**labels), image_dir=image_dir, label_dir=label_dir, progress=progress)
    )
    if as_json:
        answer(json.dumps([_fields(f) for f in findings], indent=2))
    else:
        _print_findings(findings)
    if any(f.level == ERROR for f in findings):
        click.get_current_context().exit(1)


def _fields(finding: Finding) -> dict[str, str]:
    return {"level": finding.level, "fault": finding.fault, "where": finding.where, "text": finding.text}


def _print_findings(findings: list[Finding]) -> None:
    for finding in findings:
        answer(f"{finding.level:<8} {finding.fault:<10} {finding.where}: {finding.text}")
    errors = sum(f.level == "error" for f in findings)
    echo(f"{errors} errors, {len(findings) - errors} warnings" if findings else "nothing wrong")


@data.command()
@SOURCES
@label_options
@folder_options
@click.option("-o", "--output", type=FILE, help="Write the statistics as JSON.")
@parameters.as_json
@parameters.overwrite
def stats(
    sources: tuple[Path, ...],
    image_dir: Path | None,
    label_dir: Path | None,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    **labels: Any,
) -> None:
    """Measure the shares of the classes, the bands, and the class weights that follow.

    Example: seaice data stats train.csv -o stats.json
    """
    from seaice_cli.data.labels.reading import detect_encoding
    from seaice_cli.data.samples import read_sources
    from seaice_cli.data.statistics import measure
    from seaice_cli.outputs import new_file, refuse_target

    if output:
        refuse_target(output, overwrite=overwrite)
    samples = read_sources(sources, image_dir=image_dir, label_dir=label_dir)
    statistics = measure(samples, detect_encoding(samples, build_encoding(**labels)), progress=progress)
    content = statistics.to_json(class_names(labels["classes"]))
    text = json.dumps(content, indent=2)
    if output:
        with new_file(output, overwrite=overwrite) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    answer(text if as_json else _table(content))


def _table(content: dict[str, Any]) -> str:
    weights = content["weights"]
    names = [entry.get("name", str(entry["id"])) for entry in content["classes"]]
    wide = max(5, *map(len, names))
    lines = [f"{'class':>{wide}} {'share':>8} {'images':>7} " + " ".join(f"{name:>8}" for name in weights)]
    for name, entry in zip(names, content["classes"], strict=True):
        own = " ".join(f"{values[entry['id']]:8.4f}" for values in weights.values())
        lines.append(f"{name:>{wide}} {entry['share']:>8.4f} {entry['images']:>7} {own}")
    lines.append(f"{'band':>5} {'mean':>10} {'std':>10} {'min':>10} {'max':>10}")
    for number, band in enumerate(content["bands"], 1):
        lines.append(f"{number:>5} " + " ".join(f"{band[name]:>10.4g}" for name in ("mean", "std", "min", "max")))
    return "\n".join(lines)


@data.command()
@SOURCES
@click.option("-o", "--output", required=True, type=FILE, help="The list with repeated rows: .csv or .json.")
@click.option(
    "--most", type=click.IntRange(1, 1000), default=10, show_default=True, help="Repeat an image at most so many times."
)
@label_options
@folder_options
@parameters.overwrite
def balance(
    sources: tuple[Path, ...],
    output: Path,
    *,
    most: int,
    image_dir: Path | None,
    label_dir: Path | None,
    overwrite: bool,
    **labels: Any,
) -> None:
    """Repeat rows so that images with rare classes are seen more often.

    Example: seaice data balance train.csv -o train_balanced.csv
    """
    from seaice_cli.data.labels.reading import detect_encoding
    from seaice_cli.data.samples import read_sources, write_samples
    from seaice_cli.data.statistics import count_classes, repeat, repeats, shares_of
    from seaice_cli.outputs import new_file, refuse_target

    refuse_target(output, overwrite=overwrite)
    samples = read_sources(sources, image_dir=image_dir, label_dir=label_dir)
    per_image = count_classes(progress(samples), detect_encoding(samples, build_encoding(**labels)))
    times = repeats(per_image, most=most)
    with new_file(output, overwrite=overwrite) as partial:
        write_samples(repeat(samples, times), partial)
    echo(f"{output}: {sum(times)} rows from {len(samples)}")
    before, after = shares_of(per_image), shares_of(repeat(per_image, times))
    for class_id, share in before.items():
        echo(f"class {class_id}: {share:.4f} -> {after[class_id]:.4f}")
