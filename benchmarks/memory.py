"""Peak memory of `seaice predict` over the shape of the scene: it grows with the width, never with the height.

python benchmarks/memory.py [--model NAME|DIR] [HEIGHTxWIDTH ...]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from measuring import machine, measure, seaice, table
from rasterio.windows import Window

SHAPES = ["4000x4000", "12000x12000", "40000x4000", "4000x40000"]


def write_scene(path: Path, height: int, width: int) -> None:
    """Write a scene that is quick to make: one strip of noise, over and over."""
    strip = np.random.default_rng(0).integers(1, 256, (3, 512, width)).astype(np.uint8)
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8", "crs": "EPSG:3413", "tiled": True,
               "blockxsize": 512, "blockysize": 512, "compress": "zstd", "zstd_level": 1, "BIGTIFF": "IF_SAFER",
               "transform": rasterio.transform.from_origin(-4e6, 4e6, 250, 250)}  # fmt: skip
    with rasterio.open(path, "w", **profile) as scene:
        for top in range(0, height, 512):
            rows = min(512, height - top)
            scene.write(strip[:, :rows], window=Window(0, top, width, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", default=SHAPES)
    parser.add_argument("--model", default="modis-truecolor")
    chosen = parser.parse_args()
    rows = []
    for shape in chosen.shapes:
        height, width = map(int, shape.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            scene, target = Path(folder, "scene.tif"), Path(folder, "mask.tif")
            write_scene(scene, height, width)
            command = seaice("predict", scene, "-o", target, "--model", chosen.model, "--any-resolution")
            plan = json.loads(measure([*command, "--dry-run", "--json"]).output)
            run = measure([*command, "--json"])
            summary = json.loads(run.output)
        rows.append([height, width, summary["windows_run"], f"{run.wall:.0f}", f"{run.peak_mb:.0f}", plan["memory_mb"]])
        print(rows[-1], file=sys.stderr)
    print(f"{chosen.model}, {machine()}\n")
    print(table(["height", "width", "windows", "wall s", "peak MB", "planned MB"], rows))


if __name__ == "__main__":
    main()
