"""What simple rules reach on the same scenes: a network has to be better than these to be worth its weights.

- all ice: every pixel is ice.
- threshold: the one band and value that tell ice best from everything else on training scenes. Where ice is mostly
  bright a single band reaches surprisingly much.
- clear-sky threshold: the same, fitted where no cloud hides the truth.

Both answer "ice or not", so they are compared by the scores that begin with `ice_` and, where the truth is not hidden by
cloud, with `clear_`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import DataError
from seaice_cli.evaluation.criteria import Criteria
from seaice_cli.evaluation.masks import MaskGrid
from seaice_cli.evaluation.measures import ice_scores
from seaice_cli.evaluation.metrics.confusion import Confusion
from seaice_cli.evaluation.scan import STRIP_PIXELS, open_reference
from seaice_cli.raster.reading.scene import Rows, Scene

BINS = 65536
"""Values that are told apart: all there are in bytes and 16-bit integers, equal steps in anything else."""
Labelled = tuple[Path, Path]
"""A scene and its reference."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Ice is where a band is at or above a value, or below it."""

    band: int
    """From 1."""
    value: float
    """In units of the scene."""
    above: bool
    """Whether ice is at or above it."""

    def __str__(self) -> str:
        return f"band {self.band} {'>=' if self.above else '<'} {self.value:g}"

    def ice(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Return where ice is (rows, width), from the pixels of all bands (bands, rows, width)."""
        return np.asarray((pixels[self.band - 1] >= self.value) == self.above)


def all_ice(confusion: Confusion, criteria: Criteria) -> dict[str, float]:
    """Return the ice scores of a map that is ice everywhere, from the counts of any other map of the same scenes."""
    counts = np.zeros_like(confusion.counts)
    counts[:, criteria.ice] = confusion.counts.sum(axis=1)
    return ice_scores(Confusion(counts), criteria)


def threshold_scores(threshold: Threshold, scenes: Iterable[Labelled], criteria: Criteria) -> dict[str, float]:
    """Return the ice scores that a threshold reaches.

    Raises:
        DataError: A reference does not fit.
        SceneError: A scene cannot be read, or has no such band.
    """
    confusion = Confusion.empty(len(criteria.classes))
    rest = next(i for i in range(len(criteria.classes)) if i != criteria.ice)
    for pixels, valid, truth in (strip for scene in scenes for strip in _strips(scene, criteria)):
        if threshold.band > len(pixels):
            raise DataError(f"the threshold was fitted on band {threshold.band}, a scene has {len(pixels)} bands")
        claimed = np.where(threshold.ice(pixels), criteria.ice, rest)
        known = valid & (truth < len(criteria.classes))
        confusion = confusion.add(truth[known], claimed[known])
    return ice_scores(confusion, criteria)


def baselines(
    training: Sequence[Labelled], scenes: Sequence[Labelled], confusion: Confusion, criteria: Criteria
) -> dict[str, dict[str, float]]:
    """Return what simple rules reach on scenes, by the name of the rule.

    Args:
        training: What thresholds are fitted on; empty: there are none.
        scenes: What they are judged on; empty: they are fitted, and not judged.
        confusion: The counts of any map of these scenes.
        criteria: Which class is ice, and which hide the sea.

    Raises:
        DataError: A file does not fit, or there is nothing to learn from.
        SceneError: A scene cannot be read.
    """
    found = {"all ice": all_ice(confusion, criteria)}
    if training and scenes:
        for name, clear in (("threshold", False), ("clear-sky threshold", True))[: 2 if criteria.hidden else 1]:
            fitted = fit_threshold(training, criteria, clear=clear)
            found[f"{name} ({fitted})"] = threshold_scores(fitted, scenes, criteria)
    return found


def fit_threshold(scenes: Sequence[Labelled], criteria: Criteria, *, clear: bool = False) -> Threshold:
    """Return the threshold with the best mean IoU of ice against everything else.

    Args:
        scenes: Training scenes with their references; never those that the threshold will be judged on.
        criteria: Which class is ice, and what the values of the references stand for.
        clear: Quicklook only at pixels that are not hidden by cloud.

    Raises:
        DataError: There is nothing to learn from: no scenes, no ice, or nothing but ice.
        SceneError: A scene cannot be read.
    """
    low, high = _range(scenes, criteria)
    ignored = criteria.hidden if clear else ()
    counts = _histograms(scenes, criteria, (low, high), ignored)
    if not counts.size or not counts.sum(axis=(0, 2)).all():
        raise DataError("the baseline needs training scenes with ice and with something else; check `baseline_csv`")
    mean_iou = np.stack([_mean_iou(counts), _mean_iou(counts[:, ::-1])])
    kind, band, cut = (int(i) for i in np.unravel_index(int(np.nanargmax(mean_iou)), mean_iou.shape))
    value = low + (high - low) * cut / BINS
    return Threshold(band + 1, float(value), above=kind == 0)


def _mean_iou(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean IoU (bands, cuts) if the second of two classes is said to be in all bins from the cut on."""
    beyond = counts[..., ::-1].cumsum(axis=-1)[..., ::-1]
    whole = counts.sum(axis=-1)
    hits, false = beyond[:, 1], beyond[:, 0]
    others, missed = whole[:, :1] - false, whole[:, 1:] - hits
    return np.asarray((hits / (whole[:, 1:] + false) + others / (whole[:, :1] + missed)) / 2)


def _range(scenes: Sequence[Labelled], criteria: Criteria) -> tuple[float, float]:
    """Return the range that `BINS` divides: that of the type where this can be told apart, else that of the values."""
    kinds = set()
    for path, _ in scenes:
        with Scene(str(path)) as scene:
            kinds.add(scene.dtype)
    if all(kind.kind in "ui" and kind.itemsize <= 2 for kind in kinds):
        lows, highs = ([getattr(np.iinfo(kind), end) for kind in kinds] for end in ("min", "max"))
        low = min(lows, default=0)
        return float(low), float(max(low + BINS, max(highs, default=0) + 1))
    low, high = np.inf, -np.inf
    for pixels, valid, _ in (strip for scene in scenes for strip in _strips(scene, criteria)):
        values = pixels[:, valid]
        if values.size:
            low, high = min(low, float(np.nanmin(values))), max(high, float(np.nanmax(values)))
    return (low, high + max((high - low) / BINS, 1e-30)) if low <= high else (0.0, 1.0)


def _histograms(
    scenes: Sequence[Labelled], criteria: Criteria, limits: tuple[float, float], ignored: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Return how many pixels (bands, [other, ice], bins) have which value."""
    counts: npt.NDArray[np.float64] | None = None
    for pixels, valid, truth in (strip for scene in scenes for strip in _strips(scene, criteria)):
        if counts is None:
            counts = np.zeros((len(pixels), 2, BINS))
        if len(counts) != len(pixels):
            raise DataError(
                f"training scenes have {len(counts)} and {len(pixels)} bands; a threshold needs the same ones"
            )
        known = valid & (truth < len(criteria.classes)) & ~np.isin(truth, ignored)
        ice = truth[known] == criteria.ice
        for band, values in zip(counts, pixels[:, known], strict=True):
            band[0] += _histogram(values[~ice], limits)
            band[1] += _histogram(values[ice], limits)
    return np.zeros((0, 2, BINS)) if counts is None else counts


def _histogram(values: npt.NDArray[Any], limits: tuple[float, float]) -> npt.NDArray[np.intp]:
    seen = values[~np.isnan(values)].astype(np.float64)
    scaled = (seen - limits[0]) * (BINS / (limits[1] - limits[0]))
    return np.bincount(np.clip(scaled, 0, BINS - 1).astype(np.intp), minlength=BINS)


def _strips(
    labelled: Labelled, criteria: Criteria
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.bool_], npt.NDArray[np.uint8]]]:
    """Yield rows of a scene: pixels (bands, rows, width), where they are data, and what is true there."""
    path, label = labelled
    with Scene(str(path)) as scene:
        grid = MaskGrid((scene.height, scene.width), scene.transform, scene.crs)
        with open_reference(label, criteria, grid) as reference:
            step = max(1, STRIP_PIXELS // scene.width)
            for top in range(0, scene.height, step):
                bottom = min(top + step, scene.height)
                rows: Rows = scene.read(top, bottom)
                valid = np.ones((bottom - top, scene.width), bool) if rows.valid is None else rows.valid
                yield rows.pixels, valid, reference.read(top, bottom)
