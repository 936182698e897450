"""How far the ice edge is off: areas on the wrong side of it, and distances between two edges.

With O the area of ice that is predicted but not true and U the reverse (Goessling et al. 2016):

    IIEE = O + U        AEE = |O - U|        ME = 2 min(O, U)        IIEE = AEE + ME

An edge cell is an ice cell with a neighbour (of four) that is known to hold no ice; land, cloud and the frame make no
edge. It adds sqrt(2), (1 + sqrt(2)) / 2 or 1 times its side to the length of the edge if none, one, or more of its four
neighbours are edge cells (Melsom et al. 2019). With the lengths L of both edges

    D_IIEE = 2 IIEE / (L_true + L_predicted)        bias = 2 (O - U) / (L_true + L_predicted)

and with d the distance along the ground from a cell of one edge to the nearest of the other

    D_AVG = (mean d(predicted) + mean d(true)) / 2        D_RMS the same of squares        MHD = the larger of both means

(modified Hausdorff distance: Dubuisson and Jain 1994).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from seaice_cli.evaluation.metrics.accumulators import Accumulator, Floats
from seaice_cli.evaluation.metrics.boundaries import Booleans, touches
from seaice_cli.evaluation.pixel_geometry import PixelGeometry, arc

HALO = 2
"""Rows above and below that can matter to a cell: its neighbours, and theirs."""


@dataclass(frozen=True, slots=True)
class EdgeAccumulator(Accumulator):
    """Areas, lengths and distances of the edges of one or several scenes."""

    over: float = 0.0
    """O in km2."""
    under: float = 0.0
    """U in km2."""
    true_length: float = 0.0
    """Of the true edge, in km."""
    predicted_length: float = 0.0
    true_points: float = 0.0
    """Cells of the true edge in scenes where there is an edge in both; without one no distance is defined."""
    true_distance: float = 0.0
    """The sum of their distances to the predicted edge in km."""
    true_square: float = 0.0
    """The sum of the squares of these, in km2."""
    predicted_points: float = 0.0
    predicted_distance: float = 0.0
    predicted_square: float = 0.0
    measured: float = 0.0
    """Scenes with a known place on the ground; without any, nothing is defined."""

    def scores(self) -> dict[str, float]:
        """Return the scores by name, with their unit in it; NaN where there is no edge."""
        length = self.true_length + self.predicted_length
        iiee = self.over + self.under if self.measured else math.nan
        to_true = _ratio(self.predicted_distance, self.predicted_points)
        to_predicted = _ratio(self.true_distance, self.true_points)
        squares = _ratio(self.predicted_square, self.predicted_points) + _ratio(self.true_square, self.true_points)
        return {
            "iiee_km2": iiee,
            "over_km2": self.over if self.measured else math.nan,
            "under_km2": self.under if self.measured else math.nan,
            "aee_km2": abs(self.over - self.under) if self.measured else math.nan,
            "me_km2": 2 * min(self.over, self.under) if self.measured else math.nan,
            "d_iiee_km": _ratio(2 * iiee, length),
            "edge_bias_km": _ratio(2 * (self.over - self.under), length),
            "d_avg_km": (to_true + to_predicted) / 2,
            "d_rms_km": math.sqrt(squares / 2),
            "mhd_km": max(to_true, to_predicted),
        }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


class EdgeCollector:
    """Takes the ice of a scene row by row and measures its edges in the end.

    What is kept grows with the length of the edges, not with the scene.

    Args:
        ground: Of the cells.
    """

    def __init__(self, geometry: PixelGeometry) -> None:
        self._geometry = geometry
        self._cells: dict[str, list[npt.NDArray[np.intp]]] = {"true": [], "predicted": []}
        self._areas = dict.fromkeys(("over", "under"), 0.0)
        self._lengths = dict.fromkeys(("true", "predicted"), 0.0)

    def add(self, top: int, core: slice, ice: tuple[Booleans, Booleans], known: Booleans) -> None:
        """Take further rows.

        Args:
            top: The row of the scene that is the first here.
            core: The rows to measure; the others, `HALO` on either side where the scene has them, are context.
            ice: Where there is ice (rows, width), in truth and as predicted.
            known: Where both know whether there is.
        """
        area = self._geometry.areas(top + core.start, top + core.stop)
        true, predicted = (mask & known for mask in ice)
        self._areas["over"] += float(area[(predicted & ~true)[core]].sum())
        self._areas["under"] += float(area[(true & ~predicted)[core]].sum())
        for name, mask in (("true", true), ("predicted", predicted)):
            edge, sides = edge_cells(mask, known)
            self._lengths[name] += float((sides[core] * np.sqrt(area)).sum())
            cells = np.argwhere(edge[core])
            self._cells[name].append(cells + np.array([top + core.start, 0]))

    def finish(self) -> EdgeAccumulator:
        """Return the sums of the scene."""
        true, predicted = (np.concatenate(self._cells[name]) for name in ("true", "predicted"))
        from_true = from_predicted = np.zeros(0)
        if len(true) and len(predicted):
            true_at, predicted_at = (self._geometry.positions(*cells.T) for cells in (true, predicted))
            from_true, from_predicted = _nearest(true_at, predicted_at), _nearest(predicted_at, true_at)
        return EdgeAccumulator(
            **self._areas,
            true_length=self._lengths["true"],
            predicted_length=self._lengths["predicted"],
            true_points=float(len(from_true)),
            true_distance=float(from_true.sum()),
            true_square=float((from_true**2).sum()),
            predicted_points=float(len(from_predicted)),
            predicted_distance=float(from_predicted.sum()),
            predicted_square=float((from_predicted**2).sum()),
            measured=1.0,
        )


def edge_cells(ice: Booleans, known: Booleans) -> tuple[Booleans, Floats]:
    """Return where the edge runs, and the length it has in every cell in sides of the cell; both (rows, width)."""
    edge = ice & touches(known & ~ice)
    counted = np.zeros(edge.shape, np.uint8)
    counted[1:] += edge[:-1]
    counted[:-1] += edge[1:]
    counted[:, 1:] += edge[:, :-1]
    counted[:, :-1] += edge[:, 1:]
    lengths = np.array([math.sqrt(2), (1 + math.sqrt(2)) / 2, 1.0])
    return edge, np.where(edge, lengths[np.minimum(counted, 2)], 0.0)


def _nearest(points: npt.NDArray[Any], others: npt.NDArray[Any]) -> Floats:
    """Return how far the nearest of the others is from every point, in km along the ground."""
    return np.asarray(arc(KDTree(others).query(points)[0]) / 1000)
