"""`seaice data`: every command does what its help shows, and every fault is one line and exit code 1."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from seaice_cli.cli.data import files
from seaice_cli.cli.data.command import data
from seaice_cli.cli.main import cli
from seaice_cli.data import tiling
from seaice_cli.data.labels.palettes import ISAID
from seaice_cli.data.samples import read_samples
from tests.data.labels.test_rasterizing import SHAPES, expected
from tests.rasters import classes, layer, noise, pixels_of, raster

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "data.md"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*words: object, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["data", *(str(w) for w in words)])
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.output

    return invoke


@pytest.fixture
def scenes(tmp_path) -> Path:
    """Ten scenes, one of them of 64 px, in image/ and gt/, ice as 255."""
    for number in range(10):
        size = 64 if number == 3 else 32
        raster(tmp_path / f"all/image/{number}.tif", noise(size, size, seed=number))
        raster(tmp_path / f"all/gt/{number}.png", classes(size, size) * 255)
    return Path("all")


def test_list_split_and_check(run, scenes):
    assert "10 samples of 10 scenes" in run("list", "all/image", "--masks", "all/gt", "-o", "train.json")
    assert json.loads(Path("train.json").read_text())[0] == {
        "filename": "all/image/0.tif",
        "ann": {"seg_map": "all/gt/0.png"},
    }
    run("list", "all", "-o", "train.json", code=1)
    assert "lists/train.csv: 9 samples of 9 scenes" in run("split", "train.json", "-o", "lists")
    assert run("check", "lists/train.csv", "lists/val.csv") == "nothing wrong\n"


def test_split_by_tile_warns_and_by_scene_does_not_tear(run, scenes):
    run("tile", "all", "-o", "tiles", "--size", "16")
    assert "tiles on both sides" in run("split", "tiles", "-o", "torn", "--by", "tile", "--ratio", "1:1")
    assert "Warning" not in run("split", "tiles", "-o", "whole")
    assert "leak" in run("check", "torn/train.csv", "torn/val.csv", code=1)
    assert "leak" not in run("check", "whole/train.csv", "whole/val.csv")


def test_folds_cover_everything_once(run, scenes):
    run("split", "all", "-o", "folds", "--folds", "3")
    vals = [s.image.name for i in range(3) for s in read_samples(Path(f"folds/val_{i}.csv"))]
    assert sorted(vals) == sorted(f"{n}.tif" for n in range(10))


def test_check_says_what_is_wrong_as_text_and_as_json(run, scenes):
    raster(Path("all/gt/3.png"), classes(9, 9))
    raster(Path("all/gt/5.png"), np.full((32, 32), 9, "uint8"))
    out = run("check", "all", "--values", "0:0,255:1", code=1)
    assert "2 errors, 0 warnings" in out
    found = json.loads(run("check", "all", "--values", "0:0,255:1", "--json", code=1))
    assert [set(f) for f in found] == [{"level", "fault", "where", "text"}] * 2
    assert "9 x 9 pixels where the image 3.tif has 64 x 64" in found[0]["text"]


def test_warnings_alone_leave_the_exit_code_zero(run, scenes):
    raster(Path("all/image/5.tif"), noise(32, 32, seed=4))
    assert "0 errors, 1 warnings" in run("check", "all")


def test_stats_are_printed_and_written(run, scenes):
    table = run("stats", "all", "-o", "stats.json")
    assert table.splitlines()[0].split() == ["class", "share", "images", "softmax", "inverse", "median"]
    content = json.loads(Path("stats.json").read_text())
    assert content == json.loads(run("stats", "all", "--json"))
    assert sum(c["share"] for c in content["classes"]) == pytest.approx(1)
    assert len(content["classes"]) == 2
    named = run("stats", "all", "--classes", "open water,ice").splitlines()
    assert [line[:10] for line in named[:3]] == ["     class", "open water", "       ice"]
    assert named[1][10:] == table.splitlines()[1][5:]


def test_balance_repeats_rows(run, scenes):
    for number in range(9):
        size = 64 if number == 3 else 32
        raster(Path(f"all/gt/{number}.png"), np.zeros((size, size), "uint8"))
    out = run("balance", "all", "-o", "balanced.csv", "--most", "4")
    assert "13 rows from 10" in out
    assert [s.image.stem for s in read_samples(Path("balanced.csv"))].count("9") == 4


def test_tile_recolor_and_zip(run, tmp_path):
    ids = classes(90, 70, count=16)
    raster(tmp_path / "s/images/P1.png", noise(90, 70))
    raster(tmp_path / "s/masks/P1_instance_color_RGB.png", np.moveaxis(np.array(ISAID.colors, "uint8")[ids], -1, 0))
    run("tile", "s", "-o", "tiles", "--preset", "isaid", "--size", "64", "--overlap", "16")
    assert Path("tiles/gt/P1_0_64_6_70_instance_color_RGB.png").exists()
    run("recolor", "tiles/gt", "-o", "gray", "--palette", "isaid")
    assert np.array_equal(pixels_of(Path("gray/P1_0_64_6_70_instance_color_RGB.png"))[0], ids[:64, 6:])
    assert "4 masks" in run("zip", "gray", "-o", "res.zip", "--values", ",".join(f"{i}:{i * 10}" for i in range(16)))
    assert len(zipfile.ZipFile("res.zip").namelist()) == 4
    run("zip", "gray", "-o", "other.zip", code=1)  # NAIC has but 8 classes


def test_recolor_by_values_and_unknown_colours(run, scenes, tmp_path):
    run("recolor", "all/gt/3.png", "-o", "ids.png", "--values", "binary")
    assert set(np.unique(pixels_of(Path("ids.png")))) == {0, 1}
    (tmp_path / "p.txt").write_text("1 1 2 3\n")
    raster(tmp_path / "c.png", np.zeros((3, 4, 4), "uint8"))
    assert "value 0,0,0 at row 0" in run("recolor", "c.png", "-o", "d.png", "--palette", "p.txt", code=1)
    run("recolor", "c.png", "-o", "d.png", "--palette", "p.txt", "--unknown", "7")
    assert (pixels_of(Path("d.png")) == 7).all()
    run("recolor", "c.png", "-o", "e.png", "--palette", "p.txt", "--unknown", "blue", code=2)
    run("recolor", "c.png", "-o", "e.png", code=1)


def test_rasterize_by_number_and_by_name(run, tmp_path):
    raster(tmp_path / "scene.tif", noise(60, 80))
    layer(tmp_path / "ice.gpkg", SHAPES)
    run("rasterize", "ice.gpkg", "--like", "scene.tif", "-o", "gt.tif", "--attr", "class")
    assert np.array_equal(pixels_of(Path("gt.tif"))[0], expected())
    layer(tmp_path / "named.gpkg", [(SHAPES[0][0], "ice")], kind="str", attribute="kind")
    run(
        "rasterize",
        "named.gpkg",
        "--like",
        "scene.tif",
        "-o",
        "named.png",
        "--attribute",
        "kind",
        "--classes",
        "water,ice",
    )
    assert np.array_equal(pixels_of(Path("named.png"))[0], expected(SHAPES[:1]))
    run("rasterize", "scene.tif", "--like", "scene.tif", "-o", "x.tif", code=1)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["check", "none.csv"], "cannot be read"), (["stats", "none"], "cannot be read"),
        (["split", "all", "-o", "x", "--ratio", "9"], "ratio '9'"),
        (["stats", "all", "--values", "x"], "value map 'x'"),
        (["stats", "all", "--values", "binary", "--palette", "isaid"], "give one of them"),
        (["stats", "all", "--classes", "0"], "--classes 0"), (["stats", "all", "--classes", "a,a"], "different names"),
        (["tile", "all", "-o", "all"], "holds files already"), (["tile", "all", "-o", "x", "--overlap", "512"], "cannot share"),
        (["list", "all", "-o", "no/x.csv"], "there is no folder"), (["zip", "none.tif", "-o", "x.zip"], "cannot be read"),
        (["recolor", "none", "-o", "x.png", "--palette", "isaid"], "no such file"),
        (["split", "all", "-o", "all/gt/3.png"], "no folder can be made"),
    ],
)  # fmt: skip
def test_faults_are_one_line_and_exit_code_one(run, scenes, words, text):
    out = run(*words, code=1)
    assert text in out
    assert "Traceback" not in out
    assert not [p for p in Path().rglob("*") if "partial" in p.name]


def test_every_line_of_the_documentation_runs(run, tmp_path):
    for number in range(10):
        raster(tmp_path / f"data/trainData/image/{number}.tif", noise(40, 40, seed=number))
        raster(tmp_path / f"data/trainData/gt/{number}.png", classes(40, 40) * 255)
        raster(tmp_path / f"gray_masks/{number}.png", classes(40, 40, count=8))
    raster(tmp_path / "isaid/images/P1.png", noise(40, 40))
    raster(tmp_path / "isaid/masks/P1_instance_color_RGB.png", np.zeros((3, 40, 40), "uint8"))
    raster(tmp_path / "scene.tif", noise(60, 80))
    layer(tmp_path / "ice.gpkg", SHAPES)
    lines = [line for line in DOCUMENTATION.read_text().splitlines() if line.startswith("$ seaice data ")]
    elsewhere = {"template", "suggest"}  # docs/finetune.md walks through them
    assert {line.split()[3] for line in lines} == set(data.commands) - elsewhere
    for line in lines:
        run(*shlex.split(line)[3:])


def test_every_command_has_an_example_in_its_help(run):
    for name in data.commands:
        assert f"Example: seaice data {name} " in run(name, "--help")


def test_choices_are_the_librarys():
    assert set(files.PRESETS) == set(tiling.PRESETS)
    assert (files.EDGES, files.NAMES, files.FORMATS) == (tiling.EDGES, tiling.NAMES, tiling.FORMATS)


def test_no_data_command_imports_torch(scenes, tmp_path):
    code = (
        "import sys\nfrom seaice_cli.cli.main import cli\n"
        "for words in (['check', 'all'], ['stats', 'all'], ['tile', 'all', '-o', 't'], ['split', 'all', '-o', 's']):\n"
        "    cli(['data', *words], standalone_mode=False)\n"
        "assert not {'torch', 'torchvision'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
