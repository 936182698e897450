"""Folders of masks as collections, and models as items."""

import json

import numpy as np
import pystac
import pytest
import rasterio
from click.testing import CliRunner
from pystac.extensions.mlm import MLMExtension

from seaice_cli.cli.main import cli
from seaice_cli.network.catalog import find_model, shipped
from tests.products.made import mask_at
from tests.stac.schemas import MASK, MODEL, check


def seaice(*arguments):
    return CliRunner().invoke(cli, [*map(str, arguments)])


@pytest.fixture
def masks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "masks" / "june").mkdir(parents=True)
    for hour, name in ((8, "a.tif"), (14, "june/b.tif")):
        path = tmp_path / "masks" / name
        mask_at(path, np.ones((20, 20), np.uint8), hour=hour)
        with rasterio.open(path, "r+") as mask:
            mask.update_tags(SOFTWARE="seaice 0.1.0")
    return tmp_path / "masks"


def test_a_collection_and_its_items_name_each_other_and_are_valid(masks):
    mask_at(masks / "foreign.tif", np.ones((8, 8), np.uint8), hour=3)
    done = seaice("stac", "masks", "-o", "masks/collection.json", "--license", "CC-BY-4.0", "--title", "June")
    assert done.exit_code == 0, done.output
    assert done.stdout == "masks/collection.json: 2 items\n"
    check(json.loads((masks / "collection.json").read_text()))
    collection = pystac.Collection.from_file(str(masks / "collection.json"))
    items = list(collection.get_items())
    assert [i.id for i in items] == ["a", "b"]
    assert (collection.id, collection.license, collection.title) == ("masks", "CC-BY-4.0", "June")
    for item, file in zip(items, ("a.json", "june/b.json"), strict=True):
        check(json.loads((masks / file).read_text()), MASK)
        assert item.get_collection().id == "masks"
        assert item.assets["data"].get_absolute_href().endswith(file.replace(".json", ".tif"))
    box = collection.extent.spatial.bboxes[0]
    assert all(box[0] <= i.bbox[0] and box[2] >= i.bbox[2] for i in items)
    first, last = collection.extent.temporal.intervals[0]
    assert (first.hour, last.hour) == (8, 14)


def test_other_files_of_a_mask_stay_in_its_item(masks):
    assert seaice("stac", "masks", "-o", "c.json").exit_code == 0
    known = json.loads((masks / "a.json").read_text())
    (masks / "a.gpkg").write_bytes(b"polygons")
    for name, file in (("vector", "a.gpkg"), ("preview", "gone.png")):
        known["assets"][name] = {"href": f"./{file}", "roles": ["data"]}
    (masks / "a.json").write_text(json.dumps(known))
    assert seaice("stac", "masks", "-o", "c.json", "--overwrite").exit_code == 0
    assert set(json.loads((masks / "a.json").read_text())["assets"]) == {"data", "vector"}


def test_a_collection_is_no_item_and_no_item_is_of_two_masks(masks):
    done = seaice("stac", "masks", "-o", "masks/a.json", "--overwrite")
    assert (done.exit_code, list(masks.rglob("*.json"))) == (1, [])
    assert "is the name of a mask's item" in done.stderr
    (masks / "a.tiff").write_bytes((masks / "a.tif").read_bytes())
    done = seaice("stac", "masks", "-o", "masks/c.json")
    assert (done.exit_code, list(masks.rglob("*.json"))) == (1, [])
    assert "would be the item of two masks" in done.stderr


def test_a_collection_is_made_anew_with_its_items(masks):
    assert seaice("stac", "masks", "-o", "c.json").exit_code == 0
    assert seaice("stac", "masks", "-o", "c.json").exit_code == 1
    done = seaice("stac", "masks", "-o", "c.json", "--overwrite")
    assert done.exit_code == 0, done.output
    assert len(pystac.Collection.from_file("c.json").get_links("item")) == 2


def test_files_of_others_are_not_replaced(masks):
    (masks / "a.json").write_text('{"mine": 1}')
    done = seaice("stac", "masks", "-o", "c.json")
    assert done.exit_code == 1
    assert "masks/a.json: is no STAC item" in done.stderr
    assert (masks / "a.json").read_text() == '{"mine": 1}'
    assert not (masks / "june" / "b.json").exists()


def test_folders_without_masks_are_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for folder, said in (("empty", "holds no mask"), ("none", "there is no such folder")):
        done = seaice("stac", folder, "-o", "c.json")
        assert done.exit_code == 1
        assert said in done.stderr.splitlines()[-1]
    assert seaice("stac", "empty", "-o", "c.txt").exit_code == 1
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize("name", shipped())
def test_a_model_is_a_valid_item_of_the_mlm_extension(name):
    done = seaice("models", "show", name, "--stac")
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    check(values, MODEL)
    spec = find_model(name).spec
    item = pystac.Item.from_dict(values)
    about = MLMExtension.ext(item)
    assert about.mlm_name == name
    assert [b if isinstance(b, str) else b.name for b in about.input[0].bands] == list(spec.bands)
    assert about.output[0].result.shape == [-1, len(spec.classes), -1, -1]
    assert [c.value for c in about.output[0].classes] == list(range(len(spec.classes)))
    assert all((find_model(name).directory / a.href).exists() for a in item.assets.values())
