"""Are the probabilities true? Of pixels with a probability of 70 %, 70 % should be ice.

- ECE, the expected calibration error: sum over bins of |share that is ice - mean probability|, weighted by the pixels in
  the bin (15 bins of equal width).
- Brier score: the mean of (p - y)^2. Log loss: the mean of -log of the probability given to what is true.
- Temperature scaling (Guo et al. 2017): logits are divided by the one number that makes the log loss smallest. It mends
  the probabilities and leaves every class as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from seaice_cli.evaluation.metrics.accumulators import Accumulator, Floats

BINS = 15
_FINEST = 1e-7
"""No probability counts as closer to 0 or 1 than this: a single wrong pixel would make the log loss infinite."""
_RANGE = (0.05, 20.0)
"""Temperatures that are looked at; a fit that ends at one of these has found nothing sensible."""


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationAccumulator(Accumulator):
    """Probabilities and what became of them; the arrays are (bins,)."""

    pixels: Floats
    probability: Floats
    """The sum of the probabilities of ice in the bin."""
    ice: Floats
    """The pixels that are ice."""
    square: float = 0.0
    log_loss: float = 0.0

    @classmethod
    def empty(cls) -> CalibrationAccumulator:
        """Return the sums of nothing yet."""
        return cls(np.zeros(BINS), np.zeros(BINS), np.zeros(BINS))

    @classmethod
    def of(cls, probability: npt.NDArray[Any], ice: npt.NDArray[np.bool_]) -> CalibrationAccumulator:
        """Return the sums over pixels.

        Args:
            probability: Of ice, 0 to 1, of any shape, without NaN.
            ice: Of the same shape; True where there is ice.
        """
        p, y = probability.ravel().astype(np.float64), ice.ravel()
        bins = np.minimum((p * BINS).astype(np.intp), BINS - 1)
        given = np.clip(np.where(y, p, 1 - p), _FINEST, 1)
        return cls(
            np.bincount(bins, minlength=BINS).astype(np.float64),
            np.bincount(bins, p, minlength=BINS).astype(np.float64),
            np.bincount(bins, y, minlength=BINS).astype(np.float64),
            float(((p - y) ** 2).sum()),
            float(-np.log(given).sum()),
        )

    def curve(self) -> tuple[Floats, Floats]:
        """Return the reliability curve: mean probability and share of ice per bin, NaN where a bin is empty."""
        with np.errstate(invalid="ignore"):
            return self.probability / self.pixels, self.ice / self.pixels

    def scores(self) -> dict[str, float]:
        """Return ECE, Brier score and log loss; NaN without pixels."""
        n = float(self.pixels.sum())
        if not n:
            return dict.fromkeys(("ece", "brier", "log_loss"), math.nan)
        ece = float(np.abs(self.ice - self.probability).sum()) / n
        return {"ece": ece, "brier": self.square / n, "log_loss": self.log_loss / n}


def fit_temperature(logits: npt.NDArray[Any], truth: npt.NDArray[Any]) -> float:
    """Return the temperature by which logits have to be divided for the smallest log loss.

    Args:
        logits: (n, classes); log-probabilities will do, as a softmax does not see what all classes have in common. Where
            a probability was rounded to 0 its logarithm must have been bounded before.
        truth: (n,) class ids, all of them below the number of classes.

    Raises:
        ValueError: The shapes do not fit, there is nothing, or a value is not finite.
    """
    if logits.ndim != 2 or truth.shape != logits.shape[:1] or not truth.size:
        raise ValueError(f"logits {logits.shape} and truth {truth.shape} should be (n, classes) and (n,)")
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite")
    z = logits.astype(np.float64)
    true = z[np.arange(len(z)), truth]

    def loss(log_temperature: float) -> float:
        # In 1 / T the loss is convex, and its logarithm keeps the order: there is one minimum.
        beta = math.exp(-log_temperature)
        return float((logsumexp(beta * z, axis=1) - beta * true).mean())

    found = minimize_scalar(loss, bounds=tuple(math.log(t) for t in _RANGE), method="bounded", options={"xatol": 1e-5})
    return math.exp(float(found.x))
