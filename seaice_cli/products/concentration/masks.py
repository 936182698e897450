"""What the values of a mask mean for concentration: ice, open water, hidden, land, or no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seaice_cli.errors import OptionError
from seaice_cli.products.concentration.binning import ICE, LAND, NODATA, UNKNOWN, WATER, Array
from seaice_cli.raster.reading.region import LAND as LAND_VALUE
from seaice_cli.raster.reading.region import NODATA as NODATA_VALUE
from seaice_cli.vectorization.masks import Mask

UNSURE_VALUE = 253
BY_NAME = {
    ICE: ("ice", "sea ice", "thin ice", "thin ice and brash", "brash", "pond", "melt pond"),
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
    land: Sequence[int | str] = ()


def lookup_of(mask: Mask, meanings: Meanings) -> Array:
    """Return what each value from 0 to 255 of a mask is, (256,) uint8.

    Raises:
        OptionError: A class is named that the mask does not have, or its classes do not say what is ice and what is water.
    """
    lookup = np.full(256, NODATA, np.uint8)
    lookup[LAND_VALUE] = LAND
    lookup[UNSURE_VALUE] = UNKNOWN
    for value, name in mask.names.items():
        lookup[value] = next((kind for kind, names in BY_NAME.items() if name.lower() in names), NODATA)
    if not mask.names:
        lookup[[0, 1]] = WATER, ICE
    if mask.ice is not None:
        lookup[mask.ice] = ICE
    chosen = ((ICE, meanings.ice), (WATER, meanings.water), (UNKNOWN, meanings.unknown), (LAND, meanings.land))
    for kind, classes in chosen:
        for entry in classes:
            lookup[_value_of(mask, entry)] = kind
    if mask.nodata is not None and 0 <= mask.nodata <= NODATA_VALUE:
        lookup[mask.nodata] = NODATA
    lookup[NODATA_VALUE] = NODATA
    _refuse_unclear(mask, lookup)
    return lookup


def _value_of(mask: Mask, entry: int | str) -> int:
    by_name = {name.lower(): value for value, name in mask.names.items()}
    value = by_name.get(str(entry).lower())
    if value is None and str(entry).isdecimal():
        value = int(entry)
    if value is None or not 0 <= value <= NODATA_VALUE:
        known = ", ".join(f"{v} ({n})" for v, n in sorted(mask.names.items())) or "numbers only, it names none"
        raise OptionError(f"{mask.path}: no class {entry!r} in this mask; it has {known}")
    return value


def _refuse_unclear(mask: Mask, lookup: Array) -> None:
    unclear = [name for value, name in mask.names.items() if lookup[value] == NODATA and value not in (254, 255)]
    if unclear:
        raise OptionError(
            f"{mask.path}: what is class {unclear[0]!r}, ice, water or hidden? Say it with --ice, --water or --unknown"
        )
    for kind, word in ((ICE, "ice"), (WATER, "water")):
        if not (lookup == kind).any():
            raise OptionError(f"{mask.path}: none of its classes is {word}; name one with --{word}")
