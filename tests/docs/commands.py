"""The commands that pages show, and a folder with what they speak of."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import rasterio
import shapely

from seaice_cli.synthetic.writing import ORIGIN
from tests import rasters as made
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = (
    "-o",
    "--output",
    "--vector",
    "--probability",
    "--preview",
    "--layers",
    "--edge",
    "--csv",
    "--plot",
    "--html",
)
SIDE, LEFT, TOP = 250.0, *ORIGIN


def commands_of(page: Path) -> list[str]:
    """Return the lines of a page's blocks of code that call `seaice`, without the prompt; continued lines are joined."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (re.sub(r"^( {4,})?(\$ )?", "", line) for line in text.splitlines() if _in_block(line))
    return [line for line in lines if line.startswith("seaice ")]


def _in_block(line: str) -> bool:
    return line.startswith(("    ", "$ seaice ")) and not line.strip().startswith("|")


def words_of(command: str) -> list[str]:
    """Return the words of a command behind `seaice`, without a comment."""
    return shlex.split(command, comments=True)[1:]


def targets_of(words: list[str]) -> set[str]:
    """Return the files that a command writes."""
    named = {after for word, after in itertools.pairwise(words) if word in TARGETS}
    return named | ({words[2]} if words[0] == "vectorize" else set())


def make_world(folder: Path) -> Path:
    """Write what pages speak of: scenes, masks, labels, lists, polygons, a model."""
    from seaice_cli import predict
    from seaice_cli.synthetic import SceneRecipe, write_scene

    for name, seed in (("scene", 5), ("other", 6), ("train", 7), ("val", 8)):
        recipe = SceneRecipe(seed=seed, height=256, width=256, clouds=0.2)
        write_scene(folder / f"{name}.tif", recipe, truth=folder / f"{name}_label.tif")
    for name in ("train", "val"):
        (folder / f"{name}.csv").write_text(f"image,label\n{name}.tif,{name}_label.tif\n")
    predict(str(folder / "scene.tif"), folder / "mask.tif", probability=folder / "probability.tif")
    predict(str(folder / "other.tif"), folder / "other_mask.tif")
    _copies(folder)
    _polygons(folder)
    _radar(folder)
    shutil.copytree(ROOT / "models" / "modis-truecolor", folder / "models" / "mine")
    return folder


def _copies(folder: Path) -> None:
    for name in ("scenes", "masks", "references"):
        (folder / name).mkdir()
    for name, stem in (("a", "scene"), ("b", "other")):
        shutil.copy(folder / f"{stem}.tif", folder / "scenes" / f"{name}.tif")
        shutil.copy(folder / f"{stem}_label.tif", folder / "references" / f"{name}.tif")
        shutil.copy(folder / ("mask.tif" if name == "a" else "other_mask.tif"), folder / "masks" / f"{name}.tif")
    shutil.copy(folder / "scene_label.tif", folder / "reference.tif")
    for name, when in (("terra", "2026-06-01T10:00Z"), ("aqua", "2026-06-01T12:00Z")):
        shutil.copy(folder / "mask.tif", folder / f"{name}.tif")
        with rasterio.open(folder / f"{name}.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as mask:
            mask.update_tags(ACQUIRED=when)
    (folder / "scenes.csv").write_text("image,label\nscenes/a.tif,references/a.tif\nscenes/b.tif,references/b.tif\n")
    (folder / "pairs.csv").write_text("image,label\nmasks/a.tif,references/a.tif\n")


def _polygons(folder: Path) -> None:
    from seaice_cli import vectorize

    def box(column: int, row: int, name: str) -> tuple[shapely.Polygon, str]:
        x, y = LEFT + SIDE * column, TOP - SIDE * row
        return shapely.box(x, y - 70 * SIDE, x + 70 * SIDE, y), name

    drawn = [box(10, 10, "water"), box(120, 10, "ice"), box(10, 120, "cloud"), box(120, 120, "ice")]
    for name in ("labels", "judge"):
        made.layer(folder / f"{name}.gpkg", drawn, kind="str")
    (folder / "labels.csv").write_text("image,label\nscene.tif,labels.gpkg\n")
    made.layer(folder / "ice.gpkg", [(shape, 1) for shape, _ in drawn])
    ids = np.zeros((256, 256), np.uint8)
    ids[20:60, 20:80], ids[100:150, 100:130] = 1, 2
    made.raster(folder / "outlines.png", ids)  # floes by their numbers, and the same as polygons
    vectorize(str(folder / "outlines.png"), folder / "floes.gpkg", classes=[1, 2])
    made.layer(folder / "sar.gpkg", drawn[:2], kind="str")


def _radar(folder: Path) -> None:
    decibels = np.random.default_rng(0).uniform(-30, 0, (2, 256, 256)).astype("float32")
    with rasterio.open(folder / "scene.tif") as scene:
        profile = scene.profile | {"count": 2, "dtype": "float32", "nodata": None}
    with rasterio.open(folder / "sar.tif", "w", **profile) as target:
        target.write(decibels)
    (folder / "sar.csv").write_text("image,label\nsar.tif,sar.gpkg\n")
