import json

import fiona
import numpy as np
import pytest
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.cli.vectorize import ATTRIBUTES
from seaice_cli.vectorization import options
from tests.vectorization.masks import blobs, ice_mask, write_mask


def call(*arguments):
    return CliRunner().invoke(cli, ["vectorize", *map(str, arguments)])


def test_a_line_says_what_was_written(tmp_path):
    result = call(ice_mask(tmp_path / "mask.tif"), tmp_path / "ice.gpkg", "--classes", "ice")
    assert result.exit_code == 0, result.output
    with fiona.open(tmp_path / "ice.gpkg", layer="ice") as source:
        count, area = len(source), sum(f.properties["area_m2"] for f in source)
    assert result.stdout == f"{tmp_path / 'ice.gpkg'}: {count} polygons ({count} ice), {area / 1e6:.6g} km²\n"


def test_json_is_the_summary(tmp_path):
    result = call(ice_mask(tmp_path / "mask.tif"), tmp_path / "ice.fgb", "--json")
    summary = json.loads(result.stdout)
    assert summary["target"] == str(tmp_path / "ice.fgb")
    assert summary["polygons"] == sum(summary["by_class"].values()) > 0
    assert summary["area_m2"] > 0


def test_every_option_reaches_the_library(tmp_path):
    _, fields = blobs(96, 96, seed=1, classes=1, blur=4)
    percent = np.clip(np.rint(50 + 20 * fields[0]), 0, 100).astype(np.uint8)
    mask = write_mask(tmp_path / "mask.tif", (percent > 50).astype(np.uint8), nodata=255)
    probability = write_mask(tmp_path / "percent.tif", percent, nodata=255)
    result = call(
        mask, tmp_path / "out.gpkg", "--classes", "1", "--connectivity", "8", "--min-area", "1e5", "--min-pixels", "3",
        "--fill-holes", "2e5", "--smooth", "--threshold", "0.5", "--probability", probability, "--attributes", "floe",
        "--t-srs", "EPSG:4326", "--layer", "floes", "--band", "1", "--split-floes", "--landscape", probability,
        "--landscape-bands", "1", "--floe-window", "32", "--overwrite", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    with fiona.open(tmp_path / "out.gpkg", layer="floes") as source:
        tags = source.tags()
        assert source.crs.to_epsg() == 4326
        assert {"prob_mean", "circularity"} <= set(source.schema["properties"])
    assert tags["VECTOR_CONNECTIVITY"] == "8"
    assert tags["VECTOR_SMOOTH"] == tags["VECTOR_SPLIT_FLOES"] == "True"
    assert float(tags["VECTOR_FILL_HOLES_M2"]) == 2e5
    assert (tags["VECTOR_LANDSCAPE"], tags["VECTOR_FLOE_WINDOW"]) == ("percent.tif", "32")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["missing.tif", "out.gpkg"], "no such file"),
        (["mask.tif", "out.xyz"], "unknown format '.xyz'"),
        (["mask.tif", "none/out.gpkg"], "there is no folder"),
        (["mask.tif", "out.gpkg", "--smooth"], "needs --probability"),
        (["mask.tif", "out.gpkg", "--landscape", "mask.tif"], "--landscape: is for --split-floes only"),
        (["mask.tif", "out.gpkg", "--split-floes", "--landscape", "none.tif"], "none.tif: no such file"),
        (["mask.tif", "out.gpkg", "--split-floes", "--floe-window", "60"], "must be a multiple of 16"),
        (
            ["mask.tif", "out.gpkg", "--split-floes", "--landscape", "mask.tif", "--landscape-bands", "3"],
            "has no band 3",
        ),
        (["mask.tif", "out.gpkg", "--min-area", "-1"], "must be 0 or more"),
        (["mask.tif", "out.gpkg", "--classes", "slush"], "no class 'slush'"),
        (["mask.tif", "out.geojson", "--t-srs", "EPSG:3413"], "GeoJSON is always in WGS84"),
        (["mask.tif", "mask.gpkg"], "exists already"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_one(tmp_path, monkeypatch, arguments, text):
    monkeypatch.chdir(tmp_path)
    ice_mask("mask.tif")
    (tmp_path / "mask.gpkg").touch()
    result = call(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert text in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mask.gpkg", "mask.tif"]


@pytest.mark.parametrize("arguments", [["--connectivity", "6"], ["--classes", "a,,b"], ["--attributes", "all"]])
def test_what_is_no_option_is_exit_code_two(tmp_path, arguments):
    assert call("mask.tif", tmp_path / "out.gpkg", *arguments).exit_code == 2


def test_choices_are_those_of_the_library():
    assert ATTRIBUTES == options.ATTRIBUTES
