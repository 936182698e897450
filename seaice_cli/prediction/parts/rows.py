"""Rows of the mask that pieces are classified into: the likeliest class, or ice from a chosen probability on; and how sure that is.

A pixel is uncertain where its likeliest class has a probability below `SURE`. With two classes that is where the probability of ice
lies between 20 and 80 %; with more, doubt between two classes that are not ice counts as well: a scene that the network cannot read
often leaves it in doubt between cloud and water.

Pieces on a device are classified there, into rows that lie there, too. Nobody waits for the device but who takes the rows: so it is
given the work of a whole grid row ahead, and only classes (and per cent) come back, at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.raster.reading.region import NODATA, UNSURE
from seaice_cli.raster.windows.blend import to_numpy
from seaice_cli.raster.windows.grid import Chip

SURE = 0.8
"""Probability from which on a pixel's likeliest class is no matter of doubt."""
_STRIP = 32
"""Rows that are classified at once, so that what is made on the way stays in the processor's cache."""
At = tuple[slice, slice]
"""Rows and columns of a piece."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How classes are chosen."""

    ice: int
    threshold: float | None = None
    """Ice is where its probability reaches this, elsewhere the likeliest other class; None: the likeliest class."""
    abstain: float | None = None
    """Where no class is as likely as this, the mask gets `UNSURE`; None: nowhere."""

    def candidates(self, classes: int) -> list[int]:
        """Return the classes of which the likeliest is taken."""
        return [i for i in range(classes) if self.threshold is None or i != self.ice]


class Rows:
    """Full-width rows of a mask, filled piece by piece.

    Args:
        shape: (height, width)
        choice: How classes are chosen.
        with_probability: Also keep the probability of ice.
    """

    def __init__(self, shape: tuple[int, int], choice: Choice, *, with_probability: bool) -> None:
        self._choice = choice
        self._classes = np.empty(shape, np.uint8)
        self._per_cent = np.empty(shape, np.uint8) if with_probability else None
        self._uncertain = 0
        self._device: _DeviceRows | None = None
        self._excluded: list[tuple[At, npt.NDArray[np.uint8]]] = []

    def put(self, piece: Chip, at: At) -> None:
        """Classify a piece into its place; without pixels it holds nothing to classify."""
        if piece.excluded is not None:
            self._excluded.append((at, piece.excluded))
        if piece.pixels is None:
            self._fill(at)
        elif isinstance(piece.pixels, np.ndarray):
            self._classify(piece, at)
        else:
            if self._device is None:
                self._device = _DeviceRows(
                    self._classes.shape, piece.pixels, with_probability=self._per_cent is not None
                )
            self._device.put(piece, at, self._choice)

    def take(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None, int]:
        """Return classes, per cent of ice (None: not wanted) and the number of uncertain pixels, when all pieces have come."""
        if self._device is not None:
            self._device.copy_to(self._classes, self._per_cent)
            self._uncertain += self._device.uncertain
        for at, excluded in self._excluded:
            np.copyto(self._classes[at], excluded, where=excluded != 0)
            if self._per_cent is not None:
                np.copyto(self._per_cent[at], np.uint8(NODATA), where=excluded != 0)
        return self._classes, self._per_cent, self._uncertain

    def _fill(self, at: At) -> None:
        self._classes[at] = NODATA
        if self._per_cent is not None:
            self._per_cent[at] = NODATA

    def _classify(self, piece: Chip, at: At) -> None:
        classes = self._classes[at]
        for top in range(0, len(classes), _STRIP):
            rows = slice(top, top + _STRIP)
            best = _likeliest(piece.pixels[:, rows], classes[rows], self._choice)
            if self._choice.abstain is not None:
                np.copyto(classes[rows], np.uint8(UNSURE), where=best < self._choice.abstain)
            doubt = best < SURE
            seen = doubt if piece.excluded is None else doubt & (piece.excluded[rows] == 0)
            self._uncertain += int(np.count_nonzero(seen))
        if self._per_cent is not None:
            self._per_cent[at] = piece.pixels[self._choice.ice].clip(0, 1) * 100 + 0.5


class _DeviceRows:
    """Rows where an engine's tensors lie."""

    def __init__(self, shape: tuple[int, int], like: Any, *, with_probability: bool) -> None:
        byte = like[0, :1, :1].byte().dtype
        self._classes = like.new_empty(shape, dtype=byte)
        self._per_cent = like.new_empty(shape, dtype=byte) if with_probability else None
        self._uncertain = like.new_zeros((), dtype=like[0, :1, :1].long().dtype)
        self._filled: list[At] = []

    def put(self, piece: Chip, at: At, choice: Choice) -> None:
        classes, best = _likeliest_on_device(piece.pixels, choice)
        doubt = best < SURE
        if piece.excluded is not None:
            doubt = doubt & (best.new_tensor(piece.excluded) == 0)
        self._classes[at] = classes
        self._uncertain += doubt.sum()
        if self._per_cent is not None:
            self._per_cent[at] = (piece.pixels[choice.ice].clip(0, 1) * 100 + 0.5).byte()
        self._filled.append(at)

    def copy_to(self, classes: npt.NDArray[np.uint8], per_cent: npt.NDArray[np.uint8] | None) -> None:
        """Wait for the device, and copy what was put."""
        for rows, target in ((self._classes, classes), (self._per_cent, per_cent)):
            if rows is not None and target is not None:
                known = to_numpy(rows)
                for at in self._filled:
                    target[at] = known[at]

    @property
    def uncertain(self) -> int:
        return int(self._uncertain)


def _likeliest(
    probabilities: npt.NDArray[np.float32], classes: npt.NDArray[np.uint8], choice: Choice
) -> npt.NDArray[np.float32]:
    """Fill in the ids of the likeliest classes, the lowest id wins a tie; return the largest probabilities."""
    first, *others = choice.candidates(len(probabilities))
    classes.fill(first)
    best: npt.NDArray[np.float32] = probabilities[first]
    for index in others:
        better = probabilities[index] > best
        # The ids rise, so the larger one is the later one: faster than to put it where it is better.
        np.maximum(classes, better.view(np.uint8) * np.uint8(index), out=classes)
        best = np.maximum(best, probabilities[index])
    if choice.threshold is not None:
        np.copyto(classes, np.uint8(choice.ice), where=probabilities[choice.ice] >= choice.threshold)
        best = np.maximum(best, probabilities[choice.ice])
    return best


def _likeliest_on_device(probabilities: Any, choice: Choice) -> tuple[Any, Any]:
    """Return the same where the probabilities lie, `UNSURE` included; a running maximum is much faster than `argmax`."""
    first, *others = choice.candidates(len(probabilities))
    best = probabilities[first]
    classes = (best < -1).byte() + first  # a byte for every pixel, where they lie
    for index in others:
        classes.masked_fill_(probabilities[index] > best, index)
        best = best.clip(min=probabilities[index])
    if choice.threshold is not None:
        classes.masked_fill_(probabilities[choice.ice] >= choice.threshold, choice.ice)
        best = best.clip(min=probabilities[choice.ice])
    if choice.abstain is not None:
        classes.masked_fill_(best < choice.abstain, UNSURE)
    return classes, best
