"""How well outlines agree: boundary F and boundary IoU, per class and for several distances.

A pixel of a class lies on its boundary if one of its four neighbours is known to be something else. The frame of the
scene and pixels without a class are nobody's boundary: counting them would reward every prediction for the shape of the
data.

- Boundary F (Csurka et al. 2013): precision is the share of predicted boundary pixels within the distance of a true one,
  recall the reverse, F their harmonic mean. The distance is Euclidean.
- Boundary IoU (Cheng et al. 2021): the IoU of the two bands of pixels that lie in the class within the distance of its
  boundary. The distance is the larger of rows and columns, as repeated erosion with a 3 x 3 square measures it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seaice_cli.errors import OptionError
from seaice_cli.evaluation.metrics.accumulators import Accumulator, Floats

Booleans = npt.NDArray[np.bool_]
_UNITS = {"px": "pixels", "m": "metres", "%": "per cent of the scene's diagonal"}


@dataclass(frozen=True, slots=True)
class Distance:
    """How far apart two boundaries may be, in pixels, in metres, or as a share of the scene's diagonal."""

    value: float
    unit: str
    """One of "px", "m", "%"."""

    @classmethod
    def parse(cls, text: str) -> Distance:
        """Read a distance such as "3px", "500m" or "0.5%".

        Raises:
            OptionError: The text is none.
        """
        for unit in _UNITS:
            number = text.strip().removesuffix(unit)
            if text.strip().endswith(unit) and _positive(number):
                return cls(float(number), unit)
        raise OptionError(
            f"{text!r} is no distance; write pixels (3px), metres (500m) or per cent of the diagonal (0.5%)"
        )

    def __str__(self) -> str:
        return f"{self.value:g}{self.unit}"

    def tolerance(self, shape: tuple[int, int], pixel: tuple[float, float] | None) -> Tolerance:
        """Return this distance for one scene.

        Args:
            shape: (height, width) of the scene in pixels.
            pixel: (height, width) of a pixel in metres; None where nobody knows.

        Raises:
            OptionError: The distance is in metres and nobody knows the size of a pixel.
        """
        if self.unit == "m":
            if pixel is None:
                raise OptionError(f"a distance of {self} needs masks with a CRS; give it in pixels, such as 3px")
            return Tolerance(self.value, pixel)
        return Tolerance(
            self.value if self.unit == "px" else math.ceil(self.value / 100 * math.hypot(*shape)), (1.0, 1.0)
        )


def _positive(number: str) -> bool:
    try:
        return 0 < float(number) < math.inf
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A distance and the (height, width) of a pixel in the same unit."""

    distance: float
    pixel: tuple[float, float]

    @property
    def rows(self) -> int:
        """Rows above and below that can matter to a pixel."""
        return max(1, math.ceil(self.distance / self.pixel[0])) + 1

    @property
    def window(self) -> tuple[int, int]:
        """(height, width) in pixels of all that lies within the distance, by rows and by columns."""
        height, width = (2 * max(1, round(self.distance / side)) + 1 for side in self.pixel)
        return height, width


@dataclass(frozen=True, slots=True, eq=False)
class BoundaryAccumulator(Accumulator):
    """Pixels of boundaries, each (distances, classes)."""

    predicted: Floats
    """On a predicted boundary."""
    predicted_near: Floats
    """Of these, within the distance of a true one."""
    true: Floats
    """On a true boundary."""
    true_near: Floats
    """Of these, within the distance of a predicted one."""
    shared: Floats
    """In the bands of both."""
    joint: Floats
    """In the band of either."""

    @classmethod
    def empty(cls, distances: int, classes: int) -> BoundaryAccumulator:
        """Return the sums of nothing yet."""
        return cls(*(np.zeros((distances, classes)) for _ in range(6)))

    def f(self) -> Floats:
        """Return the boundary F, (distances, classes); NaN where a class has no boundary in either."""
        # 2PR / (P + R) by counts: where one side has no boundary at all the score is 0, not undefined.
        with np.errstate(invalid="ignore", divide="ignore"):
            precision, recall = self.predicted_near / self.predicted, self.true_near / self.true
            score = np.nan_to_num(2 * precision * recall / (precision + recall))
        return np.where(self.predicted + self.true > 0, score, np.nan)

    def iou(self) -> Floats:
        """Return the boundary IoU, (distances, classes); NaN where a class has no boundary in either."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.shared / self.joint)


def compare_boundaries(
    truth: npt.NDArray[Any], predicted: npt.NDArray[Any], core: slice, *, classes: int, tolerances: Sequence[Tolerance]
) -> BoundaryAccumulator:
    """Compare the boundaries in some rows of a scene.

    Args:
        truth: Class ids (rows, width); values from `classes` on are unknown.
        predicted: Of the same shape.
        core: The rows that are counted; the others, `Tolerance.rows` on either side where the scene has them, are context.
        classes: How many classes there are.
        tolerances: The distances.
    """
    sums = BoundaryAccumulator.empty(len(tolerances), classes)
    known = (truth < classes) & (predicted < classes)
    for class_id in range(classes):
        true, predicted_mask = known & (truth == class_id), known & (predicted == class_id)
        if true.any() or predicted_mask.any():
            _count(sums, class_id, (true, predicted_mask, known), core, tolerances)
    return sums


def _count(
    sums: BoundaryAccumulator,
    class_id: int,
    masks: tuple[Booleans, Booleans, Booleans],
    core: slice,
    tolerances: Sequence[Tolerance],
) -> None:
    true, predicted_mask, known = masks
    others = known & ~true, known & ~predicted_mask
    true_boundary, predicted_boundary = (
        mask & touches(other) for mask, other in zip((true, predicted_mask), others, strict=True)
    )
    for i, tolerance in enumerate(tolerances):
        near_predicted, near_true = _within(predicted_boundary, tolerance), _within(true_boundary, tolerance)
        true_band, predicted_band = (
            mask & ndimage.maximum_filter(other, size=tolerance.window)
            for mask, other in zip((true, predicted_mask), others, strict=True)
        )
        for total, pixels in (
            (sums.predicted, predicted_boundary), (sums.predicted_near, predicted_boundary & near_true),
            (sums.true, true_boundary), (sums.true_near, true_boundary & near_predicted),
            (sums.shared, true_band & predicted_band), (sums.joint, true_band | predicted_band),
        ):  # fmt: skip
            total[i, class_id] = np.count_nonzero(pixels[core])


def touches(mask: Booleans) -> Booleans:
    """Return where one of the four neighbours is in a mask (rows, width); beyond the frame there is nothing."""
    found = np.zeros_like(mask)
    found[1:] |= mask[:-1]
    found[:-1] |= mask[1:]
    found[:, 1:] |= mask[:, :-1]
    found[:, :-1] |= mask[:, 1:]
    return found


def _within(line: Booleans, tolerance: Tolerance) -> Booleans:
    """Return where a pixel of the line is at most the distance away, measured between centres."""
    if not line.any():
        return line
    # A distance given in whole pixels must not fail by rounding.
    distance = ndimage.distance_transform_edt(~line, sampling=tolerance.pixel)
    return np.asarray(distance <= tolerance.distance * (1 + 1e-9))
