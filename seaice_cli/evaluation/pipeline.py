"""Predictions against references: scores per scene, pooled, by source, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import DataError, OptionError
from seaice_cli.evaluation.criteria import Criteria, Pair
from seaice_cli.evaluation.measures import Measures, is_error, scores
from seaice_cli.evaluation.metrics.accumulators import flatten, rebuild
from seaice_cli.evaluation.scan import scan

LEVEL = 0.95
"""Share of resamples that lies within an interval."""
Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SceneScores:
    """One scene."""

    pair: Pair
    measures: Measures
    scores: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The scores of a set of scenes."""

    criteria: Criteria
    scenes: tuple[SceneScores, ...]
    measures: Measures
    """Of all scenes together."""
    scores: Scores
    """Of all scenes together: counted first, then scored, so that a large scene counts for more than a small one."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """95 % bootstrap intervals of `scores`; empty with fewer than two groups of scenes."""
    parts: Mapping[str, Scores] = field(default_factory=dict)
    """Scores pooled by source or group, if that was asked for."""
    baselines: Mapping[str, Scores] = field(default_factory=dict)
    """What simple rules reach on the same scenes, by the name of the rule."""

    def worst(self, count: int, score: str = "miou") -> list[SceneScores]:
        """Return the scenes with the worst score, worst first; those where it is not defined come last.

        Raises:
            OptionError: There is no such score.
        """
        if score not in self.scores:
            raise unknown_score(score, self.scores)
        sign = -1 if is_error(score) else 1
        return sorted(self.scenes, key=lambda s: _last_if_nan(sign * s.scores[score]))[:count]


def _last_if_nan(value: float) -> float:
    return math.inf if math.isnan(value) else value


def unknown_score(name: str, known: Iterable[str]) -> OptionError:
    """Return the error for a score that nobody knows."""
    return OptionError(f"there is no score {name!r}; there are {', '.join(known)}")


def evaluate(
    pairs: Iterable[Pair],
    criteria: Criteria | None = None,
    *,
    by: Callable[[Pair], str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Compare predictions with references.

    Args:
        pairs: The scenes; taken one after the other, so they may be made while this runs.
        criteria: What the values mean and what is measured.
        by: Also pool the scenes for which this returns the same text.
        resamples: How often scenes are drawn again for the intervals; 0 for no intervals.
        seed: Of the drawing.

    Raises:
        DataError: There are no scenes, or a file does not fit; the text names it.
        OptionError: Something is asked for that the files do not have.
    """
    criteria = criteria or Criteria()
    found = [(pair, scan(pair, criteria)) for pair in pairs]
    if not found:
        raise DataError("there is nothing to evaluate: no pair of a prediction and a reference")
    scenes = tuple(SceneScores(pair, measures, scores(measures, criteria)) for pair, measures in found)
    pooled = pool(scenes)
    return Evaluation(
        criteria=criteria,
        scenes=scenes,
        measures=pooled,
        scores=scores(pooled, criteria),
        intervals=intervals(scenes, criteria, resamples=resamples, seed=seed),
        parts={name: scores(pool(part), criteria) for name, part in _parted(scenes, by).items()} if by else {},
    )


def pool(scenes: Sequence[SceneScores]) -> Measures:
    """Return what was measured in several scenes together."""
    return reduce(add, (scene.measures for scene in scenes))


def _parted(scenes: Iterable[SceneScores], by: Callable[[Pair], str]) -> dict[str, list[SceneScores]]:
    parts: dict[str, list[SceneScores]] = {}
    for scene in scenes:
        parts.setdefault(by(scene.pair), []).append(scene)
    return parts


def intervals(
    scenes: Sequence[SceneScores], criteria: Criteria, *, resamples: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Return percentile bootstrap intervals of the pooled scores.

    Whole groups of scenes are drawn, never pixels: pixels of one scene, and scenes of one place and day, are no
    independent observations, and an interval that took them for such would be far too narrow.

    Args:
        scenes: The scenes.
        criteria: What was measured.
        resamples: How often as many groups as there are get drawn, with replacement.
        seed: Of the drawing.

    Returns:
        (low, high) by the name of the score; empty for fewer than two groups.
    """
    groups = _parted(scenes, lambda pair: pair.group or pair.name)
    if len(groups) < 2 or resamples < 1:
        return {}
    rows = np.stack([flatten(pool(group)) for group in groups.values()])
    times = np.random.default_rng(seed).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=resamples)
    drawn = [scores(rebuild(scenes[0].measures, vector), criteria) for vector in times @ rows]
    return {name: _interval(np.array([values[name] for values in drawn])) for name in drawn[0]}


def _interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    defined = values[~np.isnan(values)]
    if not defined.size:
        return math.nan, math.nan
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
