"""The skill of the shipped recipes on regions that a run of training has never seen.

    python benchmarks/skill.py DATA RUNS --model modis-truecolor [--seeds 1 2 3]

DATA is the folder of real data. Every region is left out once, for every seed; RUNS keeps the runs, and what is there is not done anew:
a benchmark that was stopped goes on. Each run trains with the options of the shipped model on all other regions and is scored by
`seaice eval` on those left out, which have no say in it: the weights of the last step are taken. Printed are means over the seeds of
the IoU of every region, of all regions pooled, and of the worst region, whose mean is lowest.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measuring import ROOT, seaice, table

from seaice_cli.evaluation.metrics.confusion import Confusion, iou
from seaice_cli.network.spec import SPEC_FILE

Pairs = list[tuple[str, str]]
"""Image and label of scenes."""
RARE = 1e-3
"""A class that covers less of a region has no score there: in Hudson Bay 19 pixels are cloud."""
MODELS = ROOT / "models"


@dataclass(frozen=True)
class Skill:
    """How a shipped recipe is judged."""

    folds: Mapping[str, tuple[str, ...]]
    """Regions, by the beginnings of the names of their scenes, that are left out together."""
    scenes: Callable[[Path, Path], tuple[Pairs, Pairs]]
    """From DATA and RUNS to what is taught, and to what is judged."""


def modis_scenes(data: Path, runs: Path) -> tuple[Pairs, Pairs]:
    """Teach weak labels without doubtful pixels and the Bohai; judge by the given labels."""
    labels = make_labels(data, runs)
    images = sorted((data / "modis" / "images").glob("*.tif"))
    bohai = (str(data / "bohai" / "modis_bohai_1.tif"), str(labels / "modis_bohai_1.tif"))
    return [*((str(i), str(labels / i.name)) for i in images), bohai], with_given_labels(data, images)


def stacked_scenes(data: Path, runs: Path) -> tuple[Pairs, Pairs]:
    """Teach and judge as `modis_scenes`, on five bands and without the Bohai, which has three."""
    labels = make_labels(data, runs)
    if not (runs / "stacked").is_dir():
        run_script("modis-corrected/stack_bands.py", "--data", data / "modis", "--out", runs / "stacked")
    images = sorted((runs / "stacked").glob("*.tif"))
    return [(str(i), str(labels / i.name)) for i in images], with_given_labels(data, images)


def make_labels(data: Path, runs: Path) -> Path:
    """Return the folder of the weak labels, which are made if they are not there yet."""
    labels, scripts = runs / "weak" / "labels", "modis-truecolor/labelling"
    if not (labels / "modis_bohai_1.tif").is_file():
        run_script(f"{scripts}/weak_labels.py", "--data", data / "modis", "--out", labels.parent)
        run_script(f"{scripts}/bohai_labels.py", "--data", data / "bohai", "--out", labels / "modis_bohai_1.tif")
    return labels


def with_given_labels(data: Path, images: Iterable[Path]) -> Pairs:
    return [(str(i), str(data / "modis" / "labels" / i.name)) for i in images]


def photographs(data: Path, runs: Path) -> tuple[Pairs, Pairs]:
    """Teach labels grown from one half of the polygons; judge by the clear pixels of the other half."""
    grown = runs / "grown"
    if not (grown / "judged" / "ice64.tif").is_file():
        run_script("aerial-floes/labelling/grow_labels.py", "--data", data / "aerial_hotrax", "--out", grown)
    images = sorted((grown / "images").glob("*.tif"))
    taught, judged = ([(str(i), str(grown / name / i.name)) for i in images] for name in ("labels", "judged"))
    return taught, judged


def run_script(name: str, *arguments: object) -> None:
    subprocess.run([sys.executable, MODELS / name, *map(str, arguments)], check=True)


MODIS_FOLDS = {
    "cloudy": ("ne_greenland",),
    "streets": ("beaufort_sea",),
    "clear": (
        "barents_kara_seas", "bering_chukchi_seas", "east_siberian_sea", "greenland_sea", "hudson_bay", "sea_of_okhotsk",
    ),
}  # fmt: skip

PHOTOGRAPH_FOLDS = {
    "first": ("ice1.", "ice47."),
    "second": ("ice12.", "ice55."),
    "third": ("ice25.", "ice36.", "ice64."),
}

SKILLS: Mapping[str, Skill] = {
    "modis-truecolor": Skill(MODIS_FOLDS, modis_scenes),
    "modis-corrected": Skill(MODIS_FOLDS, stacked_scenes),
    "aerial-floes": Skill(PHOTOGRAPH_FOLDS, photographs),
}


def region_of(pair: tuple[str, str], regions: Iterable[str]) -> str | None:
    return next((region for region in regions if Path(pair[0]).name.startswith(region)), None)


def write_list(path: Path, pairs: Pairs) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label"), *pairs])
    return path


def train(model: str, run: Path, seen: Pairs, unseen: Pairs, seed: int) -> None:
    """Train by the recipe of a shipped model, or go on, or leave a finished run as it is."""
    if (run / "model" / SPEC_FILE).is_file():
        return
    lists = write_list(run.with_suffix(".seen.csv"), seen), write_list(run.with_suffix(".unseen.csv"), unseen)
    resume = ["--resume"] if run.is_dir() else []
    config = MODELS / model / "train.toml"
    command = seaice("train", "--config", config, "--data", lists[0], "--val", lists[1], "--seed", seed, "-o", run)
    subprocess.run([*command, *resume], check=True)


def score(run: Path, region: str, pairs: Pairs) -> Confusion:
    """Return the confusion matrix of a finished run on the scenes of a region."""
    kept = run / f"score-{region}.json"
    if not kept.is_file():
        unseen = write_list(run / f"{region}.csv", pairs)
        command = seaice("eval", "--data", unseen, "--model", run / "model", "--resamples", 0, "--json")
        kept.write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return Confusion(np.array(json.loads(kept.read_text())["confusion"]))


def score_regions(model: str, data: Path, runs: Path, seed: int) -> dict[str, Confusion]:
    """Return the confusion matrix of every region by a run that has not seen it."""
    skill, found = SKILLS[model], dict[str, Confusion]()
    taught, judged = skill.scenes(data, runs)
    for fold, regions in skill.folds.items():
        run = runs / f"{model}-{fold}-{seed}"
        train(
            model,
            run,
            [p for p in taught if not region_of(p, regions)],
            [p for p in judged if region_of(p, regions)],
            seed,
        )
        for region in regions:
            found[region] = score(run, region, [p for p in judged if region_of(p, (region,)) == region])
    return found


def row(name: str, counts: Sequence[Confusion]) -> list[str]:
    """Return the name, IoU of the classes that occur, their mean, and the range of that over the seeds."""
    scores = np.array([iou(c) for c in counts])
    truth = counts[0].counts.sum(axis=1)
    # What is wrongly predicted to be a rare class still lowers the scores of the others.
    scores[:, truth < RARE * truth.sum()] = np.nan
    means = np.nanmean(scores, axis=1)
    classes = ["-" if np.isnan(s).all() else f"{s.mean():.3f}" for s in scores.T]
    return [name, *classes, f"{means.mean():.3f}", f"{means.min():.3f} to {means.max():.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--model", choices=SKILLS, default="modis-truecolor")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    chosen = parser.parse_args()
    data, runs = chosen.data.resolve(), chosen.runs.resolve()
    runs.mkdir(parents=True, exist_ok=True)
    by_seed = [score_regions(chosen.model, data, runs, seed) for seed in chosen.seeds]
    rows = [row(region, [found[region] for found in by_seed]) for region in by_seed[0]]
    pooled = [sum(found.values(), start=Confusion.empty(next(iter(found.values())).classes)) for found in by_seed]
    spec = json.loads((MODELS / chosen.model / SPEC_FILE).read_text())
    names = [entry["name"] for entry in spec["classes"]]
    worst = min(rows, key=lambda r: float(r[-2]))
    print(
        table(["left out", *names, "mean", "of the seeds"], [*rows, row("all, pooled", pooled), ["worst", *worst[1:]]])
    )


if __name__ == "__main__":
    main()
