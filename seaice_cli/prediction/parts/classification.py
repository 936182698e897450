"""From probabilities to classes: the likeliest class, or ice from a chosen probability on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.raster.reading.region import NODATA
from seaice_cli.raster.windows.blend import to_numpy
from seaice_cli.raster.windows.grid import Chip


@dataclass(frozen=True, slots=True)
class Classified:
    """A piece of the mask."""

    window: Window
    classes: npt.NDArray[np.uint8]
    """(height, width): class ids, `NODATA` or `LAND`."""
    per_cent: npt.NDArray[np.uint8] | None
    """(height, width): probability of ice in per cent, `NODATA` where nothing was classified."""


def classify(
    pieces: Iterable[Chip], *, ice: int, threshold: float | None = None, with_probability: bool = False
) -> Iterator[Classified]:
    """Yield classes for pieces of probabilities, (classes, height, width), on whatever device they lie.

    Args:
        pieces: Finished pieces; those without pixels hold nothing to classify.
        ice: The id of the ice class.
        threshold: Ice is where its probability reaches this, elsewhere the likeliest other class; None: the likeliest class.
        with_probability: Also give the probability of ice.
    """
    for piece in pieces:
        shape = (int(piece.window.height), int(piece.window.width))
        if piece.pixels is None:
            classes = np.full(shape, NODATA, np.uint8)
            per_cent = classes.copy() if with_probability else None
        else:
            classes = to_numpy(_likeliest(piece.pixels, ice, threshold))
            per_cent = to_numpy(_per_cent(piece.pixels[ice])) if with_probability else None
        if piece.excluded is not None:
            np.copyto(classes, piece.excluded, where=piece.excluded != 0)
            if per_cent is not None:
                per_cent[piece.excluded != 0] = NODATA
        yield Classified(piece.window, classes, per_cent)


def _likeliest(probabilities: Any, ice: int, threshold: float | None) -> Any:
    """Return the ids of the likeliest classes; the lowest id wins a tie.

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
    return classes


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
