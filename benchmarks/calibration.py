"""How far a model's probabilities can be believed on regions that neither its weights nor its temperature have seen.

    python benchmarks/calibration.py DATA RUNS [--model modis-truecolor] [--seeds 1 2 3]

DATA and RUNS are those of `skill.py`, whose finished runs are taken: each region is predicted by the run that has left it out. For
every region the temperature is fitted on all others, as many pixels of each, and the expected calibration error (15 bins of the
likeliest class's probability) is taken on its own pixels. The last line is the temperature of all regions, the one to ship.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from measuring import table
from skill import SKILLS, Pairs, region_of

from seaice_cli.data.labels.encoding import LabelEncoding
from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.data.labels.reading import LabelReader
from seaice_cli.data.samples import Sample
from seaice_cli.evaluation.metrics.calibration import fit_temperature
from seaice_cli.network.catalog import find_model
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.raster.windows.blend import Blender, to_numpy
from seaice_cli.raster.windows.chips import read_chips

Pixels = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]
"""Logits before any temperature, (n, classes), and true classes, (n,)."""
BINS = 15
PIXELS = 40_000
"""At most so many of a region, drawn evenly: a large region must not have more say than a small one."""


def judged_pixels(image: str, label: str, model: str) -> Pixels:
    """Return what a model says of all labelled pixels of a scene, and what they are."""
    spec = find_model(model).spec
    reader = LabelReader(LabelEncoding(classes=len(spec.class_names)))
    truth = reader.read(Sample(Path(image), Path(label), ""))
    logits, classes = [], []
    with Job(image, Path("unwritten.tif"), PredictOptions(model=model, engine="torch")) as job:
        chips = read_chips(job.scene, job.grid, radiometry=job.radiometry, region=job.region)
        for piece in Blender(job.grid).blend(job.open_engine().run(chips)):
            rows, columns = piece.window.toslices()
            known = truth[rows, columns] != IGNORE
            if piece.pixels is not None and known.any():
                logits.append(np.log(np.maximum(to_numpy(piece.pixels)[:, known].T, 1e-30)))
                classes.append(truth[rows, columns][known])
    return np.concatenate(logits) * spec.temperature, np.concatenate(classes)


def left_out_pixels(model: str, data: Path, runs: Path, seed: int) -> dict[str, Pixels]:
    """Return the pixels of every region as the run sees them that has left it out."""
    skill, found = SKILLS[model], dict[str, Pixels]()
    _, judged = skill.scenes(data, runs)
    for fold, regions in skill.folds.items():
        run = runs / f"{model}-{fold}-{seed}" / "model"
        for region in regions:
            pairs: Pairs = [p for p in judged if region_of(p, (region,)) == region]
            found[region] = evenly(joined([judged_pixels(*pair, str(run)) for pair in pairs]))
    return found


def joined(pixels: Sequence[Pixels]) -> Pixels:
    return np.concatenate([p[0] for p in pixels]), np.concatenate([p[1] for p in pixels])


def evenly(pixels: Pixels) -> Pixels:
    step = max(1, len(pixels[1]) // PIXELS)
    return pixels[0][::step], pixels[1][::step]


def calibration_error(pixels: Pixels, temperature: float) -> float:
    """Return the expected calibration error of the likeliest classes."""
    logits, truth = pixels
    scaled = logits.astype(np.float64) / temperature
    likely = np.exp(scaled - np.logaddexp.reduce(scaled, axis=1)[:, None])
    sure, right = likely.max(axis=1), likely.argmax(axis=1) == truth
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return float(sum(abs(right[bins == b].sum() - sure[bins == b].sum()) for b in np.unique(bins)) / len(truth))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--model", choices=SKILLS, default=PredictOptions().model)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    chosen = parser.parse_args()
    rows, pooled, final = list[list[str]](), list[float](), list[float]()
    for seed in chosen.seeds:
        found = left_out_pixels(chosen.model, chosen.data.resolve(), chosen.runs.resolve(), seed)
        scaled = list[Pixels]()
        for region, own in found.items():
            fitted = fit_temperature(*joined([p for name, p in found.items() if name != region]))
            scaled.append((own[0] / np.float32(fitted), own[1]))
            errors = calibration_error(own, fitted), calibration_error(own, 1.0)
            rows.append([str(seed), region, f"{len(own[1]):,}", f"{fitted:.3f}", *(f"{e:.3f}" for e in errors)])
        pooled.append(calibration_error(joined(scaled), 1.0))
        final.append(fit_temperature(*joined(list(found.values()))))
    print(table(["seed", "left out", "pixels", "temperature of the others", "ECE", "ECE at temperature 1"], rows))
    print(f"all regions pooled, by seed: {', '.join(f'{e:.3f}' for e in pooled)}")
    print(f"temperature of all regions: {np.mean(final):.3f} ({min(final):.3f} to {max(final):.3f})")


if __name__ == "__main__":
    main()
