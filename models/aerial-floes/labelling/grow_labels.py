"""Labels of the photographs of `aerial-floes`, grown from its polygons and from two pairs of grey values for each photograph.

    python models/aerial-floes/labelling/grow_labels.py --data PHOTOGRAPHS --out FOLDER

PHOTOGRAPHS holds `ice1.png` and so on. FOLDER gets `images/` (the photographs in tiles), `labels/` (to learn from), `judged/` (pixels
of the polygons that are only for judging) and `ponds/` (refrozen ponds alone). 0 is water, 1 ice, 2 thin ice and brash, 255 what nobody
can say, or what is kept for judging. README.md beside this file tells how the polygons were drawn and what the numbers below are for.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.features import rasterize
from scipy import ndimage

HERE = Path(__file__).resolve().parent
WATER, ICE, THIN, IGNORE = 0, 1, 2, 255
PIECE, WATER_WIDTH, THIN_WIDTH = 9, 7, 3
"""Sides in pixels of the squares that a floe, open water, and thin ice must hold to be one."""
FLOE_AREA, WATER_AREA, POND_AREA, NAMED_POND_AREA = 500, 150, 40_000, 80_000
"""Pixels: the smallest floe and open water, the largest pond, and the largest that a polygon names as one."""

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Grey values of a photograph: what lies between two neighbours is not labelled by its brightness."""

    water_below: float
    thin_from: float
    thin_to: float
    ice_above: float


def opened(mask: Mask, side: int) -> Mask:
    """Return what of a mask is covered by squares of that side which lie within it."""
    inner = ndimage.minimum_filter(mask.astype(np.uint8), side)
    return np.asarray(ndimage.maximum_filter(inner, side) > 0)


def large(mask: Mask, pixels: int) -> Mask:
    """Return the connected parts of a mask that have so many pixels at least."""
    numbers, _ = ndimage.label(mask)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= pixels)[numbers])


def grow(pixels: npt.NDArray[np.float32], limits: Thresholds, ponds: Mask) -> tuple[Labels, Mask]:
    """Return the labels of a photograph and where its ponds are, from brightness and width alone.

    Args:
        pixels: (height, width) grey values.
        limits: Of this photograph.
        ponds: Where polygons name a pond.
    """
    grey = ndimage.gaussian_filter(pixels, 1.2)
    bright, dark = grey > limits.ice_above, grey < limits.water_below
    ice, water = large(opened(bright, PIECE), FLOE_AREA), large(opened(dark, WATER_WIDTH), WATER_AREA)
    between = (grey >= limits.thin_from) & (grey <= limits.thin_to)
    thin = opened(between | (_brash(pixels, limits, ice) & ~ice & ~water), THIN_WIDTH)
    around = ndimage.gaussian_filter(pixels, 6)
    labels = np.full(pixels.shape, IGNORE, np.uint8)
    labels[thin] = THIN
    labels[ndimage.binary_dilation(opened(bright, PIECE) & ~ice, iterations=2)] = (
        IGNORE  # too small to be called a floe, too large for brash
    )
    labels[ice | (bright & (around > limits.ice_above))] = ICE
    labels[water | (dark & (around > limits.thin_to))] = WATER  # the latter: cracks through floes
    enclosed, specks = _ponds(ice, dark, ponds)
    labels[enclosed] = ICE
    return labels, enclosed & ~specks


def _brash(pixels: npt.NDArray[np.float32], limits: Thresholds, ice: Mask) -> Mask:
    """Return where small bright and dark pieces together are as bright as thin ice; floes have no part in the mean."""
    rest = (~ndimage.binary_dilation(ice, iterations=2)).astype(np.float32)
    share = np.maximum(ndimage.gaussian_filter(rest, 6), 0.02)
    near = ndimage.gaussian_filter(pixels * rest, 6) / share
    return np.asarray((near >= limits.thin_from) & (near <= limits.thin_to))


def _ponds(ice: Mask, dark: Mask, named: Mask) -> tuple[Mask, Mask]:
    """Return what ice encloses and is no water, and which of it are specks."""
    numbers, _ = ndimage.label(~ice)
    sizes = np.bincount(numbers.ravel())
    wet = np.bincount(numbers.ravel(), weights=dark.ravel())
    enclosed = (sizes < POND_AREA) & (wet < 0.02 * sizes)
    enclosed[np.unique(np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]]))] = False
    enclosed[np.unique(numbers[named])] |= sizes[np.unique(numbers[named])] < NAMED_POND_AREA
    enclosed[0] = False
    return enclosed[numbers], ((sizes < 300) & enclosed)[numbers]


def clear(grey: npt.NDArray[np.float32], limits: Thresholds, kinds: dict[str, Mask]) -> Labels:
    """Return the pixels of polygons that are of the polygon's class without a doubt; ponds are left out."""
    ice = large(opened(grey > limits.ice_above, PIECE), FLOE_AREA)
    water = large(opened(grey < limits.water_below, WATER_WIDTH), WATER_AREA)
    labels = np.full(grey.shape, IGNORE, np.uint8)
    labels[kinds["water"] & (grey < limits.thin_from)] = WATER
    labels[kinds["thin ice"] & (grey > limits.water_below) & (grey < limits.ice_above)] = THIN
    labels[kinds["brash"] & ~ice & ~water] = THIN
    labels[kinds["ice"] & (grey > limits.thin_to)] = ICE
    return labels


def label(photograph: Path, features: Iterable[dict[str, Any]], limits: Thresholds) -> dict[str, Labels]:
    """Return the masks of one photograph by the name of their folder."""
    with rasterio.open(photograph) as dataset:
        pixels = dataset.read(1).astype(np.float32)
    own = list(features)

    def of(kind: str, part: str | None) -> Mask:
        shapes = [f["geometry"] for f in own if f["properties"]["kind"] == kind and f["properties"].get("part") == part]
        return np.asarray(rasterize(shapes, pixels.shape) > 0 if shapes else np.zeros(pixels.shape, np.bool_))

    grey = ndimage.gaussian_filter(pixels, 1.2)
    kinds = ("water", "ice", "thin ice", "brash")
    taught, judged = (clear(grey, limits, {kind: of(kind, part) for kind in kinds}) for part in ("train", "judge"))
    pond = of("pond", "train") | of("pond", "judge")
    labels, ponds = grow(pixels, limits, pond)
    doubt = of("doubt", None)
    labels[doubt] = judged[doubt] = IGNORE
    labels = np.where(taught == IGNORE, labels, taught)
    labels[pond] = ICE
    labels[judged != IGNORE] = IGNORE
    return {
        "images": pixels.astype(np.uint8),
        "labels": labels,
        "judged": judged,
        "ponds": np.where((ponds | pond) & ~doubt, np.uint8(ICE), np.uint8(IGNORE)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    features = json.loads((HERE / "polygons.geojson").read_text(encoding="utf-8"))["features"]
    with (HERE / "thresholds.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        name = row.pop("photograph")
        photograph = chosen.data / f"{name}.png"
        own = (f for f in features if f["properties"]["photograph"] == name)
        masks = label(photograph, own, Thresholds(**{k: float(v) for k, v in row.items()}))
        for folder, mask in masks.items():
            write(chosen.out / folder / f"{name}.tif", mask)


def write(path: Path, band: Labels) -> None:
    """Write one band in tiles, so that training reads a window without reading the rest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = band.shape
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, width=width, height=height, tiled=True, compress="deflate"
    ) as file:
        file.write(band, 1)


if __name__ == "__main__":
    main()
