"""How far a model's probabilities can be believed on regions that had no say in its temperature.

    python benchmarks/calibration.py LIST --image-dir DATA/modis --label-dir MODELS/modis-truecolor [MODEL]

LIST names scenes and polygons that judge them (`judge.csv` beside a model). For every region the temperature is fitted on the polygons
of all others, and the expected calibration error (15 bins of the likeliest class's probability) is taken on its own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seaice_cli.data.labels.encoding import LabelEncoding, of_names
from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.data.labels.reading import LabelReader
from seaice_cli.data.samples import Sample, read_samples
from seaice_cli.evaluation.metrics.calibration import fit_temperature
from seaice_cli.network.catalog import find_model
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.raster.windows.blend import Blender, to_numpy
from seaice_cli.raster.windows.chips import read_chips

Pixels = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]
BINS = 15


def judged_pixels(sample: Sample, reader: LabelReader, model: str) -> Pixels:
    """Return logits before any temperature, (n, classes), and true classes, (n,), of all judging pixels of a scene."""
    truth = reader.read(sample)
    logits, classes = [], []
    with Job(str(sample.image), Path("unwritten.tif"), PredictOptions(model=model)) as job:
        chips = read_chips(job.scene, job.grid, radiometry=job.radiometry, region=job.region)
        for piece in Blender(job.grid).blend(job.open_engine().run(chips)):
            rows, columns = piece.window.toslices()
            known = truth[rows, columns] != IGNORE
            if piece.pixels is not None and known.any():
                logits.append(np.log(np.maximum(to_numpy(piece.pixels)[:, known].T, 1e-30)))
                classes.append(truth[rows, columns][known])
    return np.concatenate(logits) * find_model(model).spec.temperature, np.concatenate(classes)


def calibration_error(pixels: Pixels, temperature: float) -> float:
    logits, truth = pixels
    scaled = logits.astype(np.float64) / temperature
    likely = np.exp(scaled - np.logaddexp.reduce(scaled, axis=1)[:, None])
    sure, right = likely.max(axis=1), likely.argmax(axis=1) == truth
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return float(sum(abs(right[bins == b].sum() - sure[bins == b].sum()) for b in np.unique(bins)) / len(truth))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("list", type=Path)
    parser.add_argument("model", nargs="?", default=PredictOptions().model)
    parser.add_argument("--image-dir", type=Path)
    parser.add_argument("--label-dir", type=Path)
    chosen = parser.parse_args()
    names = find_model(chosen.model).spec.class_names
    reader = LabelReader(
        LabelEncoding(classes=len(names), values=of_names(names), attribute="class", background=IGNORE)
    )
    regions: dict[str, list[Pixels]] = {}
    for sample in read_samples(chosen.list, image_dir=chosen.image_dir, label_dir=chosen.label_dir):
        region = sample.image.stem.split("-")[0]
        regions.setdefault(region, []).append(judged_pixels(sample, reader, chosen.model))
    pooled = {r: (np.concatenate([p[0] for p in ps]), np.concatenate([p[1] for p in ps])) for r, ps in regions.items()}
    print("| region | pixels | temperature of the others | ECE | ECE at temperature 1 |\n|---|---|---|---|---|")
    errors, weights = [], []
    for region, own in pooled.items():
        others = [p for r, p in pooled.items() if r != region]
        fitted = fit_temperature(np.concatenate([p[0] for p in others]), np.concatenate([p[1] for p in others]))
        errors.append(calibration_error(own, fitted))
        weights.append(len(own[1]))
        print(
            f"| {region} | {weights[-1]:,} | {fitted:.3f} | {errors[-1]:.3f} | {calibration_error(own, 1.0):.3f} |",
            flush=True,
        )
    print(f"mean of the regions {np.mean(errors):.3f}, by pixels {np.average(errors, weights=weights):.3f}")


if __name__ == "__main__":
    main()
