"""Quantising a model on scenes, and measuring on labelled ones what it loses."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio

from seaice_cli.errors import DataError
from seaice_cli.evaluation.criteria import Criteria, Pair
from seaice_cli.evaluation.inference import run_model
from seaice_cli.evaluation.pipeline import evaluate
from seaice_cli.network.catalog import Model
from seaice_cli.network.quantization import quantize, write_spec
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.raster.windows.chips import read_chips

CHIPS = 64
"""As many are enough to see the ranges of activations."""
SIDE = 256
"""Pixels along the side of a chip, at most."""


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """What a quantised graph scores beside float32."""

    float32: float
    int8: float
    """Mean IoU over all scenes of a list together."""
    differs: float
    """Share of the pixels, 0 to 1, whose class is another than in float32."""

    @property
    def miou(self) -> float:
        """Mean IoU that is lost; negative where int8 happens to be better."""
        return self.float32 - self.int8


def quantize_model(
    model: Model, scenes: Sequence[Path], labelled: Sequence[Pair], criteria: Criteria
) -> dict[str, Loss]:
    """Add a quantised graph to a model's directory, and note in its specification what it loses in the list that loses most.

    Args:
        model: What to quantise.
        scenes: What it is calibrated on.
        labelled: Scenes with labels, on which float32 and int8 are scored; better not those of the calibration.
        criteria: What their labels stand for.

    Returns:
        What it loses, by the list (`Pair.source`).

    Raises:
        DataError: The scenes hold no data.
        SeaIceError: A scene cannot be read, the model cannot be written.
    """
    spec = quantize(model, choose_chips(model, scenes))
    losses = _measure(model.directory, labelled, criteria)
    worst = max(loss.miou for loss in losses.values())
    write_spec(model, dataclasses.replace(spec, int8_loss=round(worst, 6)))
    return losses


def choose_chips(model: Model, scenes: Sequence[Path], number: int = CHIPS) -> list[npt.NDArray[Any]]:
    """Return up to so many chips, (bands, height, width), spread over the scenes.

    Raises:
        DataError: There are none with data.
    """
    found: list[npt.NDArray[Any]] = []
    for scene in scenes:
        chips = list(_chips(model, scene))
        share = max(1, -(-number // len(scenes)))
        found += [chips[i] for i in np.linspace(0, len(chips) - 1, min(share, len(chips))).round().astype(int)]
    if not found:
        raise DataError("the scenes to calibrate on hold no data")
    return [found[i] for i in np.linspace(0, len(found) - 1, min(number, len(found))).round().astype(int)]


def _chips(model: Model, scene: Path) -> Iterator[npt.NDArray[Any]]:
    spec = model.spec
    side = max(spec.stride, SIDE // spec.stride * spec.stride)
    options = PredictOptions(model=str(model.directory), tile=side, overlap=0, any_resolution=True, overwrite=True)
    with tempfile.TemporaryDirectory() as folder, Job(str(scene), Path(folder, "unused.tif"), options) as job:
        for chip in read_chips(job.scene, job.grid, radiometry=job.radiometry, region=job.region):
            if chip.pixels is not None and chip.excluded is None and chip.pixels.shape[1:] == job.grid.shape:
                yield np.array(chip.pixels)


def _measure(directory: Path, labelled: Sequence[Pair], criteria: Criteria) -> dict[str, Loss]:
    with tempfile.TemporaryDirectory(prefix="seaice-int8-") as folder:
        exact, fast = (_predicted(directory, labelled, p, Path(folder, p)) for p in ("float32", "int8"))
        scores = [evaluate(pairs, criteria, by=lambda p: p.source, resamples=0).parts for pairs in (exact, fast)]
        return {
            source: Loss(
                scores[0][source]["miou"],
                scores[1][source]["miou"],
                _differing((a.predicted, b.predicted) for a, b in zip(exact, fast, strict=True) if a.source == source),
            )
            for source in scores[0]
        }


def _predicted(directory: Path, labelled: Sequence[Pair], precision: str, folder: Path) -> list[Pair]:
    options = PredictOptions(model=str(directory), precision=precision, engine="openvino", any_resolution=True)
    folder.mkdir()
    return list(run_model(labelled, options, folder))


def _differing(pairs: Iterable[tuple[Path, Path]]) -> float:
    """Return the share of pixels with data whose class differs between two masks of the same scene."""
    different = total = 0
    for one, other in pairs:
        with rasterio.open(one) as first, rasterio.open(other) as second:
            for _, window in first.block_windows(1):
                classes, others = first.read(1, window=window), second.read(1, window=window)
                different += int(np.count_nonzero(classes != others))
                total += int(np.count_nonzero(classes != first.nodata))
    return different / max(1, total)
