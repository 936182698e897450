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
from rasterio.windows import Window

from seaice_cli.raster.reading.region import NODATA, UNSURE
from seaice_cli.raster.windows.blend import to_numpy
from seaice_cli.raster.windows.grid import Chip

SURE = 0.8
"""Probability from which on a pixel's likeliest class is no matter of doubt."""


@dataclass(frozen=True, slots=True)
class Classified:
    """A piece of the mask."""

    window: Window
    classes: npt.NDArray[np.uint8]
    """(height, width): class ids, `NODATA`, `LAND` or `UNSURE`."""
    per_cent: npt.NDArray[np.uint8] | None
    """(height, width): probability of ice in per cent, `NODATA` where nothing was classified."""
    uncertain: int = 0
    """Classified pixels whose likeliest class has a probability below `SURE`."""


def classify(
    pieces: Iterable[Chip],
    *,
    ice: int,
    threshold: float | None = None,
    abstain: float | None = None,
    with_probability: bool = False,
) -> Iterator[Classified]:
    """Yield classes for pieces of probabilities, (classes, height, width), on whatever device they lie.

    Args:
        pieces: Finished pieces; those without pixels hold nothing to classify.
        ice: The id of the ice class.
        threshold: Ice is where its probability reaches this, elsewhere the likeliest other class; None: the likeliest class.
        abstain: Where no class is as likely as this, the mask gets `UNSURE`; None: nowhere.
        with_probability: Also give the probability of ice.
    """
    for piece in pieces:
        if piece.pixels is None:
            blank = np.full((int(piece.window.height), int(piece.window.width)), NODATA, np.uint8)
            classes, per_cent, doubt = blank, blank.copy() if with_probability else None, None
        else:
            likeliest, best = _likeliest(piece.pixels, ice, threshold)
            if abstain is not None:
                _put(likeliest, UNSURE, best < abstain)
            classes, doubt = to_numpy(likeliest), to_numpy(best < SURE)
            per_cent = to_numpy(_per_cent(piece.pixels[ice])) if with_probability else None
        if piece.excluded is not None:
            np.copyto(classes, piece.excluded, where=piece.excluded != 0)
            if per_cent is not None:
                per_cent[piece.excluded != 0] = NODATA
            doubt = None if doubt is None else doubt & (piece.excluded == 0)
        yield Classified(piece.window, classes, per_cent, 0 if doubt is None else int(np.count_nonzero(doubt)))


def _likeliest(probabilities: Any, ice: int, threshold: float | None) -> tuple[Any, Any]:
    """Return the ids of the likeliest classes, and the largest probability; the lowest id wins a tie.

    A running maximum: `argmax` over the leading axis takes a hundred times longer on a torch CPU tensor.
    """
    candidates = [i for i in range(len(probabilities)) if threshold is None or i != ice]
    classes = _blank(probabilities[0], candidates[0])
    best = probabilities[candidates[0]]
    for index in candidates[1:]:
        _put(classes, index, probabilities[index] > best)
        best = best.clip(min=probabilities[index])
    if threshold is not None:
        _put(classes, ice, probabilities[ice] >= threshold)
        best = best.clip(min=probabilities[ice])
    return classes, best


def _blank(like: Any, value: int) -> Any:
    if isinstance(like, np.ndarray):
        return np.full(like.shape, value, np.uint8)
    return like.new_full(like.shape, value, dtype=like.to("cpu")[:0].byte().dtype)


def _put(classes: Any, value: int, where: Any) -> None:
    if isinstance(classes, np.ndarray):
        np.copyto(classes, np.uint8(value), where=where)
    else:
        classes.masked_fill_(where, value)


def _per_cent(probability: Any) -> Any:
    scaled = probability.clip(0, 1) * 100 + 0.5
    return scaled.astype(np.uint8) if isinstance(scaled, np.ndarray) else scaled.byte()
