"""Weak labels of the MODIS scenes: water, ice and cloud by thresholds on bands 7, 2 and 1 and on true colour, doubt left out.

    python models/modis-truecolor/labelling/weak_labels.py --data ../shared/data/modis --out DIR

Every scene of `falsecolor/` gives DIR/labels/NAME.tif: 0 water, 1 ice, 2 cloud, 255 not labelled. DIR/scenes.csv lists them.
The polygons of `../labels/judge` are left out of them, so that what a model is judged by is not what it has seen.

Snow and ice swallow light of 2.1 um (band 7), clouds of water droplets reflect it, and both are bright in the near infrared
(band 2). So cloud is what has a low snow index of these two, (R2 - R7) / (R2 + R7): the index of Hall et al. (1995), with 2.1 um
for 1.6 um. Water is what is dark in band 2. Each threshold is a pair, and what lies between the two is not labelled.

What this cannot know:
- Cloud of ice crystals, and a thin veil over ice, swallow band 7 as snow does: they come out as ice, or as doubt.
- Shadow of cloud on ice may be as dark as water; shadow on cloud may be as dark in band 7 as ice (then it is doubt or ice).
- Thin dark ice (nilas) is water here. Haze over water that band 7 does not show is water.
- The pictures went through JPEG and a stretch before they came: single pixels, and narrow leads, may be wrong.
- The land is that of the given labels, drawn by whoever made them; fast ice that they count as land is not labelled.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from judging import find_judging_ground
from scipy import ndimage

WATER, ICE, CLOUD, IGNORE = 0, 1, 2, 255

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

STRETCH = ((0, 110, 160, 210, 240, 255), (0, 30, 60, 120, 190, 255))
"""The stretch of NASA's corrected-reflectance pictures (Gumley et al. 2010): byte shown, and byte linear in reflectance up to 1.1."""

CLEAR_INDEX, CLOUD_INDEX = 0.84, 0.74
"""Snow index: at least this for ice, at most this for cloud. Clear-sky ice of the scenes without cloud: 0.90 or more in 95 %."""
DARK_7, CLEAR_7, CLOUD_7 = 30, 50, 55
"""Band 7, 3 x 3 mean: at most the first is clear whatever the index, which is noise where band 2 is dark too; at most the second
is clear if the index says so; at least the third for cloud."""
WATER_2, ICE_2 = 65, 85
"""Band 2: at most this for water, at least this for ice."""
WATER_RED, ICE_RED = 105, 95
"""The same for the red of true colour, which went through another JPEG: its errors are others. It is brighter by haze."""
CLOUD_RIM = 4
"""Pixels around cloud that are not labelled."""
SMALLEST_CLOUD = 30
"""Pixels; smaller spots of cloud are doubt."""


def label(bands: Bytes, red: Bytes, land: Mask) -> Bytes:
    """Return the classes (height, width) of a scene.

    Args:
        bands: Bands 7, 2, 1, (3, height, width), as corrected-reflectance bytes.
        red: Red of true colour, (height, width).
        land: Where nothing is to be labelled, (height, width).
    """
    reflectance = np.interp(np.arange(256), *STRETCH)
    short, near = (ndimage.uniform_filter(reflectance[band], 3) for band in bands[:2])
    index = (near - short) / np.maximum(near + short, 1e-6)
    band7 = ndimage.uniform_filter(bands[0].astype(np.float64), 3)

    clear = (band7 <= DARK_7) | ((band7 <= CLEAR_7) & (index >= CLEAR_INDEX))
    cloud = find_cloud((index <= CLOUD_INDEX) & (band7 >= CLOUD_7))
    clear &= ~ndimage.binary_dilation(cloud, iterations=CLOUD_RIM)

    classes = np.full(land.shape, IGNORE, np.uint8)
    classes[clear & (bands[1] <= WATER_2) & (red <= WATER_RED)] = WATER
    classes[clear & (bands[1] >= ICE_2) & (red >= ICE_RED)] = ICE
    classes[cloud] = CLOUD
    classes[land] = IGNORE
    return classes


def find_cloud(likely: Mask) -> Mask:
    """Return the spots that are neither thin nor small."""
    spots, count = ndimage.label(ndimage.binary_opening(likely, iterations=1))
    sizes = np.bincount(spots.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.asarray(sizes[spots] >= SMALLEST_CLOUD)


def find_land(given: Bytes) -> Mask:
    """Return the land of given labels, whose 255 is land and the rim of 4 px around cloud."""
    ignored = given == IGNORE
    core = ignored & ~ndimage.binary_dilation(given == CLOUD, iterations=6)
    core = ndimage.binary_opening(core)
    return np.asarray(ndimage.binary_dilation(core, iterations=8, mask=ignored))


def label_scene(data: Path, name: str, out: Path, *, judging: bool) -> Bytes:
    """Label a scene, on the ground that is kept for judging or not, write the raster, return it."""
    with rasterio.open(data / "falsecolor" / name) as file:
        bands, profile = file.read(), file.profile
    with rasterio.open(data / "images" / name) as file:
        red = file.read(1)
    with rasterio.open(data / "labels" / name) as file:
        land = find_land(file.read(1))
    classes = label(bands, red, land)
    if not judging:
        classes[find_judging_ground(Path(name).stem, profile["transform"], land.shape)] = IGNORE
    profile.update(count=1, nodata=IGNORE, compress="deflate", photometric=None)
    with rasterio.open(out / "labels" / name, "w", **profile) as file:
        file.write(classes, 1)
    return classes


def main() -> None:
    parser = argparse.ArgumentParser(description="Weak labels of the MODIS scenes.")
    parser.add_argument("--data", type=Path, required=True, help="Folder that holds falsecolor/, images/ and labels/.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for labels/ and scenes.csv.")
    parser.add_argument(
        "--judging", action="store_true", help="Label the judging ground, too: to compare, not to train."
    )
    options = parser.parse_args()
    (options.out / "labels").mkdir(parents=True, exist_ok=True)
    lines = ["image,label"]
    print(f"{'scene':48} {'water':>7} {'ice':>7} {'cloud':>7} {'none':>7}")
    for scene in sorted((options.data / "falsecolor").glob("*.tif")):
        classes = label_scene(options.data, scene.name, options.out, judging=options.judging)
        counts = [int((classes == value).sum()) for value in (WATER, ICE, CLOUD, IGNORE)]
        print(f"{scene.stem:48} " + " ".join(f"{count:7d}" for count in counts))
        lines.append(f"{(options.data / 'images' / scene.name).resolve()},labels/{scene.name}")
    (options.out / "scenes.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
