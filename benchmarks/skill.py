"""The skill of `modis-truecolor` on regions that a run of training has never seen, pooled over all scenes.

    python benchmarks/skill.py DATA RUNS [--steps 600]

Every region is left out once, in three groups. For each, RUNS/GROUP/model is scored by `seaice eval` on the scenes left out; where it
is missing, it is trained first with the options of the shipped model (about ten minutes each on two cores). DATA holds `train.csv`,
`val.csv` and `unlabelled/`. The last table scores the shipped model on generated scenes of seeds that training never draws.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
from pathlib import Path

import numpy as np
from measuring import seaice, table
from rasterio.windows import Window

from seaice_cli.choices import DEFAULT_MODEL
from seaice_cli.evaluation.metrics.confusion import Confusion, iou
from seaice_cli.network.catalog import find_model
from seaice_cli.network.engines import open_engine
from seaice_cli.network.spec import SPEC_FILE
from seaice_cli.raster.windows.grid import Chip
from seaice_cli.synthetic import SceneRecipe, generate

CLASSES = ("water", "ice", "cloud")
GROUPS = {
    "cloudy": ("ne_greenland",),
    "clear": ("barents_kara_seas", "east_siberian_sea"),
    "smooth": ("bering_chukchi_seas", "greenland_sea", "hudson_bay", "sea_of_okhotsk"),
}
CONFIG = Path(__file__).resolve().parents[1] / "models" / DEFAULT_MODEL / "train.toml"


def scenes(data: Path) -> list[tuple[str, str]]:
    """Return image and label of every labelled scene."""
    rows = [row for name in ("train.csv", "val.csv") for row in csv.DictReader((data / name).open())]
    return [(str(data / row["image"]), str(data / row["label"])) for row in rows]


def write_list(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label"), *rows])
    return path


def score(group: str, data: Path, runs: Path, steps: int) -> Confusion:
    """Return the confusion matrix of the scenes of a group, by a model that has not seen them."""
    out = [s for s in scenes(data) if Path(s[0]).name.split("-")[0] in GROUPS[group]]
    seen, unseen = (
        write_list(runs / f"{group}_{name}.csv", rows)
        for name, rows in (("seen", [s for s in scenes(data) if s not in out]), ("unseen", out))
    )
    if not (runs / group / "model" / SPEC_FILE).is_file():
        data_lists = ("--data", seen, "--data", CONFIG.with_name("beaufort.csv"), "--val", unseen)
        resume = ["--resume"] if (runs / group).is_dir() else []
        command = seaice("train", "--config", CONFIG, *data_lists, "--steps", steps, "-o", runs / group, *resume)
        subprocess.run(command, cwd=data, check=True)
    model = runs / group / "model"
    command = seaice("eval", "--data", unseen, "--model", model, "--resamples", 0, "--json")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Confusion(np.array(json.loads(done.stdout)["confusion"]))


def generated(clouds: float) -> Confusion:
    """Return the confusion matrix of the shipped model on eight generated scenes; training draws seeds below 1000."""
    model, counts = find_model(DEFAULT_MODEL), Confusion.empty(len(CLASSES))
    engine = open_engine(model, (256, 256), precision="float32")
    for seed in range(5000, 5008):
        window = Window(col_off=0, row_off=0, width=256, height=256)
        pixels, truth = generate(SceneRecipe(height=512, width=512, seed=seed, clouds=clouds, collar=False), window)
        [found] = engine.run([Chip(window, pixels, None)])
        counts = counts.add(truth, np.asarray(found.pixels).argmax(0).astype(np.uint8))
    return counts


def row(name: str, counts: Confusion) -> list[str]:
    scores = iou(counts)
    return [name, *(f"{s:.3f}" for s in scores), f"{np.nanmean(scores):.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    chosen = parser.parse_args()
    data, runs = chosen.data.resolve(), chosen.runs.resolve()
    runs.mkdir(parents=True, exist_ok=True)
    counts = {group: score(group, data, runs, chosen.steps) for group in GROUPS}
    rows = [row(", ".join(GROUPS[group]), found) for group, found in counts.items()]
    pooled = sum(counts.values(), start=Confusion.empty(len(CLASSES)))
    print(table(["left out", *CLASSES, "mean"], [*rows, row("all", pooled)]))
    print(table(["generated", *CLASSES, "mean"], [row(f"clouds {share}", generated(share)) for share in (0.0, 0.4)]))


if __name__ == "__main__":
    main()
