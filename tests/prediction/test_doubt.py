"""How sure a mask is: the uncertain share, unsure pixels, warnings, and what the tags tell of it."""

import json
import shlex

import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner
from rasterio.transform import from_origin

from seaice_cli.cli.main import cli
from seaice_cli.errors import DataError, OptionError
from seaice_cli.prediction.description import describe
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import predict
from seaice_cli.prediction.summary import Summary
from tests.models import OFF_TIES, expected_classes, pixel_model
from tests.rasters import layer

EXACT = {"precision": "float32", "overwrite": True}


def box_layer(path, bounds):
    return layer(path, [(shapely.box(*bounds), 1)])


def likelihood(pixels):
    """What the pixelwise model of two classes says of its likeliest class: logits -200 (x - 1/4)² and -200 (x - 3/4)²."""
    position = pixels.astype(np.float64).mean(axis=0) / 255 + OFF_TIES
    return 1 / (1 + np.exp(-200 * np.abs(position - 0.5)))


def made(scene, tmp_path, model, **options):
    target = tmp_path / "mask.tif"
    summary = predict(str(scene), target, options=PredictOptions(model=str(model), **(EXACT | options)))
    with rasterio.open(target) as mask:
        return summary, mask.read(1), mask.tags()


def test_the_uncertain_share_is_that_of_likeliest_classes_below_80_per_cent(
    tmp_path, write_scene, noise, two_class_model
):
    pixels = noise(200, 220, low=120, high=137)
    pixels[:, :50] = 0
    summary, _, tags = made(write_scene(pixels, nodata=0), tmp_path, two_class_model, tile=64, overlap=16)
    expected = (likelihood(pixels[:, 50:]) < 0.8).mean()
    assert 0.1 < expected < 0.9
    assert summary.uncertain == pytest.approx(expected, abs=1e-3)
    assert float(tags["UNCERTAIN"]) == pytest.approx(expected, abs=1e-3)


def test_much_doubt_is_warned_about_everywhere_and_little_nowhere(tmp_path, write_scene, noise, two_class_model):
    doubtful, sure = noise(60, 60, low=126, high=130), np.full((3, 60, 60), 220, np.uint8)
    for pixels, warned in ((doubtful, True), (sure, False)):
        scene = write_scene(pixels)
        arguments = [
            "predict",
            str(scene),
            "-o",
            str(tmp_path / "m.tif"),
            "--model",
            str(two_class_model),
            "--overwrite",
        ]
        told = CliRunner().invoke(cli, arguments).stdout
        summary, _, tags = made(scene, tmp_path, two_class_model)
        assert ("Warning: the model is uncertain about" in told) is warned
        assert any("uncertain" in w for w in summary.to_json()["warnings"]) is warned
        assert ("uncertain" in tags.get("WARNINGS", "")) is warned


@pytest.mark.parametrize("threshold", [None, 0.3])
def test_abstaining_leaves_pixels_unsure_that_no_class_is_likely_enough_for(
    tmp_path, write_scene, noise, two_class_model, threshold
):
    pixels = noise(100, 110, low=110, high=146)
    options = {"abstain": 0.9, "threshold": threshold}
    summary, mask, tags = made(write_scene(pixels), tmp_path, two_class_model, **options)
    unsure = likelihood(pixels) < 0.9
    near = np.abs(likelihood(pixels) - 0.9) < 1e-4
    np.testing.assert_array_equal((mask == 253)[~near], unsure[~near])
    if threshold is None:
        np.testing.assert_array_equal(mask[mask != 253], expected_classes(pixels)[mask != 253])
    assert summary.unsure == pytest.approx(unsure.mean(), abs=1e-3)
    assert sum(summary.shares.values()) == pytest.approx(1, abs=1e-5), "shares are those of what got a class"
    assert (tags["ABSTAIN"], tags["UNSURE"]) == ("0.9", "253")
    assert summary.ice_km2 == pytest.approx((mask == 1).sum() * 0.0625, rel=0.1)


def test_unsure_pixels_are_in_no_polygon_and_named_in_the_table(tmp_path, write_scene, noise, two_class_model):
    import pyogrio

    scene, vector = write_scene(noise(60, 60, low=110, high=146)), tmp_path / "ice.gpkg"
    _, mask, _ = made(scene, tmp_path, two_class_model, abstain=0.9, vector=vector)
    polygons = pyogrio.read_info(vector, layer="ice")
    areas = pyogrio.raw.read(vector, layer="ice", columns=["n_pixels"])[3][0]
    assert polygons["features"] > 0
    assert areas.sum() == (mask == 1).sum()
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert dataset.colormap(1)[253] == (230, 159, 0, 255)


def test_abstaining_from_nothing_or_more_than_everything_is_refused(tmp_path, write_scene, noise, two_class_model):
    for wrong in (0.0, 1.1):
        with pytest.raises(OptionError, match="`abstain`"):
            made(write_scene(noise(9, 9)), tmp_path, two_class_model, abstain=wrong)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--rescale", "auto", "--tta", "flip", "--abstain", "0.7"],
        ["--rescale=-5,110.5", "--bands", "red,green,blue", "--nodata", "7"],
        [
            "--bbox=-990000,970000,-985000,990000",
            "--any-resolution",
            "--tile",
            "32",
            "--overlap",
            "8",
            "--threshold",
            "0.35",
        ],
        ["--aoi", "aoi.gpkg", "--land", "land.gpkg", "--nodata", "none", "--sensor", "rgb"],
    ],
)
def test_a_mask_tells_the_command_that_makes_the_same_bytes_again(
    tmp_path, write_scene, noise, two_class_model, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    write_scene(noise(90, 100, high=120), photometric="rgb")
    box_layer(tmp_path / "aoi.gpkg", (-999_000, 980_000, -980_000, 999_000))
    box_layer(tmp_path / "land.gpkg", (-990_000, 985_000, -985_000, 990_000))
    first = ["predict", "scene.tif", "-o", "mask.tif", "--model", str(two_class_model), *arguments]
    assert CliRunner().invoke(cli, first).exit_code == 0
    told = CliRunner().invoke(cli, ["info", "mask.tif", "--json"])
    words = shlex.split(json.loads(told.stdout)["command"])
    assert words[:2] == ["seaice", "predict"]
    again = CliRunner().invoke(cli, words[1:])
    assert again.exit_code == 0, again.output
    assert (tmp_path / "mask_again.tif").read_bytes() == (tmp_path / "mask.tif").read_bytes()


def test_a_mask_tells_its_sensor_and_when_the_scene_was_taken(tmp_path, write_scene, noise):
    model = pixel_model(tmp_path / "model", bands=3, stretch="corrected-reflectance")
    scene = write_scene(noise(50, 50, dtype="uint16", low=1500, high=9000), transform=from_origin(0, 0, 250, 250))
    with rasterio.open(scene, "r+") as dataset:
        dataset.update_tags(
            SPACECRAFT_NAME="Sentinel-2B", PROCESSING_BASELINE="05.10", PRODUCT_START_TIME="2023-05-01T10:11:12Z"
        )
    made(scene, tmp_path, model)
    found = describe(tmp_path / "mask.tif")
    assert (found.sensor, found.acquired, found.scene) == ("sentinel2", "2023-05-01T10:11:12Z", "scene.tif")
    assert "sentinel2" in found.text()


def test_what_predict_has_not_made_is_refused(tmp_path, write_scene, noise):
    with pytest.raises(DataError, match="was not made by `seaice predict`"):
        describe(write_scene(noise(9, 9)))
    with pytest.raises(DataError, match="cannot be opened"):
        describe(tmp_path / "nothing.tif")


def test_a_summary_of_a_killed_run_is_read_back(tmp_path, write_scene, noise, two_class_model):
    summary, _, _ = made(write_scene(noise(20, 20)), tmp_path, two_class_model)
    assert Summary(**json.loads(json.dumps(summary.to_json()))) == summary
