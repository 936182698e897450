"""Whatever is wrong with a data set is found, and nothing where nothing is."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seaice_cli.data.checking import check_sources
from seaice_cli.data.labels.encoding import LabelEncoding, parse_values
from tests.data.labels.test_rasterizing import SHAPES
from tests.rasters import TRANSFORM, classes, layer, noise, raster

DATA = Path(__file__).parents[3] / "shared" / "data"


def findings(*sources: Path, encoding: LabelEncoding | None = None) -> list[tuple[str, str, str]]:
    found = list(check_sources(sources, encoding or LabelEncoding(classes=2)))
    assert all("\n" not in f.text for f in found)
    return [(f.level, f.fault, f"{f.where}: {f.text}") for f in found]


def good(folder: Path, name: str, *, seed: int = 0, image=None, label=None, **options) -> None:
    raster(folder / f"image/{name}.tif", noise(20, 30, seed=seed) if image is None else image, **options)
    raster(folder / f"gt/{name}.tif", classes(20, 30) if label is None else label)


def only(found: list[tuple[str, str, str]], level: str, fault: str, words: str) -> None:
    assert [(entry[0], entry[1]) for entry in found] == [(level, fault)], found
    assert words in found[0][2]


def test_nothing_is_found_in_good_data(tmp_path):
    good(tmp_path, "a")
    good(tmp_path, "b", seed=1)
    raster(tmp_path / "image/c.tif", noise(60, 80, seed=2))
    layer(tmp_path / "gt/c.gpkg", SHAPES)
    assert findings(tmp_path, encoding=LabelEncoding(attribute="class", classes=3)) == []


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data in {DATA}")
@pytest.mark.parametrize("name", ["modis", "tir_melt_pond"])
def test_nothing_is_found_in_the_real_data(name):
    assert findings(DATA / name / "train.csv", DATA / name / "val.csv", encoding=LabelEncoding(classes=3)) == []


@pytest.mark.parametrize(
    ("change", "level", "fault", "words"),
    [
        ({"label": classes(20, 30, count=3)}, "error", "label", "value 2 at row 0, column 2 is no class"),
        ({"label": classes(30, 20)}, "error", "label", "they must match pixel by pixel"),
        ({"label": np.full((20, 30), 255, "uint8")}, "error", "empty", "every pixel is ignored"),
        ({"image": noise(20, 30, bands=1)}, "error", "bands", "1 bands of uint8 where the first image has 3 of uint8"),
        ({"image": noise(20, 30).astype("uint16")}, "error", "bands", "3 of uint8"),
        ({"image": np.where(np.arange(30) < 3, 0, noise(20, 30)).astype("uint8"), "nodata": 0}, "warning", "blind", "10% of"),
        ({"image": noise(20, 30)}, "warning", "duplicate", "has the pixels of"),
        ({"image": noise(20, 30, seed=5), "crs": 3857}, "error", "place", "label in EPSG:3413, image in EPSG:3857"),
        ({"image": noise(20, 30, seed=5), "transform": TRANSFORM @ Affine.translation(2, 0)}, "error", "place", "2 pixels apart"),
    ],
)  # fmt: skip
def test_each_fault_is_found_once(tmp_path, change, level, fault, words):
    good(tmp_path, "a")
    good(tmp_path, "b", **{"image": noise(20, 30, seed=1), **change})
    only(findings(tmp_path), level, fault, words)


def test_damaged_images_are_found_with_and_without_labels(tmp_path):
    for name in ("a", "b", "c"):
        good(tmp_path, name, seed=ord(name), image=noise(200, 200, seed=ord(name)), label=classes(200, 200))
    for name in ("b", "c"):
        file = tmp_path / f"image/{name}.tif"
        file.write_bytes(file.read_bytes()[: 60_000 if name == "b" else 10])
    found = findings(tmp_path)
    assert [(level, fault) for level, fault, _ in found] == [("error", "file")] * 2
    (tmp_path / "list.csv").write_text("image\nimage/b.tif\n")
    only(findings(tmp_path / "list.csv"), "error", "file", "list.csv, line 2")


def test_every_row_of_a_bad_list_is_named(tmp_path):
    good(tmp_path, "a")
    listed = tmp_path / "list.csv"
    listed.write_text("image,label\nnone.tif,gt/a.tif\nimage/a.tif,gt/a.tif\nimage/a.tif,none.png\n")
    assert [entry[2].split(":")[0] for entry in findings(listed)] == [f"{listed}, line 2", f"{listed}, line 4"]
    listed.write_text("picture\n")
    only(findings(listed), "error", "source", "unknown column 'picture'")


def test_files_that_stand_alone_in_folders_are_all_named(tmp_path):
    for name in ("a", "b", "c"):
        good(tmp_path, name, seed=ord(name))
    (tmp_path / "gt/a.tif").unlink()
    (tmp_path / "image/b.tif").unlink()
    found = findings(tmp_path)
    assert [("a.tif: has no label" in text, "b.tif: has no image" in text) for *_, text in found] == [
        (True, False),
        (False, True),
    ]


def test_splits_that_leak_are_found_by_scene_and_by_pixels(tmp_path):
    for k in range(4):
        good(tmp_path, f"1073_{k}", seed=k)
    good(tmp_path, "other", image=noise(20, 30, seed=0))
    rows = [f"image/1073_{k}.tif,gt/1073_{k}.tif\n" for k in range(4)] + ["image/other.tif,gt/other.tif\n"]
    (tmp_path / "train.csv").write_text("image,label\n" + "".join(rows[:3]))
    (tmp_path / "val.csv").write_text("image,label\n" + "".join(rows[3:]))
    found = findings(tmp_path / "train.csv", tmp_path / "val.csv")
    assert [(level, fault) for level, fault, _ in found] == [("error", "leak")] * 2
    assert "val.csv, line 2" in found[0][2]
    assert "val.csv, line 3" in found[1][2]


def test_rows_repeated_for_balance_are_no_duplicates(tmp_path):
    good(tmp_path, "a")
    (tmp_path / "b.csv").write_text("image,label\n" + "image/a.tif,gt/a.tif\n" * 3)
    assert findings(tmp_path / "b.csv") == []


def test_a_class_that_a_split_lacks_is_worth_a_look(tmp_path):
    good(tmp_path / "t", "a")
    good(tmp_path / "v", "b", seed=1, label=np.zeros((20, 30), "uint8"))
    only(findings(tmp_path / "t", tmp_path / "v"), "warning", "class", "v: class 1 does not occur")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["image/a.tif", "gt/a.tif", "gt/b.gpkg", "gt/c.png"]), st.randoms(use_true_random=False))
def test_damaged_files_are_findings_and_nothing_worse(tmp_path, name, random):
    folder = tmp_path / "good"
    if not folder.exists():
        good(folder, "a")
        for other in ("b", "c"):
            raster(folder / f"image/{other}.tif", noise(20, 30, seed=ord(other)))
        layer(folder / "gt/b.gpkg", SHAPES)
        raster(folder / "gt/c.png", classes(20, 30))
    content = bytearray((folder / name).read_bytes())
    for _ in range(random.choice((1, 5, 50))):
        content[random.randrange(min(len(content), random.choice((64, 512, len(content)))))] = random.choice(
            (0, 127, 143, 255)
        )
    damaged = tmp_path / "damaged"
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(folder, damaged)
    (damaged / name).write_bytes(content)
    findings(damaged)


def test_a_class_that_is_declared_as_nodata_is_told(tmp_path):
    image = raster(tmp_path / "a.tif", noise(20, 30))
    label = raster(tmp_path / "gt.tif", classes(20, 30), nodata=0)
    (tmp_path / "t.csv").write_text(f"image,label\n{image.name},{label.name}\n")
    (found,) = check_sources([tmp_path / "t.csv"], LabelEncoding(classes=2))
    assert (found.level, found.fault) == ("warning", "nodata")
    assert "declares 0 as nodata, so its" in found.text
    named = LabelEncoding(classes=2, values=parse_values("0:0,1:1"))
    assert not list(check_sources([tmp_path / "t.csv"], named))


def test_an_attribute_that_may_name_the_class_is_told(tmp_path):
    image = raster(tmp_path / "a.tif", noise(20, 30))
    boxes = [(shapely.box(-1e6 + 500 * k, 496e3, -1e6 + 500 * k + 400, 499e3), k % 2) for k in range(4)]
    vector = layer(tmp_path / "a.gpkg", boxes)
    (tmp_path / "t.csv").write_text(f"image,label\n{image.name},{vector.name}\n")
    (found,) = check_sources([tmp_path / "t.csv"], LabelEncoding(classes=2))
    assert "all its polygons become class 1; if class names their class" in found.text
    assert not list(check_sources([tmp_path / "t.csv"], LabelEncoding(classes=2, attribute="class")))
