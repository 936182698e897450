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
from seaice_cli.evaluation.metrics.accumulators import Additive, Floats

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

    def reach(self, shape: tuple[int, int], pixel: tuple[float, float] | None) -> Reach:
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
            return Reach(self.value, pixel)
        return Reach(self.value if self.unit == "px" else math.ceil(self.value / 100 * math.hypot(*shape)), (1.0, 1.0))


def _positive(number: str) -> bool:
    try:
        return 0 < float(number) < math.inf
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Reach:
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
class BoundarySums(Additive):
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
    def empty(cls, distances: int, classes: int) -> BoundarySums:
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


def boundary_sums(
    truth: npt.NDArray[Any], predicted: npt.NDArray[Any], core: slice, *, classes: int, reaches: Sequence[Reach]
) -> BoundarySums:
    """Compare the boundaries in some rows of a scene.

    Args:
        truth: Class ids (rows, width); values from `classes` on are unknown.
        predicted: Of the same shape.
        core: The rows that are counted; the others, `Reach.rows` on either side where the scene has them, are context.
        classes: How many classes there are.
        reaches: The distances.
    """
    sums = BoundarySums.empty(len(reaches), classes)
    known = (truth < classes) & (predicted < classes)
    for class_id in range(classes):
        true, claimed = known & (truth == class_id), known & (predicted == class_id)
        if true.any() or claimed.any():
            _count(sums, class_id, (true, claimed, known), core, reaches)
    return sums


def _count(
    sums: BoundarySums, class_id: int, masks: tuple[Booleans, Booleans, Booleans], core: slice, reaches: Sequence[Reach]
) -> None:
    true, claimed, known = masks
    others = known & ~true, known & ~claimed
    true_line, claimed_line = (mask & beside(other) for mask, other in zip((true, claimed), others, strict=True))
    for i, reach in enumerate(reaches):
        near_claimed, near_true = _within(claimed_line, reach), _within(true_line, reach)
        true_band, claimed_band = (
            mask & ndimage.maximum_filter(other, size=reach.window)
            for mask, other in zip((true, claimed), others, strict=True)
        )
        for total, pixels in (
            (sums.predicted, claimed_line), (sums.predicted_near, claimed_line & near_true),
            (sums.true, true_line), (sums.true_near, true_line & near_claimed),
            (sums.shared, true_band & claimed_band), (sums.joint, true_band | claimed_band),
        ):  # fmt: skip
            total[i, class_id] = np.count_nonzero(pixels[core])


def beside(mask: Booleans) -> Booleans:
    """Return where one of the four neighbours is in a mask (rows, width); beyond the frame there is nothing."""
    found = np.zeros_like(mask)
    found[1:] |= mask[:-1]
    found[:-1] |= mask[1:]
    found[:, 1:] |= mask[:, :-1]
    found[:, :-1] |= mask[:, 1:]
    return found


def _within(line: Booleans, reach: Reach) -> Booleans:
    """Return where a pixel of the line is at most the distance away, measured between centres."""
    if not line.any():
        return line
    # A distance given in whole pixels must not fail by rounding.
    distance = ndimage.distance_transform_edt(~line, sampling=reach.pixel)
    return np.asarray(distance <= reach.distance * (1 + 1e-9))
