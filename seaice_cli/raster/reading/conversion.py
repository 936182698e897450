"""From the values of a scene to those that a model reads: the same function for every pixel, whatever window it lies in.

    value -> value * scale + offset -> curve, if there is one -> the model's type

Whole numbers of up to 16 bits are looked up in a table that is worked out once, so the stage costs one look per pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Points = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How values become a model's."""

    source: np.dtype[Any]
    """The type of the scene's values."""
    target: np.dtype[Any]
    """The type that the model reads."""
    scale: tuple[float, ...]
    """Per band."""
    offset: tuple[float, ...]
    """Per band."""
    curve: Points | None = None
    """What goes in and what comes out, rising; straight lines in between, and the ends beyond."""
    fill: float = 0.0
    """What NaN becomes where the target is of whole numbers."""

    def __call__(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return converted pixels, (bands, height, width), in an array of their own."""
        converted = np.empty(pixels.shape, self.target)
        for index, band in enumerate(pixels):
            if self._tables is not None:
                self._tables[index].take(band.view(_unsigned(band.dtype)), out=converted[index], mode="clip")
            else:
                converted[index] = self._typed(self.exact(band, index))
        return converted

    def exact(self, values: npt.NDArray[Any], band: int) -> npt.NDArray[np.float32]:
        """Return the values of one band in the model's units, before they are rounded to its type."""
        with np.errstate(invalid="ignore", over="ignore"):
            straight = values.astype(np.float64) * self.scale[band] + self.offset[band]
            if self.curve is not None:
                straight = np.where(np.isnan(straight), np.nan, np.interp(straight, *self.curve))
            return straight.astype(np.float32)

    def scaled(self, values: npt.NDArray[Any], band: int) -> npt.NDArray[np.float64]:
        """Return the values of one band after scale and offset, before the curve."""
        return np.asarray(values.astype(np.float64) * self.scale[band] + self.offset[band])

    def _typed(self, values: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        if self.target.kind == "f":
            return values.astype(self.target)
        limits = np.iinfo(self.target)
        whole = np.clip(np.nan_to_num(np.rint(values), nan=self.fill), limits.min, limits.max)
        return np.asarray(whole.astype(self.target))

    @cached_property
    def _tables(self) -> list[npt.NDArray[Any]] | None:
        """The model's value for every value that a pixel can have, per band, in the order of their bits."""
        if self.source.kind not in "iu" or self.source.itemsize > 2:
            return None
        unsigned = _unsigned(self.source)
        every = np.arange(np.iinfo(unsigned).max + 1, dtype=unsigned).view(self.source)
        return [self._typed(self.exact(every, band)) for band in range(len(self.scale))]


def _unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"u{dtype.itemsize}")
