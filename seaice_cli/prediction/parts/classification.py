"""From probabilities to classes, a grid row after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seaice_cli.prediction.parts.rows import Choice, Rows
from seaice_cli.raster.windows.grid import Chip, Grid


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
    rows: range | None = None,
) -> Iterator[Classified]:
    """Yield the classes of a grid row after the other, from its pieces of probabilities, (classes, height, width).

    Args:
        pieces: Finished pieces, on whatever device they lie; those without pixels hold nothing to classify.
        grid: Whose pieces they are.
        ice: The id of the ice class.
        threshold: Ice is where its probability reaches this, elsewhere the likeliest other class; None: the likeliest class.
        abstain: Where no class is as likely as this, the mask gets `UNSURE`; None: nowhere.
        with_probability: Also give the probability of ice.
        rows: The grid rows that the pieces come from; None: all.
    """
    stream = iter(pieces)
    choice = Choice(ice, threshold, abstain)
    for row in rows or range(len(grid.rows)):
        start, stop = grid.rows.finished(row)
        finished = Rows((stop - start, grid.width), choice, with_probability=with_probability)
        missing = (stop - start) * grid.width
        while missing:
            piece = next(stream)
            finished.put(piece, _within(piece, start))
            missing -= int(piece.window.height * piece.window.width)
        ready = [Classified(start, *finished.take())]
        del finished  # whoever takes them lets them go before the next are made
        yield ready.pop()
    for _ in stream:
        raise ValueError("more pieces came than the grid has pixels")


def _within(piece: Chip, start: int) -> tuple[slice, slice]:
    top, left = piece.window.row_off - start, piece.window.col_off
    return slice(top, top + piece.window.height), slice(left, left + piece.window.width)
