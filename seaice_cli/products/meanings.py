"""What the values of a mask mean: ice, open water, hidden, land, or no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import OptionError
from seaice_cli.raster.reading.region import LAND as LAND_VALUE
from seaice_cli.raster.reading.region import NODATA as NODATA_VALUE
from seaice_cli.raster.reading.region import UNSURE as UNSURE_VALUE
from seaice_cli.vectorization.masks import Mask

Kinds = npt.NDArray[np.uint8]

NODATA, ICE, WATER, UNKNOWN, LAND = range(5)
"""What a pixel can be; `UNKNOWN` is what hides the sea or leaves it unsure: cloud, shadow."""
KINDS = 5
VALUES = 256
BY_NAME = {
    ICE: ("ice", "sea ice", "thin ice", "thin ice and brash", "brash", "pond", "melt pond", "floe"),
    WATER: ("water", "open water", "ocean", "sea", "lead"),
    UNKNOWN: ("cloud", "unsure", "shadow", "cloud shadow", "unknown"),
    LAND: ("land",),
}
"""What classes of these names are; melt ponds count as sea ice, as CF has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanings:
    """Classes by name or value that override what their names say."""

    ice: Sequence[int | str] = ()
    water: Sequence[int | str] = ()
    unknown: Sequence[int | str] = ()


def lookup_of(mask: Mask, meanings: Meanings) -> Kinds:
    """Return what each value from 0 to 255 of a mask is, and in the end what all others are, (257,).

    Raises:
        OptionError: A class is named that the mask does not have, or its classes do not say what is ice and what is water.
    """
    lookup = np.full(VALUES + 1, NODATA, np.uint8)
    lookup[LAND_VALUE] = LAND
    lookup[UNSURE_VALUE] = UNKNOWN
    for value, name in mask.names.items():
        if value < VALUES:
            lookup[value] = next((kind for kind, names in BY_NAME.items() if name.lower() in names), NODATA)
    if not mask.names and not (meanings.ice or meanings.water):
        lookup[[0, 1]] = WATER, ICE
    if mask.ice is not None and mask.ice < VALUES:
        lookup[mask.ice] = ICE
    for kind, classes in ((ICE, meanings.ice), (WATER, meanings.water), (UNKNOWN, meanings.unknown)):
        for entry in classes:
            lookup[_value_of(mask, entry)] = kind
    if mask.nodata is not None and 0 <= mask.nodata < VALUES:
        lookup[mask.nodata] = NODATA
    _refuse_unclear(mask, lookup)
    return lookup


def kinds_of(pixels: npt.NDArray[Any], lookup: Kinds) -> Kinds:
    """Return what pixels of any whole numbers are."""
    if pixels.dtype != np.uint8:
        inside = (pixels >= 0) & (pixels < VALUES)
        pixels = np.where(inside, pixels, VALUES).astype(np.uint16)
    kinds: Kinds = lookup[pixels]
    return kinds


def _value_of(mask: Mask, entry: int | str) -> int:
    by_name = {name.lower(): value for value, name in mask.names.items()}
    value = by_name.get(str(entry).lower())
    if value is None and str(entry).isdecimal():
        value = int(entry)
    if value is None or not 0 <= value < VALUES:
        known = ", ".join(f"{v} ({n})" for v, n in sorted(mask.names.items())) or "numbers only, it names none"
        raise OptionError(f"{mask.path}: no class {entry!r} in this mask; it has {known}")
    if value == mask.nodata:
        raise OptionError(f"{mask.path}: {value} is the mask's nodata, so it is no class")
    return value


def _refuse_unclear(mask: Mask, lookup: Kinds) -> None:
    unclear = [
        name for value, name in mask.names.items()
        if value < VALUES and lookup[value] == NODATA and value not in (LAND_VALUE, NODATA_VALUE, mask.nodata)
    ]  # fmt: skip
    if unclear:
        raise OptionError(
            f"{mask.path}: what is class {unclear[0]!r}, ice, water or hidden? Say it with `ice`, `water` or `unknown`"
        )
    for kind, word in ((ICE, "ice"), (WATER, "water")):
        if not (lookup == kind).any():
            raise OptionError(f"{mask.path}: none of its classes is {word}; name one with `{word}`")
