"""What becomes of every scene and photograph of a folder of real data with the default model and options: one table.

    python benchmarks/every_scene.py ../shared/data OUT

A scene is mapped (and, where there are judging polygons, judged), warned about, or refused in one line. Pictures of all masks are
left in OUT, to be looked at.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.features import rasterize

from seaice_cli.errors import SeaIceError
from seaice_cli.network.catalog import find_model
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import predict

SUFFIXES = (".tif", ".png")
NOT_SCENES = ("labels", "floes", "ice_extent", "landmask")


def scenes(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)
    return [
        p
        for p in found
        if not any(word in str(p.relative_to(folder)) for word in NOT_SCENES) or "modis_floes/images" in str(p)
    ]


def judged(scene: Path, mask: Path) -> str:
    """Return the share of judging pixels that are right, all and by class; empty without polygons."""
    model = find_model(PredictOptions().model)
    polygons = model.directory / "labels" / "judge" / f"{scene.stem}.geojson"
    if not polygons.is_file() or scene.parent.name in ("falsecolor", "unlabelled"):
        return ""
    shapes = [(f["geometry"], f["properties"]["class"]) for f in json.loads(polygons.read_text())["features"]]
    with rasterio.open(mask) as dataset:
        classes, transform = dataset.read(1), dataset.transform
    truth = rasterize(shapes, out_shape=classes.shape, transform=transform, fill=255, dtype="uint8")
    known = (truth != 255) & (classes < 200)
    each = [
        f"{name} {np.mean(classes[known & (truth == i)] == i):.2f}"
        for i, name in enumerate(model.spec.class_names)
        if (known & (truth == i)).any()
    ]
    return f"{np.mean(classes[known] == truth[known]):.3f} right ({', '.join(each)})"


def row(scene: Path, folder: Path, out: Path) -> str:
    name = "_".join(scene.relative_to(folder).with_suffix("").parts)
    mask, preview = out / f"{name}.tif", out / f"{name}.png"
    try:
        summary = predict(str(scene), mask, options=PredictOptions(preview=preview, overwrite=True))
    except SeaIceError as error:
        return f"| {name} | refused | {str(error).removeprefix(f'{scene}: ')} |"
    shares = ", ".join(f"{n} {s:.0%}" for n, s in summary.shares.items())
    verdict = "warned" if summary.warnings else "mapped"
    told = "; ".join(
        filter(None, [shares, f"{summary.uncertain:.0%} uncertain", judged(scene, mask), *summary.warnings])
    )
    return f"| {name} | {verdict} | {told} |"


def main(folder: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    print("| scene | verdict | what is told |\n|---|---|---|")
    for scene in scenes(folder):
        print(row(scene, folder, out), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
