"""Labels of the MODIS scene of the Bohai from the extent of its ice, which people drew: water and ice where they are sure.

    python models/modis-truecolor/labelling/bohai_labels.py --data ../shared/data/bohai --out bohai.tif

The extent encloses open water and thin ice, too, and the sea outside holds ice along the coast. So ice (1) is what is bright and
white inside the extent, water (0) what is dark outside, away from extent and land; all else is not labelled (255): thin grey ice,
leads, mud flats (bright in red, dark in blue), the land. The polygon of the coast is the sea, its islands are holes; its latitude and
longitude are exchanged. The polygons of `../labels/judge` are left out, so that what a model is judged by is not what it has seen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyogrio
import rasterio
import shapely
from affine import Affine
from judging import find_judging_ground
from rasterio.features import rasterize
from scipy import ndimage

WATER, ICE, IGNORE = 0, 1, 255

ICE_RED, ICE_BLUE = 100, 70
"""Ice has at least these bytes. Floes drawn by hand have medians of 160 and 100, thin grey ice 70 and 55, mud 100 and 40."""
WATER_RED = 20
"""Water has at most this byte: 95 % of the open sea drawn by hand has 18 or less."""
NEAR_LAND, NEAR_ICE = 3, 5
"""Pixels around land, and around the extent of ice, that are not labelled as water; around land not as ice, either."""

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def label(bands: Bytes, extent: Mask, land: Mask) -> Bytes:
    """Return the classes (height, width) of red, green, blue (3, height, width), the extent of ice and the land."""
    red, _, blue = bands
    coast = ndimage.binary_dilation(land, iterations=NEAR_LAND)
    edge = ndimage.binary_dilation(extent, iterations=NEAR_ICE)
    classes = np.full(land.shape, IGNORE, np.uint8)
    classes[extent & ~coast & (red >= ICE_RED) & (blue >= ICE_BLUE)] = ICE
    classes[~edge & ~coast & (red <= WATER_RED)] = WATER
    return classes


def read_land(path: Path, transform: Affine, shape: tuple[int, int]) -> Mask:
    """Return what lies outside the sea, a polygon whose latitudes are in x and longitudes in y."""
    _, _, geometries, _ = pyogrio.raw.read(path)
    exchanged = shapely.transform(shapely.from_wkb(geometries), lambda points: points[:, ::-1])
    sea = np.asarray(rasterize(exchanged, out_shape=shape, transform=transform, dtype="uint8"))
    return np.asarray(sea == 0, dtype=np.bool_)


def main() -> None:
    parser = argparse.ArgumentParser(description="Labels of the Bohai scene.")
    parser.add_argument(
        "--data", type=Path, required=True, help="Folder of modis_bohai_1.tif, ice_extent_1.png, landedge.shp."
    )
    parser.add_argument("--out", type=Path, required=True, help="The raster to write.")
    parser.add_argument(
        "--judging", action="store_true", help="Label the judging ground, too: to compare, not to train."
    )
    options = parser.parse_args()
    with rasterio.open(options.data / "modis_bohai_1.tif") as file:
        bands, profile = file.read(), file.profile
    with rasterio.open(options.data / "ice_extent_1.png") as file:
        extent = file.read(1) > 0
    land = read_land(options.data / "landedge.shp", profile["transform"], extent.shape)
    classes = label(bands, extent, land)
    if not options.judging:
        classes[find_judging_ground("modis_bohai_1", profile["transform"], land.shape)] = IGNORE
    profile.update(driver="GTiff", count=1, nodata=IGNORE, compress="deflate", photometric=None)
    with rasterio.open(options.out, "w", **profile) as file:
        file.write(classes, 1)
    print(f"ice: red >= {ICE_RED} and blue >= {ICE_BLUE} inside the extent; water: red <= {WATER_RED} outside")
    for name, value in (("water", WATER), ("ice", ICE), ("not labelled", IGNORE)):
        print(f"{name:13} {int((classes == value).sum()):7d} px")


if __name__ == "__main__":
    main()
