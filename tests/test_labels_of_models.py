"""The polygons that models are trained and judged by: sound, of known classes, never both, on their scenes."""

import csv
import itertools
import json
import runpy

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import CRS

from tests.conftest import ROOT

MODEL = ROOT / "models" / "modis-truecolor"
NAMES = [entry["name"] for entry in json.loads((MODEL / "model.json").read_text(encoding="utf-8"))["classes"]]
USES = ("train", "judge")
SCENES = sorted(path.stem for path in (MODEL / "labels" / "judge").glob("*.geojson"))
LISTS = {
    "train": ["train_polygons.csv", "train_kara.csv", "train_chukchi.csv", "train_bohai.csv"],
    "judge": ["judge.csv", "judge_kara.csv", "judge_chukchi.csv", "judge_bohai.csv"],
}


def _path(scene, use):
    return MODEL / "labels" / use / f"{scene}.geojson"


def _features(scene, use):
    return json.loads(_path(scene, use).read_text(encoding="utf-8"))["features"]


def _polygons(scene, use):
    """Return pairs of class and polygon."""
    return [(f["properties"]["class"], shapely.geometry.shape(f["geometry"])) for f in _features(scene, use)]


def _rows(name):
    return [tuple(row.values()) for row in csv.DictReader((MODEL / name).read_text(encoding="utf-8").splitlines())]


def test_there_are_the_scenes_of_modis_and_three_more():
    assert len(SCENES) == 21


@pytest.mark.parametrize("scene", SCENES)
def test_polygons_are_sound_and_say_what_they_are(scene):
    for use in USES:
        for feature in _features(scene, use):
            properties, polygon = feature["properties"], shapely.geometry.shape(feature["geometry"])
            assert polygon.geom_type == "Polygon"
            assert polygon.is_valid
            assert polygon.exterior.is_ccw
            assert NAMES[properties["class"]] == properties["name"]
            assert properties["kind"]
            assert properties["use"] == use


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_has_eight_polygons_and_judges_every_class_that_it_teaches(scene):
    classes = {use: [k for k, _ in _polygons(scene, use)] for use in USES}
    assert sum(map(len, classes.values())) >= 8
    assert set(classes["train"]) == set(classes["judge"])


@pytest.mark.parametrize("scene", SCENES)
def test_no_ground_is_taught_and_judged(scene):
    for (_, taught), (_, judged) in itertools.product(_polygons(scene, "train"), _polygons(scene, "judge")):
        assert not taught.intersects(judged)


def test_no_ground_is_taught_in_one_scene_and_judged_in_another_of_the_region():
    """Two satellites of one day show the same ice; where the class changed, they show something else."""
    for one, other in itertools.permutations(SCENES, 2):
        if one.split("-")[0] != other.split("-")[0]:
            continue
        for (k, taught), (m, judged) in itertools.product(_polygons(one, "train"), _polygons(other, "judge")):
            assert k != m or taught.intersection(judged).area == 0, (one, other)


@pytest.mark.parametrize("use", USES)
def test_the_lists_name_every_file_once(use):
    listed = [label for name in LISTS[use] for _, label in _rows(name)]
    assert sorted(listed) == [f"labels/{use}/{scene}.geojson" for scene in SCENES]


@pytest.mark.parametrize("use", USES)
def test_polygons_lie_inside_their_scenes(real_data, use):
    for image, label in [row for name in LISTS[use] for row in _rows(name)]:
        text = json.loads((MODEL / label).read_text(encoding="utf-8"))
        with rasterio.open(real_data / "modis" / image) as scene:
            crs, bounds = CRS.from_user_input(scene.crs.to_wkt()), shapely.box(*scene.bounds)
        written = CRS.from_user_input(text["crs"]["properties"]["name"])
        assert written.equals(crs, ignore_axis_order=True)
        for feature in text["features"]:
            assert bounds.contains(shapely.geometry.shape(feature["geometry"])), (label, feature["properties"]["kind"])


@pytest.mark.parametrize(
    ("band7", "band2", "red", "expected"),
    [
        (5, 20, 50, 0),
        (10, 235, 240, 1),
        (45, 240, 240, 1),  # bright snow: 45 is a reflectance of 0.05, 240 of 0.82, the index 0.88
        (150, 180, 190, 2),  # the low cloud that was once drawn as young ice
        (10, 75, 100, 255),  # between water and ice
        (60, 240, 240, 255),  # a veil, or fine snow
        (45, 60, 90, 255),  # thin cloud over water
    ],
)
def test_weak_labels_tell_snow_from_cloud_and_leave_doubt_out(monkeypatch, band7, band2, red, expected):
    monkeypatch.syspath_prepend(MODEL / "labelling")
    label = runpy.run_path(str(MODEL / "labelling" / "weak_labels.py"))["label"]
    bands = np.stack([np.full((9, 9), value, np.uint8) for value in (band7, band2, red)])
    assert label(bands, bands[2], np.zeros((9, 9), bool))[4, 4] == expected
