"""The walks of docs/finetune.md, on real scenes: a few polygons, one command, and what the new model makes of other ground."""

import csv

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.features import rasterize

from seaice_cli.errors import SceneError
from seaice_cli.network.catalog import find_model
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import predict
from seaice_cli.raster.polygons.reading import read_polygons
from seaice_cli.training.options import read_options
from seaice_cli.training.pipeline import train
from tests import rasters as made
from tests.training.aerial import CLASSES, JUDGED, TAUGHT, polygons

pytestmark = pytest.mark.slow


def taught(folder, scene, label, **flags):
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label"), (scene, label)])
    given = {"init_from": "modis-truecolor", "data": (str(folder / "labels.csv"),), **flags}
    return train(read_options(None, "", given), folder / "run")[0]


def right(mask, shapes, class_id):
    """Return the share of a mask's pixels under polygons that are of a class."""
    with rasterio.open(mask) as dataset:
        classes, transform = dataset.read(1), dataset.transform
    inside = rasterize(shapes, out_shape=classes.shape, transform=transform, dtype="uint8") == 1
    return np.mean(classes[inside & (classes < 200)] == class_id)


def test_three_polygons_teach_the_low_sun_of_olci(tmp_path, real_data):
    scene = real_data / "large" / "olci_kara_2018066.tif"
    drawn = find_model("modis-truecolor").directory / "labels"
    with pytest.raises(SceneError, match="olci"):
        predict(str(scene), tmp_path / "refused.tif", options=PredictOptions())
    found = read_polygons(drawn / "train" / scene.with_suffix(".geojson").name, attribute="name")
    three = [(found.geometries[i], found.values[i]) for i in (1, 3, 5)]
    assert [name for _, name in three] == ["water", "ice", "ice"]
    made.layer(tmp_path / "labels.gpkg", three, kind="str")
    model = taught(tmp_path, scene, tmp_path / "labels.gpkg")
    predict(str(scene), tmp_path / "mask.tif", options=PredictOptions(model=str(model)))
    judge = read_polygons(drawn / "judge" / scene.with_suffix(".geojson").name, attribute="name")
    for class_id, name in enumerate(("water", "ice")):
        shapes = [g for g, value in zip(judge.geometries, judge.values, strict=True) if value == name]
        assert right(tmp_path / "mask.tif", shapes, class_id) > 0.9, name


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_six_polygons_teach_grey_photographs(tmp_path, real_data):
    photographs = real_data / "aerial_hotrax"
    made.layer(tmp_path / "labels.gpkg", polygons(TAUGHT["ice25.png"]), crs=None, kind="str")
    model = taught(tmp_path, photographs / "ice25.png", tmp_path / "labels.gpkg", classes=CLASSES, ice="ice")
    shares = {name: [] for name in CLASSES}
    for photograph, drawn in JUDGED.items():
        mask = tmp_path / "mask.tif"
        predict(str(photographs / photograph), mask, options=PredictOptions(model=str(model), overwrite=True))
        for polygon, name in polygons(drawn, flip=False):
            shares[name].append((shapely.area(polygon), right(mask, [polygon], CLASSES.index(name))))
    for name in ("water", "ice"):
        areas, right_shares = np.array(shares[name]).T
        assert np.average(right_shares, weights=areas) > 0.9, name
