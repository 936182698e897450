"""Merging: what is made of the pixels that several scenes show of one place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.products.composite.options import LATEST, PROBABILITY
from seaice_cli.products.meanings import ICE, LAND, UNKNOWN, WATER
from seaice_cli.raster.reading.region import LAND as LAND_VALUE
from seaice_cli.raster.reading.region import NODATA as NODATA_VALUE

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]
Part = tuple[slice, slice]


class Merger:
    """Collects scenes, the oldest first, and says what pixels are.

    Clear goes over hidden, land over all. Hidden pixels keep the class by which the latest scene hides them.

    Args:
        shape: Rows and columns.
        rule: One of `options.RULES`.
        ice: Value of ice, for the rule by probability.
        threshold: A pixel is ice if its mean probability is at least this.
    """

    def __init__(self, shape: tuple[int, int], *, rule: str, ice: int, threshold: float) -> None:
        self._rule, self._ice, self._threshold = rule, ice, threshold
        self.values: Pixels = np.full(shape, NODATA_VALUE, np.uint8)
        """What pixels are, once finished."""
        self.source: Pixels = np.zeros(shape, np.uint8)
        """The number of the latest scene that saw the pixel as it is; 0: none saw it clear."""
        self.clear: Pixels = np.zeros(shape, np.uint8)
        """How many saw it clear."""
        self._icy: Pixels = np.zeros(shape, np.uint8)
        self._land = np.zeros(shape, bool)
        self._votes: dict[int, tuple[Pixels, Pixels]] = {}
        self._percent: Array = np.zeros(shape if rule == PROBABILITY else (0, 0), np.uint32)
        self._rated: Array = np.zeros(shape if rule == PROBABILITY else (0, 0), np.uint32)

    def add(self, number: int, values: Pixels, kinds: Pixels, *, at: Part, percent: Pixels | None = None) -> None:
        """Add what a scene shows.

        Args:
            number: Of the scene, from 1 to 255.
            values: Classes.
            kinds: What they are, see `meanings`.
            at: Rows and columns that they fill.
            percent: Probability of ice, 255 where there is none.
        """
        ice = kinds == ICE
        clear = ice | (kinds == WATER)
        np.copyto(self.values[at], values, where=(kinds == UNKNOWN) & (self.clear[at] == 0))
        self.clear[at] += clear
        self._icy[at] += ice
        self._land[at] |= kinds == LAND
        if self._rule == LATEST:
            np.copyto(self.values[at], values, where=clear)
            np.copyto(self.source[at], np.uint8(number), where=clear)
            return
        for value in np.flatnonzero(np.bincount(values.ravel(), minlength=LAND_VALUE)[:LAND_VALUE]).tolist():
            if value not in self._votes:
                self._votes[value] = (np.zeros_like(self.values), np.zeros_like(self.values))
            here = clear & (values == value)
            self._votes[value][0][at] += here
            np.copyto(self._votes[value][1][at], np.uint8(number), where=here)
        if self._rule == PROBABILITY and percent is not None:
            rated = clear & (percent <= 100)
            self._percent[at] += np.where(rated, percent, 0)
            self._rated[at] += rated

    def finish(self) -> Pixels:
        """Decide, and return where scenes that saw a pixel clear disagree about ice: 1, else 0."""
        if self._rule != LATEST:
            self._elect()
        self.values[self._land] = LAND_VALUE
        self.source[self._land] = 0
        disagree: Pixels = ((self._icy > 0) & (self._icy < self.clear)).astype(np.uint8)
        disagree[self._land] = 0
        return disagree

    def _elect(self) -> None:
        """Give pixels the class that most scenes saw, of equals the later; where probabilities are known, they say what may be ice."""
        best, newest = np.zeros_like(self.values), np.zeros_like(self.values)
        allowed = self._allowed()
        for value, (count, latest) in self._votes.items():
            better = (count > best) | ((count == best) & (latest > newest))
            better &= count > 0
            if allowed is not None:
                better &= allowed if value == self._ice else ~allowed | (self._rated == 0)
            self.values[better], self.source[better] = value, latest[better]
            best[better], newest[better] = count[better], latest[better]

    def _allowed(self) -> npt.NDArray[np.bool_] | None:
        """Return where pixels may be ice; None where probabilities do not decide.

        Where no scene saw what the probabilities say, the classes decide.
        """
        if self._rule != PROBABILITY:
            return None
        icy = self._percent >= 100 * self._threshold * self._rated
        never_ice, always_ice = self._icy == 0, self._icy == self.clear
        allowed: npt.NDArray[np.bool_] = ((icy & ~never_ice) | always_ice) | (self._rated == 0)
        return allowed
