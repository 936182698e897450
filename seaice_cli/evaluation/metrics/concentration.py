"""Sea-ice concentration on coarse cells, true and predicted, and how they differ.

In every cell C = ice / (ice + water) over the pixels where both the truth and the prediction say ice or water; cloud,
land and pixels without data are in no denominator. A cell of which less than half is known has no concentration.
The errors are those of C between 0 and 1, over all cells and over the marginal ice zone, where the true C is 15 to 80 %.
The ice edge on the grid is where C reaches 15 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from affine import Affine

from seaice_cli.evaluation.metrics.accumulators import Accumulator, Floats
from seaice_cli.evaluation.metrics.boundaries import Booleans
from seaice_cli.evaluation.metrics.ice_edge import EdgeAccumulator, EdgeCollector
from seaice_cli.evaluation.pixel_geometry import PixelGeometry

KNOWN_SHARE = 0.5
"""The share of a cell that must be known."""
EDGE = 0.15
"""From this concentration on a cell counts as ice."""
MARGINAL = (0.15, 0.80)
"""True concentrations of the marginal ice zone."""


@dataclass(frozen=True, slots=True)
class ErrorAccumulator(Accumulator):
    """Differences, predicted less true, summed over cells."""

    cells: float = 0.0
    difference: float = 0.0
    absolute: float = 0.0
    square: float = 0.0
    true: float = 0.0
    true_square: float = 0.0

    @classmethod
    def of(cls, true: Floats, predicted: Floats) -> ErrorAccumulator:
        """Return the sums over cells, both (n,)."""
        e = predicted - true
        sums = (e.sum(), np.abs(e).sum(), e @ e, true.sum(), true @ true)
        return cls(float(len(e)), *(float(s) for s in sums))

    def scores(self) -> dict[str, float]:
        """Return bias, MAE, RMSE and R2 = 1 - sum (y - p)^2 / sum (y - mean y)^2; NaN without cells or spread."""
        n = self.cells
        if not n:
            return dict.fromkeys(("bias", "mae", "rmse", "r2"), math.nan)
        spread = self.true_square - self.true**2 / n
        # The difference of two large sums leaves a rest where all cells are alike.
        r2 = 1 - self.square / spread if spread > 1e-9 * max(self.true_square, 1e-9) else math.nan
        return {
            "bias": self.difference / n, "mae": self.absolute / n,
            "rmse": math.sqrt(max(self.square, 0.0) / n), "r2": r2,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConcentrationAccumulator(Accumulator):
    """The errors of concentration and of the ice edge at one size of cells."""

    everywhere: ErrorAccumulator = field(default_factory=ErrorAccumulator)
    marginal: ErrorAccumulator = field(default_factory=ErrorAccumulator)
    edge: EdgeAccumulator = field(default_factory=EdgeAccumulator)


class CellGrid:
    """Takes the ice of a scene row by row and compares its concentrations in the end.

    Args:
        ground: Of the pixels.
        kilometres: The side of a cell, at least that of a pixel; cells start at the first pixel of the scene.

    Raises:
        ValueError: A cell is smaller than a pixel.
    """

    def __init__(self, geometry: PixelGeometry, kilometres: float) -> None:
        self._geometry = geometry
        self._sides = tuple(kilometres * 1000 / side for side in geometry.pixel)
        if min(self._sides) < 1:
            raise ValueError(f"cells of {kilometres:g} km are smaller than a pixel")
        rows, cols = (_cell_of(n, side) for n, side in zip(geometry.shape, self._sides, strict=True))
        self._row_cells, self._col_starts = rows, _starts(cols)
        self._planes = np.zeros((4, int(rows[-1]) + 1, len(self._col_starts)))
        """True ice, predicted ice and all that is known in km2, and what is known in pixels."""

    def add(self, top: int, ice: tuple[Booleans, Booleans], known: Booleans) -> None:
        """Take the next rows.

        Args:
            top: The row of the scene that is the first here.
            ice: Where there is ice (rows, width), in truth and as predicted.
            known: Where both say ice or water.
        """
        cells = self._row_cells[top : top + len(known)]
        area = self._geometry.areas(top, top + len(known)) * known
        for plane, values in zip(self._planes, (area * ice[0], area * ice[1], area, known), strict=True):
            by_cols = np.add.reduceat(values, self._col_starts, axis=1, dtype=np.float64)
            plane[cells[0] : cells[-1] + 1] += np.add.reduceat(by_cols, _starts(cells), axis=0)

    def concentrations(self) -> tuple[Floats, Floats]:
        """Return the true and the predicted concentration (rows, columns), 0 to 1, NaN where too little is known."""
        true, predicted, known, pixels = self._planes
        enough = (pixels >= KNOWN_SHARE * self._sides[0] * self._sides[1]) & (known > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(enough, true / known, np.nan), np.where(enough, predicted / known, np.nan)

    def finish(self) -> ConcentrationAccumulator:
        """Return the sums of the scene."""
        true, predicted = self.concentrations()
        known = ~np.isnan(true)
        marginal = known & (true >= MARGINAL[0]) & (true <= MARGINAL[1])
        scale = Affine.scale(self._sides[1], self._sides[0])
        height, width = true.shape
        edges = EdgeCollector(PixelGeometry(self._geometry.transform @ scale, self._geometry.crs, (height, width)))
        ice = np.nan_to_num(true) >= EDGE, np.nan_to_num(predicted) >= EDGE
        edges.add(0, slice(0, height), ice, known)
        return ConcentrationAccumulator(
            ErrorAccumulator.of(true[known], predicted[known]),
            ErrorAccumulator.of(true[marginal], predicted[marginal]),
            edges.finish(),
        )


def _cell_of(pixels: int, side: float) -> npt.NDArray[np.intp]:
    """Return the cell that holds the centre of every pixel along an axis."""
    return ((np.arange(pixels) + 0.5) / side).astype(np.intp)


def _starts(cells: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return where along an axis the next cell begins."""
    return np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
