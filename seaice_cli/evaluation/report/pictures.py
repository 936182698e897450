"""Scenes as small pictures: what was seen, what is true, what was said, and where both differ."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from seaice_cli.errors import SeaIceError
from seaice_cli.evaluation.criteria import Criteria, Pair
from seaice_cli.evaluation.masks import MaskReader, open_raster
from seaice_cli.evaluation.scan import STRIP_PIXELS, open_reference
from seaice_cli.evaluation.vector_references import FeatureReader
from seaice_cli.raster.reading.scene import Scene

SIDE = 360
"""Pictures are at most so many pixels wide and high."""
Color = tuple[int, int, int]
Pixels = npt.NDArray[np.uint8]
"""(height, width, 3) red, green, blue."""
BY_NAME: Mapping[str, Color] = {
    "water": (22, 66, 120), "ocean": (22, 66, 120), "ice": (226, 240, 248), "cloud": (170, 150, 190), "pond": (70, 170, 190),
    "melt pond": (70, 170, 190), "land": (139, 125, 107),
}  # fmt: skip
SPARE: tuple[Color, ...] = ((230, 159, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66), (86, 180, 233), (213, 94, 0))
UNKNOWN: Color = (58, 58, 62)
ERRORS: Mapping[str, Color] = {
    "right": (205, 209, 214), "ice missed": (230, 97, 1), "ice invented": (178, 24, 120), "other": (245, 195, 60),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    png: bytes


def panels(pair: Pair, criteria: Criteria) -> list[Panel]:
    """Return the pictures of a scene: the image if it is known, truth, prediction, errors.

    Raises:
        DataError: A file cannot be read.
    """
    with (
        MaskReader(pair.predicted, legend=criteria.predicted_legend) as mask,
        open_reference(pair.reference, criteria, mask.grid) as reference,
    ):
        step = max(1, -(-max(mask.grid.shape) // SIDE))
        truth, predicted = (_thinned(reader, mask.grid.shape, step) for reader in (reference, mask))
    colors = np.array(class_colors(pair, criteria), np.uint8)
    found = [
        Panel("reference", _png(_painted(truth, colors))),
        Panel("prediction", _png(_painted(predicted, colors))),
        Panel("errors", _png(error_map(truth, predicted, criteria))),
    ]
    image = _image(pair, truth.shape)
    return found if image is None else [Panel("image", _png(image)), *found]


def class_colors(pair: Pair, criteria: Criteria) -> list[Color]:
    """Return a colour for every class: those of the mask's colour table, else some that the name suggests."""
    with open_raster(pair.predicted) as dataset:
        table = dataset.colormap(1)
    spare = iter(SPARE * len(criteria.classes))
    named = [BY_NAME.get(name.lower()) or next(spare) for name in criteria.classes]
    known = [tuple(table.get(i, (0, 0, 0))[:3]) for i in range(len(named))]
    return [(int(r), int(g), int(b)) for r, g, b in known] if len(set(known)) == len(known) else named


def error_map(truth: npt.NDArray[Any], predicted: npt.NDArray[Any], criteria: Criteria) -> Pixels:
    """Return where prediction and truth differ, and how, as colours (height, width, 3)."""
    classes, ice = len(criteria.classes), criteria.ice
    shown = np.full((*truth.shape, 3), ERRORS["right"], np.uint8)
    shown[truth != predicted] = ERRORS["other"]
    shown[(truth == ice) & (predicted != ice)] = ERRORS["ice missed"]
    shown[(truth != ice) & (predicted == ice)] = ERRORS["ice invented"]
    shown[(truth >= classes) | (predicted >= classes)] = UNKNOWN
    return shown


def _painted(ids: npt.NDArray[Any], colors: Pixels) -> Pixels:
    shown = np.full((*ids.shape, 3), UNKNOWN, np.uint8)
    known = ids < len(colors)
    shown[known] = colors[ids[known]]
    return shown


def _thinned(reader: MaskReader | FeatureReader, shape: tuple[int, int], step: int) -> npt.NDArray[np.uint8]:
    """Return every `step`-th pixel of every `step`-th row."""
    height, width = shape
    rows = max(step, STRIP_PIXELS // width // step * step)
    return np.concatenate([reader.read(top, min(top + rows, height))[::step, ::step] for top in range(0, height, rows)])


def _image(pair: Pair, shape: tuple[int, ...]) -> Pixels | None:
    """Return the scene in the colours of its first three bands, or in grey; None if it cannot be shown."""
    if pair.image is None:
        return None
    try:
        with Scene(str(pair.image)) as scene:
            seen = scene.overview(shape[0], shape[1])
    except SeaIceError:
        return None
    bands = seen.pixels[:3] if len(seen.pixels) >= 3 else np.repeat(seen.pixels[:1], 3, axis=0)
    valid = np.isfinite(bands).all(axis=0) if seen.valid is None else seen.valid & np.isfinite(bands).all(axis=0)
    if not valid.any():
        return np.full((shape[0], shape[1], 3), UNKNOWN, np.uint8)
    # Only the picture is stretched; no score ever sees this.
    low, high = np.percentile(bands[:, valid], [1, 99])
    stretched = np.clip((bands.astype(np.float64) - low) / max(high - low, 1e-9), 0, 1)
    shown: Pixels = (np.nan_to_num(stretched) * 255).astype(np.uint8).transpose(1, 2, 0)
    shown[~valid] = UNKNOWN
    return shown


def _png(pixels: Pixels) -> bytes:
    height, width = pixels.shape[:2]
    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(driver="PNG", height=height, width=width, count=3, dtype="uint8") as dataset:
            dataset.write(pixels.transpose(2, 0, 1))
        return bytes(memory.read())
