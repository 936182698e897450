"""`seaice predict`: words, exit codes, folders, dry runs."""

import json

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from tests.models import expected_classes


def run(*arguments):
    return CliRunner().invoke(cli, ["predict", *map(str, arguments)])


def test_a_scene_becomes_a_mask_and_the_result_is_told_on_stdout(tmp_path, write_scene, noise, two_class_model):
    scene, target = write_scene(noise(60, 70)), tmp_path / "mask.tif"
    result = run(scene, "-o", target, "--model", two_class_model, "--precision", "float32")
    assert result.exit_code == 0, result.output
    assert "70 x 60 px" in result.stdout
    assert "km² of ice" in result.stdout
    with rasterio.open(target) as mask:
        np.testing.assert_array_equal(mask.read(1), expected_classes(noise(60, 70)))


def test_json_holds_the_summary(tmp_path, write_scene, noise, two_class_model):
    result = run(write_scene(noise(60, 70)), "-o", tmp_path / "m.tif", "--model", two_class_model, "--json")
    summary = json.loads(result.stdout)
    assert summary["width"] == 70
    assert summary["windows"] == summary["windows_run"] == 1
    assert set(summary["shares"]) == {"water", "ice"}


def test_a_folder_of_scenes_and_one_that_fails(tmp_path, write_scene, noise, two_class_model):
    scenes, masks = tmp_path / "scenes", tmp_path / "masks"
    scenes.mkdir()
    for name, shape in (("a.tif", (60, 70)), ("b.tif", (40, 90)), ("d.tif", (60, 70))):
        write_scene(noise(*shape), f"scenes/{name}")
    (scenes / "c.tif").write_text("broken")
    result = run(scenes, "-o", masks, "--model", two_class_model, "--precision", "float32")
    assert result.exit_code == 1
    assert sorted(p.name for p in masks.iterdir() if p.suffix == ".tif") == ["a.tif", "b.tif", "d.tif"]
    assert "c.tif: not a raster" in result.stderr
    assert result.stderr.count("\n") == 1
    with rasterio.open(masks / "b.tif") as mask:
        np.testing.assert_array_equal(mask.read(1), expected_classes(noise(40, 90)))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_contest_job_pngs_of_0_and_255(tmp_path, write_scene, noise, two_class_model):
    inputs = tmp_path / "input_path"
    inputs.mkdir()
    for i in range(3):
        write_scene(noise(512, 512), f"input_path/{i}.tif", crs=None, transform=rasterio.Affine.identity())
    result = run(
        inputs, "-o", tmp_path / "output_path", "--format", "png", "--model", two_class_model, "--precision", "float32"
    )
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in (tmp_path / "output_path").iterdir()) == ["0.png", "1.png", "2.png"]
    with rasterio.open(tmp_path / "output_path" / "1.png") as png:
        np.testing.assert_array_equal(png.read(1), expected_classes(noise(512, 512)) * 255)


def test_a_dry_run_prints_the_plan_and_every_refusal_and_writes_nothing(tmp_path, write_scene, noise, two_class_model):
    pixels = noise(200, 200, low=1)
    pixels[:, :, 100:] = 0
    scene, target = write_scene(pixels, nodata=0), tmp_path / "mask.tif"
    plan = json.loads(
        run(
            scene, "-o", target, "--model", two_class_model, "--tile", 64, "--overlap", 16, "--dry-run", "--json"
        ).stdout
    )
    assert (plan["windows"], plan["windows_with_data"]) == (16, 8)
    assert plan["refusals"] == []
    target.touch()
    refused = run(scene, "-o", target, "--model", two_class_model, "--bands", "1,2", "--dry-run")
    assert refused.exit_code == 1
    assert refused.output.count("Refused:") == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mask.tif", "scene.tif"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--tile", "7"], "7 is not in the range"),
        (["--bands", "1,,3"], "'1,,3' names an empty band"),
        (["--bbox", "1,2,3"], "not 4 values"),
        (["--nodata", "black"], "neither a number nor none"),
        (["--batch-size", "0"], "neither a whole number"),
        (["--threshold", "2"], "2.0 is not in the range"),
        (["--tta", "some"], "'some' is not one of"),
    ],
)
def test_wrong_words_are_usage_errors(tmp_path, write_scene, noise, arguments, text):
    result = run(write_scene(noise(10, 10)), "-o", tmp_path / "m.tif", *arguments)
    assert result.exit_code == 2
    assert text in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "mask.png"], "mask.png: a mask is a GeoTIFF; let its name end in .tif; --format png writes a PNG"),
        (["-o", "masks"], "masks: a mask is a GeoTIFF; let its name end in .tif, or make that folder first"),
        (["-o", "m.tif", "--format", "png"], "m.tif: --format png writes a PNG; let its name end in .png"),
        (["-o", "m.tif", "--preview", "quicklook.jpg"], "--preview quicklook.jpg: is a PNG; let its name end in .png"),
        (["-o", "m.tif", "--probability", "ice.png"], "--probability ice.png: is a GeoTIFF; let its name end in .tif"),
        (["-o", "m.tif", "--nodata", "300"], "--nodata 300 is no value that uint8 pixels can have"),
        (["-o", "m.tif", "--nodata", "nan"], "--nodata nan is no value that uint8 pixels can have"),
    ],
)
def test_a_name_of_another_format_and_a_value_that_cannot_be_are_refused(
    tmp_path, write_scene, noise, two_class_model, monkeypatch, arguments, text
):
    scene = write_scene(noise(10, 10))
    monkeypatch.chdir(tmp_path)
    result = run(scene, "--model", two_class_model, *arguments)
    assert result.exit_code == 1
    assert text in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["scene.tif"]


@pytest.mark.parametrize(
    "arguments",
    [["--model", "nope"], ["--tile", "64", "--overlap", "64"], ["--device", "cuda:99"], ["--vector", "ice.doc"]],
)
def test_what_cannot_be_done_is_one_line_and_exit_1(tmp_path, write_scene, noise, two_class_model, arguments):
    scene = write_scene(noise(10, 10))
    result = run(scene, "-o", tmp_path / "m.tif", "--model", two_class_model, *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["scene.tif"]


def test_the_traceback_is_there_for_those_who_ask(tmp_path):
    quiet = CliRunner().invoke(cli, ["predict", "nope.tif", "-o", str(tmp_path / "m.tif")])
    loud = CliRunner().invoke(cli, ["-vv", "predict", "nope.tif", "-o", str(tmp_path / "m.tif")])
    assert "Traceback" not in quiet.output
    assert "Traceback" in loud.output
