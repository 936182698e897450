"""Masks as STAC items: valid, at the right place and time, with the classes that the mask has."""

import json

import numpy as np
import pystac
import pytest
import rasterio
import shapely
from click.testing import CliRunner
from pyproj import Transformer
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.projection import ProjectionExtension

from seaice_cli.cli.main import cli
from seaice_cli.errors import DataError, OptionError
from seaice_cli.stac.items import make_item, write_item
from tests.products.made import mask_at
from tests.stac.schemas import MASK, check


def seaice(*arguments):
    return CliRunner().invoke(cli, [*map(str, arguments)])


@pytest.fixture
def predicted(tmp_path, monkeypatch, write_scene, noise, three_class_model):
    """Return a folder in which `predict` has made a mask with an item and all that can lie beside it."""
    monkeypatch.chdir(tmp_path)
    write_scene(noise(60, 80))
    with rasterio.open("scene.tif", "r+") as scene:
        scene.update_tags(ACQUIRED="2024-06-01T12:30:00Z")
    done = seaice(
        "predict", "scene.tif", "-o", "mask.tif", "--stac", "--vector", "ice.gpkg", "--preview", "look.png", "--abstain", "0.4",
        "--model", three_class_model,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return tmp_path


def test_an_item_is_valid_and_says_what_the_mask_says(predicted):
    values = json.loads((predicted / "mask.json").read_text())
    check(values, MASK)
    item = pystac.Item.from_file(str(predicted / "mask.json"))
    with rasterio.open(predicted / "mask.tif") as mask:
        about = ProjectionExtension.ext(item)
        assert (about.code, about.shape) == ("EPSG:3413", [60, 80])
        assert about.transform == list(mask.transform)[:6]
        assert about.bbox == list(mask.bounds)
        tags = mask.tags()
        colors = mask.colormap(1)
    assert values["properties"]["datetime"] == "2024-06-01T12:30:00Z"
    assert values["properties"]["processing:lineage"] == tags["COMMAND"]
    assert values["properties"]["seaice:model_sha256"] == tags["MODEL_SHA256"]
    assert {name: a["href"] for name, a in values["assets"].items()} == {
        "data": "./mask.tif", "vector": "./ice.gpkg", "preview": "./look.png"
    }  # fmt: skip
    classes = values["assets"]["data"]["bands"][0]["classification:classes"]
    assert [(c["value"], c["name"]) for c in classes] == [
        (0, "water"),
        (1, "ice"),
        (2, "cloud"),
        (253, "unsure"),
        (255, "nodata"),
    ]
    assert classes[1]["color_hint"] == "{:02X}{:02X}{:02X}".format(*colors[1][:3])
    assert classes[-1]["nodata"] is True
    assert ClassificationExtension.has_extension(item)
    assert "--stac" not in tags["COMMAND"]


def test_the_footprint_is_where_the_mask_is(predicted):
    values = json.loads((predicted / "mask.json").read_text())
    with rasterio.open(predicted / "mask.tif") as mask:
        corners = [mask.transform @ c for c in ((0, 0), (0, 60), (80, 60), (80, 0))]
    degrees = Transformer.from_crs(3413, 4326, always_xy=True)
    outline = shapely.from_geojson(json.dumps(values["geometry"]))
    for corner in corners:
        assert outline.boundary.distance(shapely.Point(degrees.transform(*corner))) < 1e-6
    assert np.allclose(values["bbox"][1::2], outline.bounds[1::2])


@pytest.mark.parametrize(
    ("left", "top", "holds", "box"),
    [
        (-10_000.0, 10_000.0, (0.0, 90.0), (-180, 180)),  # the pole
        (-1_418_000.0, 1_424_000.0, (179.99, 71.9), None),  # the antimeridian, x = -y of EPSG:3413
    ],
)
def test_footprints_at_the_pole_and_the_antimeridian_are_cut(tmp_path, left, top, holds, box):
    mask_at(tmp_path / "m.tif", np.ones((80, 80), np.uint8), hour=12, left=left, top=top)
    with rasterio.open(tmp_path / "m.tif", "r+") as mask:
        mask.update_tags(SOFTWARE="seaice 1")
    values = make_item(tmp_path / "m.tif").to_dict()
    check(values, MASK)
    outline = shapely.from_geojson(json.dumps(values["geometry"]))
    assert outline.is_valid
    west, _, east, _ = values["bbox"]
    if box:
        assert outline.distance(shapely.Point(*holds)) < 1e-6
        assert (west, east) == box
    else:
        assert outline.geom_type == "MultiPolygon"
        assert west > 170
        assert east < -170


def test_a_span_has_two_ends(tmp_path):
    mask_at(tmp_path / "m.tif", np.ones((8, 8), np.uint8))
    with rasterio.open(tmp_path / "m.tif", "r+") as mask:
        mask.update_tags(ACQUIRED="2024-06-01", SOFTWARE="seaice 1")
    write_item(tmp_path / "m.tif", tmp_path / "m.json")
    values = json.loads((tmp_path / "m.json").read_text())
    check(values, MASK)
    assert values["properties"]["datetime"] is None
    assert values["properties"]["start_datetime"] == "2024-06-01T00:00:00Z"
    assert values["properties"]["end_datetime"] == "2024-06-01T23:59:59Z"


def test_what_no_item_can_be_made_of_is_refused_and_leaves_nothing(
    tmp_path, monkeypatch, write_scene, noise, two_class_model
):
    monkeypatch.chdir(tmp_path)
    write_scene(noise(40, 40))
    done = seaice("predict", "scene.tif", "-o", "mask.tif", "--stac", "--model", two_class_model)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: scene.tif: does not say when it was acquired, as a STAC item must")
    done = seaice("predict", "scene.tif", "-o", "mask.png", "--format", "png", "--stac", "--model", two_class_model)
    assert done.stderr.startswith("Error: --stac: an item says where a mask is")
    (tmp_path / "mask.json").write_text("mine")
    with rasterio.open("scene.tif", "r+") as scene:
        scene.update_tags(ACQUIRED="2024-06-01")
    done = seaice("predict", "scene.tif", "-o", "mask.tif", "--stac", "--model", two_class_model)
    assert done.stderr.startswith("Error: mask.json: exists already")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mask.json", "scene.tif"]
    with pytest.raises(DataError, match="was not made by this program"):
        make_item(tmp_path / "scene.tif")
    with pytest.raises(DataError, match="cannot be opened"):
        make_item(tmp_path / "mask.json")
    mask_at(tmp_path / "m.tif", np.ones((8, 8), np.uint8))
    with rasterio.open(tmp_path / "m.tif", "r+") as mask:
        mask.update_tags(SOFTWARE="seaice 1")
    with pytest.raises(OptionError, match="does not say when"):
        make_item(tmp_path / "m.tif")


def test_a_composite_has_an_item_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for hour, name in ((8, "a.tif"), (14, "b.tif")):
        mask_at(tmp_path / name, np.ones((20, 20), np.uint8), hour=hour)
    done = seaice("composite", "a.tif", "b.tif", "-o", "day.tif", "--stac")
    assert done.exit_code == 0, done.output
    values = json.loads((tmp_path / "day.json").read_text())
    check(values, MASK)
    assert values["properties"]["seaice:rule"] == "latest"
    assert seaice("composite", "a.tif", "b.tif", "-o", "new.tif", "--stac").exit_code == 0
    (tmp_path / "other.json").write_text("mine")
    done = seaice("composite", "a.tif", "b.tif", "-o", "other.tif", "--stac")
    assert done.exit_code == 1
    assert not (tmp_path / "other.tif").exists()
