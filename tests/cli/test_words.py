"""Words that those who come from rio, GDAL and a shell expect."""

import json

import pytest
import rasterio
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from tests.rasters import classes, raster


def seaice(*arguments):
    return CliRunner().invoke(cli, list(map(str, arguments)))


@pytest.fixture
def mask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return raster(tmp_path / "m.tif", classes(30, 40), nodata=255)


def test_refusals_come_all_at_once(mask, write_scene, noise, two_class_model):
    scene = write_scene(noise(20, 20))
    result = seaice(
        "predict",
        scene,
        "-o",
        "m.tif",
        "--bands",
        "1,7",
        "--preview",
        "p.jpg",
        "--tile",
        64,
        "--overlap",
        64,
        "--model",
        two_class_model,
    )
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["Error"] * 4
    for text in ("--preview p.jpg: is a PNG", "no band 7", "--overlap 64 must be smaller", "m.tif: exists already"):
        assert text in result.stderr
    result = seaice("vectorize", mask, "a.gpkg", "--min-area", "-1", "--threshold", "0.5")
    assert result.stderr.count("Error: ") == 2


@pytest.mark.parametrize(
    "words", [["--bbox", "-1000000,497500,-997500,500000"], ["--bounds", "-1000000", "497500", "-997500", "500000"]]
)
def test_a_box_may_be_four_words(mask, write_scene, noise, two_class_model, words):
    raster(mask.parent / "s.tif", noise(20, 20))
    result = seaice("predict", "s.tif", "-o", "o.tif", "--model", two_class_model, *words)
    assert result.exit_code == 0, result.output
    with rasterio.open("o.tif") as found:
        assert tuple(found.bounds) == (-1000000, 497500, -997500, 500000)
        assert "--bbox -1000000,497500,-997500,500000" in found.tags()["COMMAND"]


def test_the_target_of_vectorize_may_stand_behind_o(mask):
    assert seaice("vectorize", mask, "-o", "a.gpkg", "--dst-crs", "EPSG:6931").exit_code == 0
    assert seaice("vectorize", mask).exit_code == seaice("vectorize", mask, "b.gpkg", "-o", "c.gpkg").exit_code == 2


@pytest.mark.parametrize("stream", ["-", "/dev/stdout"])
@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_polygons_can_be_printed_a_feature_a_line(mask, stream, quiet):
    result = seaice("vectorize", mask, stream, *quiet)
    assert result.exit_code == 0, result.output
    seaice("vectorize", mask, "a.geojson")
    expected = json.loads((mask.parent / "a.geojson").read_text())["features"]
    printed = [json.loads(line) for line in result.stdout.splitlines()]
    assert [f["properties"] for f in printed] == [f["properties"] for f in expected]
    assert [f["geometry"] for f in printed] == [f["geometry"] for f in expected]
    assert seaice("vectorize", mask, stream, "--json").exit_code == 2


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        (["predict", "--model"], "modis-t", {"modis-truecolor"}),
        (["models", "show"], "tir", {"tir-melt-pond"}),
        (["train", "--architecture"], "unet", {"unet", "unetplusplus"}),
        (["train", "--loss"], "ce:1,di", {"ce:1,dice"}),
        (["train", "--preset"], "naic", set()),
    ],
)
def test_a_shell_completes_names(words, incomplete, expected):
    found = {
        c.value
        for c in ShellComplete(cli, {}, "seaice", "_SEAICE_COMPLETE").get_completions(words, incomplete)
        if c.type == "plain"
    }
    assert found >= expected
    assert found
    assert all(value.startswith(incomplete) for value in found)
