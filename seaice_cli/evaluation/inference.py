"""A model run over labelled scenes, so that its score is the score of what `predict` writes."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from seaice_cli.errors import DataError, OutputError
from seaice_cli.evaluation.criteria import Pair
from seaice_cli.network.engines import Engine
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import Progress, predict

PROBABILITIES = "probability"
"""The folder of probabilities, below that of masks."""


class Engines:
    """Engines, loaded once for every shape of chips, and how long that took."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], Engine] = {}
        self.seconds = 0.0
        """Spent on loading."""

    def open(self, job: Job) -> Engine:
        """Return the engine for the chips of a job."""
        if job.grid.shape not in self._open:
            began = time.perf_counter()
            self._open[job.grid.shape] = job.open_engine()
            self.seconds += time.perf_counter() - began
        return self._open[job.grid.shape]


def run_model(
    scenes: Sequence[Pair],
    options: PredictOptions,
    folder: Path,
    *,
    engines: Engines | None = None,
    progress: Callable[[str], Progress] | None = None,
) -> Iterator[Pair]:
    """Yield a pair for every scene, with a mask and a probability of ice written by `predict`.

    Args:
        scenes: Pairs that name an image and a reference; what they name as prediction does not matter.
        options: With which model, and how. Files the options name are replaced by some in the folder.
        folder: Where masks are written under the names of the scenes, and probabilities in `probability` below; it must exist.
        engines: Those of an earlier run with the same options.
        progress: Makes what counts the windows of a scene, by its name.

    Raises:
        SeaIceError: A scene cannot be predicted; the text names it.
        OutputError: A mask would replace an image or a reference.
        OSError: The folder cannot be written.
    """
    engines = engines or Engines()
    read = {path.resolve() for scene in scenes for path in (scene.image, scene.reference) if path}
    if clash := next((path for name in _names(scenes) if (path := folder / f"{name}.tif").resolve() in read), None):
        raise OutputError(f"{clash}: is one of the images or references; keep the masks in another folder")
    (folder / PROBABILITIES).mkdir(exist_ok=True)
    for name, scene in zip(_names(scenes), scenes, strict=True):
        if scene.image is None:
            raise DataError(f"{scene.name}: has no image that a model could read")
        mask, probability = folder / f"{name}.tif", folder / PROBABILITIES / f"{name}.tif"
        chosen = dataclasses.replace(options, probability=probability, vector=None, preview=None, overwrite=True)
        loading = engines.seconds
        shown = progress(scene.name) if progress else None
        summary = predict(str(scene.image), mask, options=chosen, progress=shown, engine=engines.open)
        seconds = summary.seconds - (engines.seconds - loading)
        yield dataclasses.replace(scene, predicted=mask, probability=probability, seconds=seconds)


def _names(scenes: Sequence[Pair]) -> list[str]:
    """Return the names of scenes, with a number in front where several have one."""
    times = Counter(scene.name for scene in scenes)
    return [s.name if times[s.name] == 1 else f"{number:05d}-{s.name}" for number, s in enumerate(scenes)]
