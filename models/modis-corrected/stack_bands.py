"""Stack true colour and bands 7-2-1 of the MODIS scenes into rasters of five bands, which `modis-corrected` reads: 1, 4, 3, 7, 2.

python models/modis-corrected/stack_bands.py --data ../shared/data/modis --out DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

import rasterio

NAMES = ("band 1", "band 4", "band 3", "band 7", "band 2")


def stack(visible: Path, infrared: Path, out: Path) -> None:
    """Write the three bands of true colour and the first two of bands 7-2-1 of the same scene."""
    with rasterio.open(visible) as one, rasterio.open(infrared) as other:
        profile = {**one.profile, "count": len(NAMES), "compress": "deflate", "photometric": "minisblack"}
        profile.pop("interleave", None)
        with rasterio.open(out, "w", **profile) as file:
            file.write(one.read(indexes=[1, 2, 3]), [1, 2, 3])
            file.write(other.read(indexes=[1, 2]), [4, 5])
            file.descriptions = NAMES


def main() -> None:
    parser = argparse.ArgumentParser(description="Stack true colour and bands 7-2-1.")
    parser.add_argument("--data", type=Path, required=True, help="Folder that holds images/ and falsecolor/.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for the stacked scenes.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for scene in sorted((options.data / "images").glob("*.tif")):
        stack(scene, options.data / "falsecolor" / scene.name, options.out / scene.name)
        print(options.out / scene.name)


if __name__ == "__main__":
    main()
