"""How many floes that people outlined are found, by each way of parting floes that touch.

    python benchmarks/floes.py ../shared/data/modis_floes [--picture FLOES.png]

The folder holds images/ and floes/ (id rasters of distinct floes: 0 says nothing) of the same names. Shown is the share of the outlined
floes, of all and of those of 300 pixels and more, that a polygon covers with an IoU of one half or more, and the shares that are merged
with a neighbour or broken in two. The picture shows a part of the first image with what connected ice and the last way outline.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from measuring import seaice, table
from rasterio.features import rasterize

LARGE = 300
WAYS: dict[str, tuple[str, ...]] = {
    "connected ice": (),
    "`--split-floes` by the mask alone": ("--split-floes",),
    "`--split-floes --landscape SCENE`": ("--split-floes", "--landscape"),
}
NAMES = ("recall", f"recall:>={LARGE}px", "merged", "broken")


def run(*arguments: object) -> str:
    return subprocess.run(seaice("-q", *arguments), check=True, capture_output=True, text=True).stdout


def outline(scene: Path, mask: Path, way: tuple[str, ...], folder: Path) -> Path:
    """Write the ice of a mask as polygons, parted in one way."""
    polygons = folder / f"{scene.stem}_{len(way)}.gpkg"
    landscape = [scene] if "--landscape" in way else []
    run("vectorize", mask, polygons, "--classes", "ice", "--attributes", "floe", *way, *landscape)
    return polygons


def score(polygons: Path, floes: Path) -> dict[str, float]:
    """Return the shares of outlined floes by name."""
    told = run("eval", polygons, floes, "--objects", "--incomplete", "--sizes", LARGE, "--json")
    scores: dict[str, float] = json.loads(told)["scores"]
    return scores


def draw(scene: Path, ways: list[Path], target: Path, side: int = 200, scale: int = 3) -> None:
    """Draw outlines in orange on the middle of a scene, a panel for each way, enlarged."""
    import geopandas
    from PIL import Image

    with rasterio.open(scene) as source:
        top, left = (source.height - side) // 2, (source.width - side) // 2
        pixels = source.read([1, 2, 3])[:, top : top + side, left : left + side]
    panels = []
    for polygons in ways:
        layer = geopandas.read_file(polygons)
        layer = layer[layer["is_floe"].astype(bool)] if "is_floe" in layer else layer
        lines = layer.geometry.boundary.affine_transform([scale, 0, 0, scale, -left * scale, -top * scale])
        panel = np.kron(pixels.transpose(1, 2, 0), np.ones((scale, scale, 1), np.uint8))
        panel[rasterize(lines, out_shape=panel.shape[:2]) == 1] = (255, 120, 0)
        panels += [panel, np.full((side * scale, 8, 3), 255, np.uint8)]
    Image.fromarray(np.hstack(panels[:-1])).quantize(128).save(target, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--picture", type=Path)
    chosen = parser.parse_args()
    rows, drawn = list[list[object]](), list[Path]()
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        for scene in sorted((chosen.data / "images").iterdir()):
            mask = folder / f"{scene.stem}.tif"
            run("predict", scene, "-o", mask, "--any-resolution")
            for name, way in WAYS.items():
                polygons = outline(scene, mask, way, folder)
                scores = score(polygons, chosen.data / "floes" / scene.name)
                rows.append([scene.stem, name, *(f"{100 * scores[n]:.1f} %" for n in NAMES)])
                drawn.append(polygons)
        print(table(["picture", "polygons", "found", f"of {LARGE} px and more", "merged", "broken"], rows))
        if chosen.picture:
            first = min((chosen.data / "images").iterdir())
            draw(first, [drawn[0], drawn[len(WAYS) - 1]], chosen.picture)


if __name__ == "__main__":
    main()
