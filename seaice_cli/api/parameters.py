"""The parameters that functions of the library take by name: their types, and what is said of a wrong one."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, TypedDict, TypeVar

from seaice_cli.choices import EngineName, MaskFormat, OnBadBlock, Precision, TestTimeAugmentation

StrPath = str | os.PathLike[str]
Options = TypeVar("Options")


class PredictParameters(TypedDict, total=False):
    """The fields of `PredictOptions` but its model, as keyword arguments."""

    sensor: str
    bands: Sequence[int | str] | None
    nodata: float | Literal["none"] | None
    on_bad_block: OnBadBlock
    rescale: tuple[float, float] | Literal["auto"] | None
    any_resolution: bool
    tile: int | None
    overlap: int | None
    engine: EngineName
    device: str
    precision: Precision
    batch_size: int | None
    threads: int | None
    threshold: float | None
    abstain: float | None
    tta: TestTimeAugmentation
    bbox: tuple[float, float, float, float] | None
    aoi: StrPath | None
    land: StrPath | None
    format: MaskFormat
    probability: StrPath | None
    vector: StrPath | None
    split_floes: bool
    floe_window: int
    preview: StrPath | None
    stac: bool
    overwrite: bool


class VectorParameters(TypedDict, total=False):
    """The fields of `VectorOptions`, as keyword arguments."""

    classes: Sequence[int | str] | None
    connectivity: Literal[4, 8]
    min_area: float
    min_pixels: int
    fill_holes: float
    simplify: float
    smooth: bool
    threshold: float | None
    split_floes: bool
    floe_window: int
    landscape_bands: Sequence[int] | None
    attributes: Literal["basic", "floe", "none"]
    t_srs: str | None
    sigrid3: bool
    layer: str | None
    band: int | None
    blank: bool
    overwrite: bool
    strip_rows: int | None


def build_options(kind: type[Options], given: Mapping[str, Any], function: str) -> Options:
    """Return a record of options, made from keyword arguments.

    Raises:
        TypeError: There is no option of a name; the text names the nearest.
    """
    refuse_unknown(given, [f.name for f in fields(kind)], function)  # type: ignore[arg-type]
    return kind(**given)


def refuse_unknown(given: Iterable[str], known: Sequence[str], function: str) -> None:
    """Refuse names that a function does not take.

    Raises:
        TypeError: There is one; the text names the nearest, or all.
    """
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise TypeError(f"{function}() has no parameter {name!r}; {hint}")
