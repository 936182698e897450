import dataclasses
import json
import math

import numpy as np
import pyproj
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import shapes
from sklearn.metrics import confusion_matrix

from seaice_cli.errors import DataError, OptionError
from seaice_cli.evaluation.criteria import Criteria, Pair
from seaice_cli.evaluation.measures import Measures, is_error, scores
from seaice_cli.evaluation.metrics.accumulators import flatten
from seaice_cli.evaluation.metrics.boundaries import Distance
from seaice_cli.evaluation.scan import scan
from tests.conftest import POLAR

THREE = Criteria(
    classes=("water", "ice", "cloud"), hidden=(2,), cells=(1.0, 2.5), distances=(Distance(2, "px"), Distance(900, "m"))
)


@pytest.fixture
def truth():
    coarse = np.random.default_rng(3).choice([0, 1, 1, 2], (12, 10))
    ids = np.kron(coarse, np.ones((8, 8), int)).astype(np.uint8)
    ids[:9, :13] = 255
    return ids


@pytest.fixture
def predicted(truth):
    rng = np.random.default_rng(4)
    moved = np.roll(truth, (2, 1), axis=(0, 1))
    moved[rng.random(truth.shape) < 0.03] = 0
    moved[-7:, -11:] = 255
    return moved


@pytest.fixture
def pair(write_scene, truth, predicted):
    return Pair(
        predicted=write_scene(predicted[None], "mask.tif", nodata=255),
        reference=write_scene(truth[None], "truth.tif", nodata=255),
        name="scene",
    )


def test_pixels_are_counted_where_both_are_known(pair, truth, predicted):
    measures = scan(pair, THREE)
    known = (truth < 3) & (predicted < 3)
    np.testing.assert_array_equal(
        measures.confusion.counts, confusion_matrix(truth[known], predicted[known], labels=[0, 1, 2])
    )
    assert measures.confusion.missing == ((truth < 3) & (predicted == 255)).sum()
    assert measures.size == truth.size


@pytest.mark.parametrize("pixels", [80, 7 * 80, 31 * 80])
def test_no_score_depends_on_the_strips(pair, pixels):
    with_probability = dataclasses.replace(pair, probability=None)
    whole, stripped = (scan(with_probability, THREE, strip_pixels=n) for n in (10**6, pixels))
    np.testing.assert_allclose(flatten(stripped), flatten(whole), rtol=1e-9)


def test_cloud_makes_no_edge_and_is_in_no_concentration(write_scene, truth):
    said = np.where(truth == 2, np.indices(truth.shape)[1] // 3 % 2, truth).astype(np.uint8)
    pair = Pair(
        predicted=write_scene(said[None], "mask.tif", nodata=255),
        reference=write_scene(truth[None], "truth.tif", nodata=255),
        name="s",
    )
    seen = scores(scan(pair, THREE), THREE)
    assert seen["iiee_km2"] == seen["mhd_km"] == seen["sic_mae@1km"] == 0
    blind = dataclasses.replace(THREE, hidden=())
    assert scores(scan(pair, blind), blind)["iiee_km2"] > 0
    swapped = dataclasses.replace(pair, predicted=pair.reference, reference=pair.predicted)
    assert scores(scan(swapped, THREE), THREE)["iiee_km2"] == 0


def test_pixels_weigh_their_area(pair, truth, predicted):
    measures = scan(pair, dataclasses.replace(THREE, by_area=True))
    pixels = scan(pair, THREE).confusion.counts
    middle = pyproj.Transformer.from_crs(3413, 4326, always_xy=True).transform(*(POLAR @ (40, 48)))
    true_area = 0.25**2 / pyproj.Proj(3413).get_factors(*middle).areal_scale
    assert measures.confusion.counts[pixels > 0] / pixels[pixels > 0] == pytest.approx(true_area, rel=1e-3)


def test_without_a_crs_what_needs_none_is_measured(write_scene, truth, predicted):
    png = {"crs": None, "nodata": 255}
    pair = Pair(
        predicted=write_scene(predicted[None], "mask.tif", **png),
        reference=write_scene(truth[None], "truth.tif", **png),
        name="s",
    )
    pixels = dataclasses.replace(THREE, distances=(Distance(2, "px"),))
    found = scores(scan(pair, pixels), pixels)
    assert 0 < found["miou"] < 1
    assert 0 < found["boundary_f@2px"] < 1
    assert math.isnan(found["iiee_km2"])
    assert math.isnan(found["sic_mae@1km"])
    with pytest.raises(OptionError, match="needs masks with a CRS"):
        scan(pair, THREE)
    with pytest.raises(OptionError, match="cannot be weighted by their area"):
        scan(pair, dataclasses.replace(pixels, by_area=True))


def test_a_vector_reference_scores_as_its_raster(tmp_path, pair, write_scene, truth, predicted):
    ice = (truth == 1).astype(np.uint8)
    features = [
        {"type": "Feature", "properties": {}, "geometry": g}
        for g, value in shapes(ice, transform=POLAR, connectivity=4)
        if value
    ]
    path = tmp_path / "ice.geojson"
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3413"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    two = Criteria(cells=(1.0,))
    mask = write_scene((predicted == 1).astype(np.uint8)[None], "ice-mask.tif")
    raster = Pair(predicted=mask, reference=write_scene(ice[None], "ice.tif"), name="s")
    vector = dataclasses.replace(raster, reference=path)
    assert scores(scan(vector, two), two) == pytest.approx(scores(scan(raster, two), two), nan_ok=True)


def test_a_reference_on_a_finer_grid_scores_as_on_the_same(pair, write_scene, truth):
    fine = write_scene(
        np.kron(truth, np.ones((3, 3), np.uint8))[None], "fine.tif", transform=POLAR @ Affine.scale(1 / 3), nodata=255
    )
    finer = dataclasses.replace(pair, reference=fine)
    assert scores(scan(finer, THREE), THREE) == pytest.approx(scores(scan(pair, THREE), THREE), nan_ok=True)


def test_a_mask_in_degrees_is_measured_on_the_ground(write_scene):
    true, said = np.zeros((1, 60, 60), np.uint8), np.zeros((1, 60, 60), np.uint8)
    true[..., :30], said[..., :33] = 1, 1
    place = {"crs": "EPSG:4326", "transform": Affine(0.03, 0, 20, 0, -0.01, 75.3)}
    pair = Pair(predicted=write_scene(said, "m.tif", **place), reference=write_scene(true, "t.tif", **place), name="s")
    found = scores(scan(pair, Criteria()), Criteria())
    column = 0.03 * 111.6 * math.cos(math.radians(75))
    assert found["mhd_km"] == pytest.approx(3 * column, rel=0.01)
    assert found["iiee_km2"] == pytest.approx(60 * 0.01 * 111.6 * 3 * column, rel=0.01)
    assert 0 < found["sic_mae@5km"] < 0.3


def test_probabilities_are_judged_where_the_truth_is_known(pair, write_scene, truth):
    p = np.where(truth == 1, 0.8, 0.3)
    per_cent = (p * 100).round().astype(np.uint8)
    per_cent[40:, :5] = 255
    as_bytes = dataclasses.replace(pair, probability=write_scene(per_cent[None], "p.tif", nodata=255))
    p[40:, :5] = np.nan
    as_floats = dataclasses.replace(pair, probability=write_scene(p[None].astype(np.float32), "f.tif"))
    y = truth == 1
    seen = (truth < 3) & ~np.isnan(p)
    for one in (as_bytes, as_floats):
        found = scores(scan(one, THREE), THREE)
        assert found["brier"] == pytest.approx(((p - y)[seen] ** 2).mean(), rel=1e-5)
        assert scan(one, THREE).calibration.pixels.sum() == seen.sum()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.full((1, 96, 80), 180, np.uint8), "beyond 0 to 100 per cent"),
        (np.full((1, 96, 80), -0.5, np.float32), "beyond 0 to 1"),
        (np.full((1, 95, 80), 50, np.uint8), r"\(95, 80\) pixels"),
        (np.full((1, 96, 80), 50, np.int16), "int16"),
    ],
)
def test_what_is_no_probability_is_refused(pair, write_scene, values, text):
    with pytest.raises(DataError, match=text):
        scan(dataclasses.replace(pair, probability=write_scene(values, "p.tif")), THREE)


def test_a_class_that_nobody_named_is_told_with_both_files(pair):
    with pytest.raises(DataError, match=r"mask\.tif against .*truth\.tif: the truth holds 2.*`classes`"):
        scan(pair, Criteria())


def test_a_reference_elsewhere_leaves_nothing_to_compare(pair, write_scene, truth):
    away = write_scene(truth[None], "away.tif", transform=POLAR @ Affine.translation(500, 500), nodata=255)
    with pytest.raises(DataError, match=r"away\.tif: has no pixel in common with .*mask\.tif"):
        scan(dataclasses.replace(pair, reference=away), THREE)


def test_cells_that_hold_no_pixel_of_their_own_are_left_out(pair):
    found = scores(scan(pair, dataclasses.replace(THREE, cells=(0.3,))), dataclasses.replace(THREE, cells=(0.3,)))
    assert math.isnan(found["sic_mae@0.3km"])


def test_every_score_has_a_name_before_anything_is_measured(pair):
    names = list(scores(Measures.empty(THREE), THREE))
    assert names == list(scores(scan(pair, THREE), THREE))
    assert len(set(names)) == len(names)
    assert {n for n in names if is_error(n)} >= {"mhd_km", "d_iiee_km@1km", "sic_rmse@2.5km", "ece", "missing"}
    assert not {n for n in names if is_error(n)} & {"miou", "iou:ice", "sic_r2@1km", "object_f1", "oa"}


def test_the_crs_of_a_scene_that_is_placed_otherwise_is_used(write_scene, truth, predicted):
    crs = CRS.from_epsg(6931)
    pair = Pair(
        predicted=write_scene(predicted[None], "m.tif", crs=crs, nodata=255),
        reference=write_scene(truth[None], "t.tif", crs=crs, nodata=255),
        name="s",
    )
    area = scan(pair, dataclasses.replace(THREE, by_area=True)).confusion
    assert area.total == pytest.approx(scan(pair, THREE).confusion.total * 0.0625, rel=1e-6)
