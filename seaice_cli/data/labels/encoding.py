"""What the values, colours and attributes of label files stand for, as a user states it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from seaice_cli.data.labels.palettes import IGNORE, MAX_CLASS, Palette
from seaice_cli.errors import DataError

MAX_VALUE = 65535
"""Label values from 0 to this are looked up; others are no classes."""


@dataclass(frozen=True, slots=True)
class ValueMap:
    """Which value of a label, or of an attribute of a polygon, stands for which class."""

    ids: Mapping[str, int]
    """Class ids by value; values are texts, so that "2", "ice" and "100" are all possible."""
    other: int | None = None
    """The class of every other value; None: it is an error."""

    @property
    def is_of_texts(self) -> bool:
        """Whether it names texts alone: a number is then the id of its class, in polygons and in rasters beside them."""
        return bool(self.ids) and not any(value.isdecimal() for value in self.ids)

    def with_names(self, names: Sequence[str]) -> ValueMap:
        """Return the map in which texts that it does not name may also be the names of classes."""
        return replace(self, ids={n: i for i, n in enumerate(names)} | dict(self.ids)) if self.is_of_texts else self


BINARY = ValueMap({"0": 0}, other=1)
"""Zero is background, anything else is ice: the 0/255 masks."""


def of_names(names: Sequence[str]) -> ValueMap:
    """Return the map by which an attribute names a class by its id or by its name."""
    return ValueMap({str(i): i for i in range(len(names))} | {name: i for i, name in enumerate(names)})


def show_value(value: object) -> str:
    """Return the value of an attribute as it stands in its file; vector libraries read whole numbers beside empty ones as floats."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return "empty (NULL)"
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    return repr(str(value)[:80])


NAIC = ValueMap({str(100 * (c + 1)): c for c in range(8)} | {"255": IGNORE})
"""100 to 800 stand for 0 to 7."""
VALUE_MAPS = {"binary": BINARY, "naic": NAIC}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelEncoding:
    """How label files become class ids from 0, with 255 where a pixel is to be ignored."""

    classes: int | None = None
    """Ids must be below this; None: below 200."""
    values: ValueMap | None = None
    """None: a value is the id of its class, 255 is ignored."""
    palette: Palette | None = None
    """For labels in colour; takes the place of `values`."""
    attribute: str | None = None
    """The field of a vector label that names the class; None: every polygon is class 1."""
    layer: str | None = None
    """The layer of a vector label; None: the only one."""
    background: int = 0
    """The class where no polygon lies."""

    @property
    def limit(self) -> int:
        """Ids lie below this."""
        return MAX_CLASS + 1 if self.classes is None else self.classes

    def class_of(self, value: object) -> int | None:
        """Return the class that an attribute's value stands for; None if it stands for none."""
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
        own_id = int(text) if text.isdecimal() and len(text) < 9 else None
        if self.values is None or (self.values.is_of_texts and own_id is not None):
            class_id = own_id
        else:
            class_id = self.values.ids.get(text, self.values.other)
        return class_id if class_id is not None and (class_id < self.limit or class_id == IGNORE) else None

    def names(self, value: float) -> bool:
        """Tell whether a value of a label is said to stand for a class, so that it does even where a file declares it as nodata."""
        if self.palette is not None:
            return (value, value, value) in self.palette.colors
        return self.values is not None and f"{value:.0f}" in self.values.ids and float(value).is_integer()

    def table(self) -> npt.NDArray[np.int16]:
        """Return the class id of every value from 0 to `MAX_VALUE`, -1 where a value is no class."""
        if self.values is None or self.values.is_of_texts:
            table = np.full(MAX_VALUE + 1, -1, dtype=np.int16)
            table[: self.limit] = np.arange(self.limit)
            table[IGNORE] = IGNORE
            return table
        table = np.full(MAX_VALUE + 1, -1 if self.values.other is None else self.values.other, dtype=np.int16)
        for value, class_id in self.values.ids.items():
            if value.isdecimal() and int(value) <= MAX_VALUE:
                table[int(value)] = class_id
        table[(table >= self.limit) & (table != IGNORE)] = -1
        return table

    def describe(self) -> str:
        """Return the values that are classes, for messages."""
        if self.palette:
            return f"the colours of palette {self.palette.name}"
        if self.values:
            return ", ".join(list(self.values.ids)[:20])
        return f"0 to {self.limit - 1}, and {IGNORE} for ignore"


def parse_values(text: str) -> ValueMap:
    """Read a value map: `binary`, `naic`, or pairs such as `0:0,255:1`, `water:0,ice:1,land:ignore,*:0`.

    Raises:
        DataError: The text is no such map.
    """
    if text in VALUE_MAPS:
        return VALUE_MAPS[text]
    pairs = [pair.rpartition(":") for pair in text.split(",")]
    if not all(colon and value.strip() for value, colon, _ in pairs):
        raise DataError(f"value map {text!r}: must be {', '.join(VALUE_MAPS)} or pairs such as 0:0,255:1")
    ids = {value.strip(): _class_id(text, name.strip()) for value, _, name in pairs}
    if len(ids) < len(pairs):
        raise DataError(f"value map {text!r}: names a value twice")
    return ValueMap({v: c for v, c in ids.items() if v != "*"}, other=ids.get("*"))


def _class_id(text: str, name: str) -> int:
    if name == "ignore":
        return IGNORE
    if not name.isdecimal() or not (int(name) <= MAX_CLASS or int(name) == IGNORE):
        raise DataError(f"value map {text!r}: {name!r} is no class; ids go from 0 to {MAX_CLASS}, or `ignore`")
    return int(name)
