"""From probabilities to classes: the likeliest class, or ice from a chosen probability on; and how sure that is.

A pixel is uncertain where its likeliest class has a probability below `SURE`. With two classes that is where the probability of ice
lies between 20 and 80 %; with more, doubt between two classes that are not ice counts as well: a scene that the network cannot read
often leaves it in doubt between cloud and water.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.raster.reading.region import NODATA, UNSURE
from seaice_cli.raster.windows.blend import to_numpy
from seaice_cli.raster.windows.grid import Chip, Grid

SURE = 0.8
"""Probability from which on a pixel's likeliest class is no matter of doubt."""
_STRIP = 32
"""Rows that are classified at once, so that what is made on the way stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Classified:
    """Full-width rows of the mask: what is finished with a grid row."""

    start: int
    """The first row."""
    classes: npt.NDArray[np.uint8]
    """(height, width): class ids, `NODATA`, `LAND` or `UNSURE`."""
    per_cent: npt.NDArray[np.uint8] | None
    """(height, width): probability of ice in per cent, `NODATA` where nothing was classified."""
    uncertain: int = 0
    """Classified pixels whose likeliest class has a probability below `SURE`."""


def classify(
    pieces: Iterable[Chip],
    grid: Grid,
    *,
    ice: int,
    threshold: float | None = None,
    abstain: float | None = None,
    with_probability: bool = False,
    first_row: int = 0,
) -> Iterator[Classified]:
    """Yield the classes of a grid row after the other, from its pieces of probabilities, (classes, height, width).

    Args:
        pieces: Finished pieces, on whatever device they lie; those without pixels hold nothing to classify.
        grid: Whose pieces they are.
        ice: The id of the ice class.
        threshold: Ice is where its probability reaches this, elsewhere the likeliest other class; None: the likeliest class.
        abstain: Where no class is as likely as this, the mask gets `UNSURE`; None: nowhere.
        with_probability: Also give the probability of ice.
        first_row: The grid row of the first piece.
    """
    stream = iter(pieces)
    choice = _Choice(ice, threshold, abstain)
    for row in range(first_row, len(grid.rows)):
        start, stop = grid.rows.finished(row)
        classes = np.empty((stop - start, grid.width), np.uint8)
        per_cent = np.empty_like(classes) if with_probability else None
        missing, uncertain = classes.size, 0
        while missing:
            piece = next(stream)
            at = _within(piece, start)
            uncertain += _classify(piece, classes[at], choice)
            if per_cent is not None:
                _measure(piece, per_cent[at], ice)
            missing -= int(piece.window.height * piece.window.width)
        ready = [Classified(start, classes, per_cent, uncertain)]
        del classes, per_cent  # whoever takes them lets them go before the next are made
        yield ready.pop()
    for _ in stream:
        raise ValueError("more pieces came than the grid has pixels")


@dataclass(frozen=True, slots=True)
class _Choice:
    """How classes are chosen."""

    ice: int
    threshold: float | None
    abstain: float | None

    def candidates(self, classes: int) -> list[int]:
        """Return the classes of which the likeliest is taken."""
        return [i for i in range(classes) if self.threshold is None or i != self.ice]


def _within(piece: Chip, start: int) -> tuple[slice, slice]:
    top, left = piece.window.row_off - start, piece.window.col_off
    return slice(top, top + piece.window.height), slice(left, left + piece.window.width)


def _classify(piece: Chip, classes: npt.NDArray[np.uint8], choice: _Choice) -> int:
    """Fill in the classes of a piece; return how many of its pixels are uncertain."""
    if piece.pixels is None:
        classes.fill(NODATA)
        uncertain = 0
    elif isinstance(piece.pixels, np.ndarray):
        uncertain = sum(
            _classify_rows(piece, slice(top, top + _STRIP), classes[top : top + _STRIP], choice)
            for top in range(0, len(classes), _STRIP)
        )
    else:
        found, doubt = _likeliest_on_device(piece.pixels, choice)
        classes[:] = to_numpy(found)
        uncertain = _counted(to_numpy(doubt), piece.excluded)
    if piece.excluded is not None:
        np.copyto(classes, piece.excluded, where=piece.excluded != 0)
    return uncertain


def _classify_rows(piece: Chip, rows: slice, classes: npt.NDArray[np.uint8], choice: _Choice) -> int:
    best = _likeliest(piece.pixels[:, rows], classes, choice)
    if choice.abstain is not None:
        np.copyto(classes, np.uint8(UNSURE), where=best < choice.abstain)
    return _counted(best < SURE, None if piece.excluded is None else piece.excluded[rows])


def _counted(doubt: npt.NDArray[np.bool_], excluded: npt.NDArray[np.uint8] | None) -> int:
    return int(np.count_nonzero(doubt if excluded is None else doubt & (excluded == 0)))


def _measure(piece: Chip, per_cent: npt.NDArray[np.uint8], ice: int) -> None:
    """Fill in the probability of ice of a piece."""
    if piece.pixels is None:
        per_cent.fill(NODATA)
    else:
        scaled = piece.pixels[ice].clip(0, 1) * 100 + 0.5
        per_cent[:] = scaled if isinstance(scaled, np.ndarray) else to_numpy(scaled.byte())
    if piece.excluded is not None:
        per_cent[piece.excluded != 0] = NODATA


def _likeliest(
    probabilities: npt.NDArray[np.float32], classes: npt.NDArray[np.uint8], choice: _Choice
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


def _likeliest_on_device(probabilities: Any, choice: _Choice) -> tuple[Any, Any]:
    """Return the classes and what is uncertain, where the probabilities lie; a running maximum is much faster than `argmax`."""
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
    return classes, best < SURE
