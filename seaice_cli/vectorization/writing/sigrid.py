"""SIGRID-3 (JCOMM TR-23): the codes of ice charts, as far as a mask can know them.

A mask tells ice from water, not how thick, old or large floes are: stage and form stay unset. A polygon of ice is ice at
the resolution of the mask all over, ten tenths; a polygon of water is open water, less than one tenth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seaice_cli.errors import OptionError

UNSET = "-9"
_ORDER = ("CT", "CA", "SA", "FA", "CB", "SB", "FB", "CC", "SC", "FC", "CN", "CD", "CF")
_WORDS = {
    "ice": ("I", "92"), "sea_ice": ("I", "92"), "sea ice": ("I", "92"), "melt pond": ("I", "92"),
    "melt_pond": ("I", "92"), "water": ("W", "01"), "open water": ("W", "01"), "ocean": ("W", "01"),
    "sea": ("W", "01"), "land": ("L", UNSET), "cloud": ("N", UNSET), "nodata": ("N", UNSET), "unknown": ("N", UNSET),
}  # fmt: skip


def chart_schema(geometry: str) -> pa.Schema:
    """Return the fields in the standard's order, geometry last."""
    fields = [("AREA", pa.float64()), ("PERIMETER", pa.float64()), *((n, pa.string()) for n in (*_ORDER, "POLY_TYPE"))]
    return pa.schema([*fields, (geometry, pa.binary())])


def chart_codes(name: str) -> tuple[str, str]:
    """Return POLY_TYPE and CT of a class.

    Raises:
        OptionError: The class has no counterpart in a chart.
    """
    codes = _WORDS.get(name.lower())
    if codes is None:
        raise OptionError(
            f"class {name!r} has no SIGRID-3 code; choose with `classes` among ice, water, land and cloud, "
            "and name the mask's classes by CLASS_<value> tags"
        )
    return codes


def chart_columns(names: list[str], area: npt.NDArray[Any], perimeter: npt.NDArray[Any]) -> dict[str, Any]:
    """Return the fields of a batch.

    Args:
        names: Class of every polygon.
        area: Square metres.
        perimeter: Metres.
    """
    codes = {name: chart_codes(name) for name in set(names)}
    columns: dict[str, Any] = {name: np.full(len(names), UNSET) for name in _ORDER}
    return columns | {
        "AREA": area, "PERIMETER": perimeter, "POLY_TYPE": [codes[n][0] for n in names], "CT": [codes[n][1] for n in names],
    }  # fmt: skip
