"""Whether two checkouts write the same masks and polygons: run before and after a change that must not change results.

    python benchmarks/same_bytes.py BEFORE AFTER [--scenes FOLDER]

Maps a generated scene (mask, probability, polygons, preview), vectorizes its mask, and maps every image of FOLDER one by one and as a
folder, with each checkout; prints a line for every file and exits with 1 if any differs. GeoPackages are compared as SQL without the
time they were written at, everything else byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--scenes", type=Path, help="a folder of scenes")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        scene = place / "scene.tif"
        generated = ["--height", "3000", "--width", "4000", "--seed", "7", "--regime", "edge", "--clouds", "0.25"]
        subprocess.run([sys.executable, chosen.after / "examples" / "make_scene.py", scene, *generated], check=True)
        digests = [
            made(checkout.resolve(), place / name, scene, chosen.scenes)
            for name, checkout in (("before", chosen.before), ("after", chosen.after))
        ]
    names = sorted(digests[0].keys() | digests[1].keys())
    for name in names:
        print("same  " if digests[0].get(name) == digests[1].get(name) else "DIFFER", name)
    sys.exit(digests[0] != digests[1])


def made(checkout: Path, place: Path, scene: Path, scenes: Path | None) -> dict[str, str]:
    """Run one checkout over all scenes; return the digests of what it wrote by name."""
    place.mkdir()
    run(
        checkout, "predict", scene, "-o", place / "mask.tif", "--vector", place / "ice.gpkg",
        "--probability", place / "ice.tif", "--preview", place / "preview.png",
    )  # fmt: skip
    run(checkout, "vectorize", place / "mask.tif", place / "floes.fgb", "--attributes", "floe", "--split-floes")
    if scenes:
        (place / "single").mkdir()
        for image in sorted(scenes.iterdir()):
            if image.suffix in {".tif", ".tiff"}:
                run(checkout, "predict", image, "-o", place / "single" / f"{image.stem}.tif")
        run(checkout, "predict", scenes, "-o", place / "folder")
    return {str(f.relative_to(place)): digest(f) for f in sorted(place.rglob("*")) if f.is_file()}


def run(checkout: Path, *arguments: object) -> None:
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    subprocess.run(
        [sys.executable, "-m", "seaice_cli", "-q", *map(str, arguments)], env=environment, cwd=checkout, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def digest(file: Path) -> str:
    if file.suffix != ".gpkg":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        lines = [TIME.sub("", line) for line in database.iterdump()]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


if __name__ == "__main__":
    main()
