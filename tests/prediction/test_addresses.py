"""`predict` on what has to be fetched first: a day of tiles, a STAC item."""

import json
import shlex

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.fetching.addresses import is_address
from tests.fetching.servers import TileServer, serving
from tests.fetching.stac_server import item, write_assets
from tests.models import expected_classes, pixel_model

BOX = "-1500000,-100000,-1400000,0"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEAICE_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def server(place, monkeypatch):
    with serving(TileServer()) as running:
        monkeypatch.setenv("SEAICE_SERVER", running.url)
        yield running


def predict(*arguments):
    return CliRunner().invoke(cli, ["predict", *map(str, arguments)])


def tags(path):
    with rasterio.open(path) as mask:
        return mask.tags()


def test_what_an_address_is(place):
    assert all(map(is_address, ("gibs:2024-06-01", "viirs/noaa20:2024-06-01", "https://x/item.json?key=1")))
    assert not any(
        map(is_address, ("scene.tif", "a:2024-06-01", "gibs", "gibs:june", "none.json", "https://x/scene.tif", "WMS:x"))
    )
    (place / "polygons.json").write_text('{"type": "FeatureCollection"}')
    assert not is_address("polygons.json")


def test_a_day_and_a_box_become_a_mask(place, server, two_class_model):
    done = predict("gibs:2024-06-01", f"--bbox={BOX}", "-o", "mask.tif", "--model", two_class_model)
    assert done.exit_code == 0, done.output
    scene = next((place / "cache" / "scenes").rglob("*.tif"))
    with rasterio.open(scene) as pixels, rasterio.open("mask.tif") as mask:
        assert np.array_equal(mask.read(1), expected_classes(pixels.read()))
        assert mask.transform == pixels.transform
    told = tags("mask.tif")
    assert (told["ACQUIRED"], told["SENSOR"]) == ("2024-06-01", "modis")
    asked = server.requests.total()
    again = predict("gibs:2024-06-01", f"--bbox={BOX}", "-o", "again.tif", "--model", two_class_model)
    assert again.exit_code == 0
    assert server.requests.total() == asked


def test_the_command_in_the_tags_makes_the_same_mask(place, server, two_class_model):
    predict("viirs/noaa20:2024-06-01", "--bbox=-50,72,-45,73", "-o", "mask.tif", "--model", two_class_model)
    words = shlex.split(tags("mask.tif")["COMMAND"])
    assert words[:5] == ["seaice", "predict", "viirs/noaa20:2024-06-01", "--bbox", "-50,72,-45,73"]
    words[words.index("--model") + 1] = str(two_class_model)
    done = CliRunner().invoke(cli, [*words[1:], "-o", "again.tif"])
    assert done.exit_code == 0, done.output
    with rasterio.open("mask.tif") as one, rasterio.open("again.tif") as other:
        assert np.array_equal(one.read(), other.read())


def test_a_night_is_one_line_and_leaves_nothing(place, server, two_class_model):
    done = predict("gibs:2023-12-20", f"--bbox={BOX}", "-o", "mask.tif", "--model", two_class_model)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: gibs-truecolor of terra, 2023-12-20: the sun does not rise there")
    assert [p.name for p in place.rglob("*.tif")] == []
    server.requests.clear()
    assert predict("gibs:2024-06-01", "-o", "mask.png").exit_code == 1
    assert not server.requests
    assert not (place / "mask.png").exists()


def test_a_day_that_may_still_be_completed_is_fetched_anew(place, server, two_class_model, monkeypatch):
    command = ["gibs:2024-06-01", f"--bbox={BOX}", "--model", two_class_model]
    assert predict(*command, "-o", "a.tif").exit_code == 0
    server.requests.clear()
    assert predict(*command, "-o", "b.tif").exit_code == 0
    assert not server.requests
    monkeypatch.setattr("seaice_cli.fetching.addresses._UNFINISHED_DAYS", 100_000)
    assert predict(*command, "-o", "c.tif").exit_code == 0
    assert server.requests


def test_an_item_is_read_at_the_resolution_of_the_model(place):
    model = pixel_model(place / "model", dtype="uint16", valid_range=(0, 10_000), resolution=40.0)
    write_assets(place, "granule")
    (place / "granule.json").write_text(json.dumps(item(place, "granule", "./")))
    done = predict("granule.json", "-o", "mask.tif", "--model", model)
    assert done.exit_code == 0, done.output
    with rasterio.open("mask.tif") as mask:
        assert mask.res == (40, 40)
        assert mask.shape == (100, 100)
    told = tags("mask.tif")
    assert (told["SCENE"], told["SENSOR"], told["ACQUIRED"]) == ("granule.tif", "sentinel2", "2024-06-01T12:00:00Z")
    assert shlex.split(told["COMMAND"])[:3] == ["seaice", "predict", "granule.json"]
