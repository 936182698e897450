"""Palettes: which colour of an RGB label stands for which class."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import DataError

IGNORE = 255
"""The class id of pixels that are neither learnt from nor scored."""
MAX_CLASS = 199
MAX_PALETTE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours and the class ids they stand for."""

    name: str
    ids: tuple[int, ...]
    colors: tuple[tuple[int, int, int], ...]
    """Red, green, blue from 0 to 255, one for each of `ids`."""
    class_names: tuple[str, ...]
    """One for each of `ids`."""
    unknown: int | None = None
    """The class of every other colour; None: it is an error."""

    def classes_of(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
        """Turn (3, height, width) colours into (height, width) class ids; -1 where a colour is in no class."""
        codes = _codes(np.asarray(self.colors, dtype=np.uint8).T)
        order = np.argsort(codes)
        pixels = _codes(rgb)
        at = np.minimum(np.searchsorted(codes[order], pixels), len(codes) - 1)
        ids = np.asarray(self.ids, dtype=np.int16)[order][at]
        return np.where(codes[order][at] == pixels, ids, np.int16(-1 if self.unknown is None else self.unknown))


def _codes(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    red, green, blue = rgb.astype(np.uint32)
    return np.asarray(red << 16 | green << 8 | blue)


ISAID = Palette(
    "isaid",
    tuple(range(16)),
    (
        (0, 0, 0), (0, 0, 63), (0, 63, 63), (0, 63, 0), (0, 63, 127), (0, 63, 191), (0, 63, 255), (0, 127, 63),
        (0, 127, 127), (0, 0, 127), (0, 0, 191), (0, 0, 255), (0, 191, 127), (0, 127, 191), (0, 127, 255), (0, 100, 155),
    ),
    (
        "background", "ship", "storage_tank", "baseball_diamond", "tennis_court", "basketball_court",
        "ground_track_field", "bridge", "large_vehicle", "small_vehicle", "helicopter", "swimming_pool", "roundabout",
        "soccer_ball_field", "plane", "harbor",
    ),
    unknown=0,
)  # fmt: skip
ISPRS = Palette(
    "isprs",
    tuple(range(6)),
    ((255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0)),
    ("impervious_surface", "building", "low_vegetation", "tree", "car", "clutter"),
    unknown=IGNORE,  # the black rims between objects in the "no boundary" references
)
PALETTES = {p.name: p for p in (ISAID, ISPRS)}


def find_palette(name: str, *, unknown: int | None = None) -> Palette:
    """Return the palette of that name, or the one in that file.

    Args:
        name: One of `PALETTES`, or a text file with `id red green blue [alpha] [name]` in every line, as GDAL and QGIS
            write colour maps.
        unknown: The class of colours that are not in the palette; None leaves it to the palette.

    Raises:
        DataError: There is neither, or the file is no palette.
    """
    palette = PALETTES.get(name) or read_palette(Path(name))
    return palette if unknown is None else replace(palette, unknown=unknown)


def read_palette(path: Path) -> Palette:
    """Read a palette from a text file; unknown colours are errors.

    Raises:
        DataError: The file is missing, no text, or a line is no colour of a class.
    """
    try:
        if path.stat().st_size > MAX_PALETTE_BYTES:
            raise DataError(f"{path}: too large for a palette")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        known = ", ".join(PALETTES)
        raise DataError(
            f"palette {str(path)!r}: neither one of {known} nor a file that can be read ({error.strerror})"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not in UTF-8; a palette is a text with `id red green blue name` in every line"
        ) from error
    entries = list(_entries(path, lines))
    if not entries:
        raise DataError(f"{path}: holds no colours; write `id red green blue name`, one class a line")
    ids, colors, names = zip(*entries, strict=True)
    if len(set(colors)) < len(colors):
        raise DataError(f"{path}: has one colour twice")
    return Palette(path.stem, ids, colors, names)


def _entries(path: Path, lines: list[str]) -> Iterator[tuple[int, tuple[int, int, int], str]]:
    for number, line in enumerate(lines, 1):
        words = re.split(r"[\s,;]+", line.strip())
        if not words[0] or words[0].startswith(("#", "INTERPOLATION")) or (number == 1 and not words[0].isdecimal()):
            continue
        yield _entry(f"{path}, line {number}", words)


def _entry(where: str, words: list[str]) -> tuple[int, tuple[int, int, int], str]:
    try:
        class_id, red, green, blue = (int(w) for w in words[:4])
    except ValueError as error:
        raise DataError(f"{where}: must be `id red green blue`, and a name if wanted") from error
    if not all(0 <= v <= 255 for v in (red, green, blue)) or not (0 <= class_id <= MAX_CLASS or class_id == IGNORE):
        raise DataError(f"{where}: colours go from 0 to 255, class ids from 0 to {MAX_CLASS} (or {IGNORE}, ignored)")
    names = words[5:] if words[4:] and words[4].isdecimal() else words[4:]
    return class_id, (red, green, blue), " ".join(names) or f"class {class_id}"


def expand(indices: npt.NDArray[Any], table: dict[int, tuple[int, int, int, int]]) -> npt.NDArray[np.uint8]:
    """Turn (height, width) indices of a colour table into (3, height, width) colours."""
    colors = np.zeros((256, 3), dtype=np.uint8)
    for index, color in table.items():
        colors[index] = color[:3]
    return np.ascontiguousarray(np.moveaxis(colors[indices], -1, 0))
