"""Fitting a model's temperature on labelled scenes, and writing it into the model."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import DataError, ModelError
from seaice_cli.evaluation.criteria import Criteria, Pair
from seaice_cli.evaluation.inference import Engines
from seaice_cli.evaluation.masks import MaskGrid
from seaice_cli.evaluation.metrics.calibration import fit_temperature
from seaice_cli.evaluation.scan import open_reference
from seaice_cli.extras import require_extra
from seaice_cli.network.catalog import find_model, shipped
from seaice_cli.network.engines.tta import run_augmented
from seaice_cli.network.spec import CARD_FILE
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.raster.windows.blend import Blender, to_numpy
from seaice_cli.raster.windows.chips import read_chips

log = logging.getLogger(__name__)

PIXELS = 1_000_000
"""So many pixels, spread evenly over all scenes, are more than enough to find one number."""
_FINEST = 1e-30
"""Keeps logarithms finite; a float32 softmax goes on to about 1e-38, and a fit wants all that a network said."""
Sampled = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class TemperatureFit:
    """The temperature that fits best, and the loss before and after."""

    before: float
    """The temperature that the model had."""
    after: float
    """The one that fits best."""
    loss_before: float
    """Mean of -log of the probability given to the true class."""
    loss_after: float


def fit_model(
    scenes: Sequence[Pair],
    options: PredictOptions,
    criteria: Criteria,
    *,
    engines: Engines | None = None,
    seed: int = 0,
    pixels: int = PIXELS,
) -> TemperatureFit:
    """Find the temperature with which the model's blended probabilities have the smallest log loss.

    Args:
        scenes: Pairs that name an image and a reference; not those that the model was trained on, where it is too sure.
        options: With which model, and how.
        criteria: What the values of the references stand for.
        engines: Those of an earlier run with the same options.
        seed: Of the choice of pixels.
        pixels: How many are looked at, at most.

    Raises:
        DataError: No pixel of the references has a class.
        SeaIceError: A scene or a reference cannot be read.
    """
    rng = np.random.default_rng(seed)
    engines = engines or Engines()
    samples = [
        sample
        for scene in scenes
        for sample in _samples(scene, options, criteria, engines, rng, pixels // max(1, len(scenes)))
    ]
    if not sum(len(truth) for _, truth in samples):
        raise DataError("no pixel of the references has a class, so no temperature can be fitted")
    before = find_model(options.model).spec.temperature
    logits = np.concatenate([np.log(np.maximum(p, _FINEST)) for p, _ in samples]) * before
    truth = np.concatenate([truth for _, truth in samples])
    after = fit_temperature(logits, truth)
    return TemperatureFit(before, after, _log_loss(logits / before, truth), _log_loss(logits / after, truth))


def _log_loss(logits: npt.NDArray[Any], truth: npt.NDArray[Any]) -> float:
    z = logits.astype(np.float64)
    return float((np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), truth]).mean())


def _samples(
    scene: Pair,
    options: PredictOptions,
    criteria: Criteria,
    engines: Engines,
    rng: np.random.Generator,
    pixels: int,
) -> Iterator[Sampled]:
    """Yield blended probabilities (n, classes) and true ids (n,) of pixels, a piece at a time."""
    if scene.image is None:
        raise DataError(f"{scene.name}: has no image that a model could read")
    plain = dataclasses.replace(options, probability=None, vector=None, preview=None, overwrite=True)
    # A job wants to know where its mask goes; here none is written.
    with Job(str(scene.image), Path(tempfile.gettempdir()) / "seaice-eval-unwritten.tif", plain) as job:
        grid = MaskGrid((job.scene.height, job.scene.width), job.scene.transform, job.scene.crs)
        share = min(1.0, pixels / (job.scene.height * job.scene.width))
        chips = read_chips(job.scene, job.grid, radiometry=job.radiometry, region=job.region)
        with open_reference(scene.reference, criteria, grid) as reference:
            for piece in Blender(job.grid).blend(run_augmented(engines.open(job), chips, options.tta)):
                if piece.pixels is None:
                    continue
                top, left = int(piece.window.row_off), int(piece.window.col_off)
                height, width = int(piece.window.height), int(piece.window.width)
                truth = reference.read(top, top + height)[:, left : left + width]
                chosen = (truth < len(criteria.classes)) & (rng.random(truth.shape) < share)
                if piece.excluded is not None:
                    chosen &= piece.excluded == 0
                yield to_numpy(piece.pixels)[:, chosen].T.copy(), truth[chosen]


def temper_model(name: str, target: Path, temperature: float) -> None:
    """Write a model with another temperature: its specification, its ONNX graph, its weights and its card.

    Args:
        name: Of a shipped model, or a model directory.
        target: The directory that is written; that of the model itself, or a new one.
        temperature: What its logits are to be divided by.

    Raises:
        ModelError: There is no such model, or it is damaged.
        OutputError: It cannot be written.
    """
    from seaice_cli.network.build import load_network
    from seaice_cli.network.export import save_model

    model = find_model(name)
    try:
        card = (model.directory / CARD_FILE).read_text(encoding="utf-8")
    except OSError:
        card = f"# {model.spec.name}\n"
    spec = dataclasses.replace(model.spec, temperature=round(temperature, 4))
    save_model(target, spec, load_network(model), card)


def target_of(name: str, copy: Path | None) -> Path:
    """Return the directory that a calibrated model is to be written into.

    Args:
        name: Of a shipped model, or a model directory.
        copy: A new directory; None: the model's own.

    Raises:
        InstallationError: What writes models is not installed.
        ModelError: There is no such model, or it is a shipped one, which belongs to the installation, and no copy is named.
    """
    require_extra("train", "calibrating a model")
    model = find_model(name)
    if copy is not None:
        return copy
    if name in shipped():
        raise ModelError(f"{name}: a shipped model is not changed; `calibrated` DIR writes a calibrated copy into DIR")
    return model.directory
