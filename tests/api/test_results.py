"""Polygons, floes, scores and models through the library's face."""

import pickle

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine

import seaice_cli as seaice

PLACE = {"transform": Affine(250, 0, -1e6, 0, -250, 1e6), "crs": "EPSG:3413"}
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


@pytest.fixture(scope="module")
def blocks():
    """Three bands of water with eleven squares of ice, of 4 to 14 pixels along a side, and one at the edge."""
    pixels = np.full((3, 120, 200), 20, "uint8")
    for number in range(11):
        row, column = 10 + 50 * (number % 2), 5 + 17 * number
        pixels[:, row : row + 4 + number, column : column + 4 + number] = 240
    pixels[:, 100:120, 0:10] = 240
    return pixels


@pytest.fixture(scope="module")
def found(blocks, two_class_model):
    return seaice.predict(blocks, model=two_class_model, **PLACE)


def test_polygons_are_those_of_the_file(found, tmp_path):
    polygons = found.polygons()
    assert len(polygons) == 12
    assert polygons.crs.to_epsg() == 3413
    assert sorted(round(a / 62500) for a in polygons.geometry.area)[:2] == [16, 25]
    path = found.path("mask", tmp_path)
    seaice.vectorize(
        path, tmp_path / "ice.gpkg", classes=["ice"], attributes="floe", probability=found.path("probability", tmp_path)
    )
    written = geopandas.read_file(tmp_path / "ice.gpkg", layer="ice")
    assert set(polygons.columns) == set(written.columns)
    np.testing.assert_allclose(sorted(polygons["area_m2"]), sorted(written["area_m2"]))


def test_floe_sizes_of_a_table_are_those_of_its_file(found, tmp_path):
    polygons = found.polygons(split_floes=True)
    report = seaice.floe_sizes(polygons)
    seaice.vectorize(
        found.path("mask", tmp_path), tmp_path / "f.gpkg", classes=["ice"], attributes="floe", split_floes=True
    )
    of_file = seaice.floe_sizes(str(tmp_path / "f.gpkg"))
    assert (report.floes, report.left_out) == (of_file.floes, of_file.left_out) == (11, 1)
    assert report.caveats == of_file.caveats
    assert report.equal_area.median_m == pytest.approx(of_file.equal_area.median_m)


def test_scores_of_a_prediction_against_an_array_and_a_file(found, blocks, tmp_path):
    truth = (blocks[0] > 128).astype("uint8")
    assert seaice.evaluate(found, truth, resamples=0, **PLACE).scores["miou"] == 1
    truth[:60] = 0
    with rasterio.open(
        tmp_path / "t.tif", "w", driver="GTiff", count=1, height=120, width=200, dtype="uint8", **PLACE
    ) as target:
        target.write(truth, 1)
    scores = seaice.evaluate([found, found.mask], [tmp_path / "t.tif", truth], resamples=0, **PLACE).scores
    ice, right = 2 * np.count_nonzero(blocks[0] > 128), 2 * np.count_nonzero(truth)
    assert scores["iou:ice"] == pytest.approx(right / ice)
    with pytest.raises(seaice.OptionError, match="no class 'slush'"):
        seaice.evaluate(found, truth, ice="slush", **PLACE)
    with pytest.raises(ValueError, match="zip"):
        seaice.evaluate([found, found], [truth], **PLACE)


def test_a_loaded_model_opens_its_engine_once(blocks, two_class_model, monkeypatch):
    from seaice_cli.prediction.job import Job

    plain, opened = Job.open_engine, []
    monkeypatch.setattr(Job, "open_engine", lambda job: opened.append(job) or plain(job))
    model = seaice.load_model(two_class_model)
    first, second = (model.predict_array(blocks + shift) for shift in np.uint8([0, 5]))
    np.testing.assert_array_equal(first.mask, second.mask)
    assert len(opened) == 1
    model.predict_array(blocks[:, :64, :64])
    assert len(opened) == 2
    assert "two" in repr(model)


def test_a_prediction_can_be_pickled_and_shown(found):
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.mask, found.mask)
    assert "120 x 200 pixels" in repr(again)


def test_xarray_has_coordinates_names_and_nodata(found):
    array = found.to_xarray()
    assert array.shape == (120, 200)
    assert array.attrs["flag_meanings"] == "water ice"
    assert float(array.x[0]) == -1e6 + 125
    assert float(array.y[-1]) == 1e6 - 119.5 * 250
    assert array.rio.crs.to_epsg() == 3413
    assert array.rio.nodata == 255
    assert found.to_xarray("probability").max() > 90
    with pytest.raises(ValueError, match="no 'polygons'"):
        found.to_xarray("polygons")
