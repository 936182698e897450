"""What is measured is kept as sums, so that scenes can be pooled and resampled before a score is taken of them.

A measurement is a frozen dataclass of numbers and arrays, or of further such dataclasses, in which every number is a
sum over pixels, cells, points or objects. Adding two of them pools their scenes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
T = TypeVar("T")


class Accumulator:
    """Base of dataclasses of sums that are added field by field."""

    __slots__ = ()

    def __add__(self: T, other: T) -> T:
        return rebuild(self, flatten(self) + flatten(other))


def flatten(sums: Any) -> Floats:
    """Return all numbers of a measurement as one vector."""
    return np.concatenate([np.asarray(leaf, dtype=np.float64).ravel() for leaf in _leaves(sums)])


def rebuild(like: T, vector: Floats) -> T:
    """Return a measurement of the form of `like` that holds the numbers of `vector`."""
    ends = np.cumsum([np.size(leaf) for leaf in _leaves(like)])
    sums: T = _rebuilt(like, iter(np.split(vector, ends[:-1])))
    return sums


def _leaves(value: Any) -> Iterator[Any]:
    if dataclasses.is_dataclass(value):
        for f in dataclasses.fields(value):
            yield from _leaves(getattr(value, f.name))
    elif isinstance(value, tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _rebuilt(like: Any, parts: Iterator[Floats]) -> Any:
    if dataclasses.is_dataclass(like) and not isinstance(like, type):
        changes = {f.name: _rebuilt(getattr(like, f.name), parts) for f in dataclasses.fields(like)}
        return dataclasses.replace(like, **changes)
    if isinstance(like, tuple):
        return tuple(_rebuilt(part, parts) for part in like)
    part = next(parts)
    return part.reshape(like.shape) if isinstance(like, np.ndarray) else float(part[0])
