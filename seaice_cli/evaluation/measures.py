"""Everything measured in one scene, or pooled over several, and the scores by name that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from seaice_cli.evaluation.criteria import Criteria
from seaice_cli.evaluation.metrics import confusion as pixels
from seaice_cli.evaluation.metrics.accumulators import Accumulator
from seaice_cli.evaluation.metrics.boundaries import BoundaryAccumulator
from seaice_cli.evaluation.metrics.calibration import CalibrationAccumulator
from seaice_cli.evaluation.metrics.concentration import ConcentrationAccumulator
from seaice_cli.evaluation.metrics.confusion import Confusion
from seaice_cli.evaluation.metrics.ice_edge import EdgeAccumulator
from seaice_cli.evaluation.metrics.objects import ObjectAccumulator

LOWER_IS_BETTER = (
    "iiee",
    "over",
    "under",
    "aee",
    "me_",
    "d_",
    "mhd",
    "sic_mae",
    "sic_rmse",
    "ece",
    "brier",
    "log_loss",
    "missing",
)
"""How the names of scores begin that are errors: the smaller, the better."""


@dataclass(frozen=True, slots=True)
class Measures(Accumulator):
    """Sums over the pixels, cells, edges and objects of scenes."""

    confusion: Confusion
    boundaries: BoundaryAccumulator
    edge: EdgeAccumulator
    concentrations: tuple[ConcentrationAccumulator, ...]
    """One for every size of cells."""
    calibration: CalibrationAccumulator
    objects: ObjectAccumulator
    size: float = 0.0
    """Pixels of the scenes, with or without data."""
    seconds: float = 0.0
    """What predicting took, where it was timed."""
    timed: float = 0.0
    """Pixels of the scenes that were timed."""

    @classmethod
    def empty(cls, criteria: Criteria) -> Measures:
        """Return the sums of nothing yet."""
        classes = len(criteria.classes)
        return cls(
            confusion=Confusion.empty(classes),
            boundaries=BoundaryAccumulator.empty(len(criteria.distances), classes),
            edge=EdgeAccumulator(),
            concentrations=tuple(ConcentrationAccumulator() for _ in criteria.cells),
            calibration=CalibrationAccumulator.empty(),
            objects=ObjectAccumulator(),
        )


def scores(measures: Measures, criteria: Criteria) -> dict[str, float]:
    """Return all scores by name; NaN where one is not defined.

    A name is the score, then `:class` where it is that of a class, then `@` and the distance or the size of cells:
    "miou", "iou:ice", "boundary_f:ice@3px", "sic_rmse@25km".
    """
    c = measures.confusion
    return {
        **pixels.scores(c, criteria.classes),
        **ice_scores(c, criteria),
        "missing": c.missing / whole if (whole := c.missing + c.total) else math.nan,
        **_boundary_scores(measures.boundaries, criteria),
        **measures.edge.scores(),
        **_concentration_scores(measures.concentrations, criteria),
        **measures.calibration.scores(),
        **measures.objects.scores(),
        "mpx_per_second": measures.timed / measures.seconds / 1e6 if measures.seconds else math.nan,
    }


def ice_scores(c: Confusion, criteria: Criteria) -> dict[str, float]:
    """Return how well ice is told from everything else: over all pixels, and where the truth is not hidden by cloud."""
    clear = np.ones(c.classes)
    clear[list(criteria.hidden)] = 0
    found = {}
    for name, counts in (("ice", c.counts), ("clear", c.counts * clear[:, None])):
        two = Confusion(counts).against_rest(criteria.ice)
        found[f"{name}_miou"] = pixels.mean_iou(two)
        found[f"{name}_f1"] = float(pixels.f1(two)[1])
        found[f"{name}_oa"] = pixels.overall_accuracy(two)
    return found


def _boundary_scores(sums: BoundaryAccumulator, criteria: Criteria) -> dict[str, float]:
    found: dict[str, float] = {}
    for score, values in (("boundary_f", sums.f()), ("boundary_iou", sums.iou())):
        for distance, row in zip(criteria.distances, values, strict=True):
            defined = row[~np.isnan(row)]
            found[f"{score}@{distance}"] = float(defined.mean()) if defined.size else math.nan
            found |= {f"{score}:{n}@{distance}": float(v) for n, v in zip(criteria.classes, row, strict=True)}
    return found


def _concentration_scores(sums: tuple[ConcentrationAccumulator, ...], criteria: Criteria) -> dict[str, float]:
    found: dict[str, float] = {}
    for size, cells in zip(criteria.cells, sums, strict=True):
        at = f"@{size:g}km"
        found |= {f"sic_{name}{at}": value for name, value in cells.everywhere.scores().items()}
        found |= {f"sic_{name}_marginal{at}": value for name, value in cells.marginal.scores().items()}
        found |= {f"{name}{at}": value for name, value in cells.edge.scores().items()}
    return found


def is_error(name: str) -> bool:
    """Return whether a smaller value of this score is better."""
    return name.startswith(LOWER_IS_BETTER)
