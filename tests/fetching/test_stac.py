"""Scenes of STAC items from a server on loopback: searched, chosen, read by ranges, and recognised by `predict`."""

import json
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from rasterio.transform import rowcol
from rasterio.warp import transform as transform_points

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.fetching.options import SearchOptions
from seaice_cli.fetching.stac.mosaic import mosaic_items
from seaice_cli.fetching.stac.search import read_item, search_items
from seaice_cli.fetching.transport import Patience
from seaice_cli.raster.reading.scene import Scene
from seaice_cli.raster.reading.sensors import recognise
from tests.fetching.conftest import QUICK
from tests.fetching.servers import serving
from tests.fetching.stac_server import StacServer, item, write_assets

DAY = date(2024, 6, 1)
BOX = (15.0, 78.0, 15.5, 78.5)


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """Return a server with two granules beside each other; the eastern one is cloudier, and of both one more on another day."""
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")
    folder = tmp_path / "files"
    folder.mkdir()
    write_assets(folder, "west")
    write_assets(folder, "east", left=503_000, value=5000)
    with serving(StacServer(folder)) as running:
        base = f"{running.url}/files/"
        running.items = [
            item(folder, "east", base, cloud=40.0, moment="2024-06-01T14:00:00Z"), item(folder, "west", base),
            item(folder, "west", base, moment="2024-06-02T12:00:00Z"),
        ]  # fmt: skip
        yield running


def made(catalogue, tmp_path, day=DAY, **chosen):
    options = SearchOptions(**{"stac": f"{catalogue.url}/v1", "bbox": BOX, "patience": QUICK} | chosen)
    items = search_items(day, options)
    target = tmp_path / "scene.tif"
    told = mosaic_items(items, target, options, name="a test", overwrite=True)
    with rasterio.open(target) as scene:
        about = ("transform", "scales", "offsets", "descriptions", "nodata", "res")
        return told, scene.read(), SimpleNamespace(**{name: getattr(scene, name) for name in about})


def asset(tmp_path, name):
    with rasterio.open(tmp_path / "files" / name) as file:
        return file.read(1)


def utm_box(left, bottom, right, top):
    return {"bbox": (left, bottom, right, top), "crs": "EPSG:32633"}


def test_a_search_becomes_one_scene_of_both_granules(catalogue, tmp_path):
    told, pixels, scene = made(catalogue, tmp_path, **utm_box(500_000, 8_696_000, 507_000, 8_700_000))
    assert pixels.shape == (3, 400, 700)
    assert np.array_equal(pixels[0, :, :400], asset(tmp_path, "west_B04.tif"))  # clearer, so on top
    assert np.array_equal(pixels[2, :, 400:], asset(tmp_path, "east_B02.tif")[:, 100:])
    assert scene.transform == rasterio.Affine(10, 0, 500_000, 0, -10, 8_700_000)
    assert scene.scales == (0.0001,) * 3
    assert scene.offsets == (-0.1,) * 3
    assert scene.descriptions == ("red", "green", "blue")
    assert scene.nodata == 0
    assert (told.requests, told.share, told.day) == (2, 1.0, "2024-06-01")
    assert catalogue.searches[0]["collections"] == ["sentinel-2-l2a"]
    assert catalogue.searches[0]["datetime"] == "2024-06-01T00:00:00Z/2024-06-01T23:59:59Z"


def test_tags_tell_what_it_is_and_predict_recognises_it(catalogue, tmp_path):
    made(catalogue, tmp_path)
    with Scene(str(tmp_path / "scene.tif")) as scene:
        assert recognise(scene.facts).name == "sentinel2"
        tags = scene.facts.tags
    assert tags["ACQUIRED"] == "2024-06-01T12:00:00Z/2024-06-01T14:00:00Z"
    assert (tags["ITEMS"], tags["ATTRIBUTION"], tags["COLLECTION"]) == ("west, east", "ESA", "sentinel-2-l2a")


def test_pages_are_followed_and_clouds_left_out(catalogue, tmp_path):
    base, folder = f"{catalogue.url}/files/", tmp_path / "files"
    catalogue.items = [item(folder, "west", base, cloud=c) for c in (50.0, 80.0, 10.0, 90.0, 20.0)]
    found = search_items(DAY, SearchOptions(stac=f"{catalogue.url}/v1", bbox=BOX, patience=QUICK, max_cloud=60))
    assert [i.properties["eo:cloud_cover"] for i in found] == [10.0, 20.0, 50.0]
    assert len(catalogue.searches) == 3
    with pytest.raises(SceneError, match="5 are cloudier than `max_cloud` 5"):
        search_items(DAY, SearchOptions(stac=f"{catalogue.url}/v1", bbox=BOX, patience=QUICK, max_cloud=5))


def test_holes_are_filled_from_the_next_item(catalogue, tmp_path):
    write_assets(tmp_path / "files", "west", hole=350)
    _, pixels, _ = made(catalogue, tmp_path, **utm_box(500_000, 8_696_000, 507_000, 8_700_000))
    assert (pixels[:, :, :300] == 0).all()
    assert np.array_equal(pixels[0, :, 300:350], asset(tmp_path, "east_B04.tif")[:, :50])
    assert np.array_equal(pixels[0, :, 350:400], asset(tmp_path, "west_B04.tif")[:, 350:])


def test_coarser_pixels_are_means(catalogue, tmp_path):
    _, pixels, scene = made(catalogue, tmp_path, resolution=40, **utm_box(500_000, 8_696_000, 502_000, 8_700_000))
    means = asset(tmp_path, "west_B04.tif")[:, :200].reshape(100, 4, 50, 4).mean((1, 3))
    assert scene.res == (40, 40)
    assert np.abs(pixels[0] - means).max() <= 1


def test_another_crs_shows_the_same_values_at_the_same_places(catalogue, tmp_path):
    _, pixels, scene = made(catalogue, tmp_path, crs="EPSG:3413")
    red = asset(tmp_path, "west_B04.tif")
    rows, columns = np.array([50, 200, 350]), np.array([30, 200, 290])
    x, y = transform_points("EPSG:32633", "EPSG:3413", 500_005 + 10 * columns, 8_699_995 - 10 * rows)
    found = [pixels[0][rowcol(scene.transform, a, b)] for a, b in zip(x, y, strict=True)]
    assert np.abs(np.array(found, int) - red[rows, columns]).max() <= 3  # the nearest pixel, one beside at most


def test_only_the_ranges_that_are_needed_are_read(catalogue, tmp_path):
    write_assets(tmp_path / "files", "west", size=3000, top=8_700_000)
    catalogue.items = [item(tmp_path / "files", "west", f"{catalogue.url}/files/")]
    made(catalogue, tmp_path, assets=("red",), **utm_box(500_000, 8_699_000, 501_000, 8_700_000))
    assert catalogue.ranges
    assert catalogue.bytes < (tmp_path / "files" / "west_B04.tif").stat().st_size / 2


def test_an_offset_that_was_applied_is_none(catalogue, tmp_path):
    folder = tmp_path / "files"
    catalogue.items = [item(folder, "west", f"{catalogue.url}/files/", **{"earthsearch:boa_offset_applied": True})]
    _, _, scene = made(catalogue, tmp_path)
    assert scene.offsets == (0.0,) * 3
    assert scene.scales == (0.0001,) * 3


def test_items_of_other_meaning_do_not_stand_in_one_scene(catalogue, tmp_path):
    catalogue.items[0] = item(tmp_path / "files", "east", f"{catalogue.url}/files/", offset=0.0)
    with pytest.raises(SceneError, match="differ in scale and offset"):
        made(catalogue, tmp_path)


def test_items_of_stac_1_1_are_read_alike(catalogue, tmp_path):
    folder = tmp_path / "files"
    catalogue.items = [item(folder, "west", f"{catalogue.url}/files/", version="1.1.0")]
    _, pixels, scene = made(catalogue, tmp_path, assets=("blue", "red"))
    assert scene.offsets == (-0.1,) * 2
    assert pixels[0].max() == asset(tmp_path, "west_B02.tif").max()
    assert pixels[1].max() == asset(tmp_path, "west_B04.tif").max()
    assert scene.descriptions == ("blue", "red")


@pytest.mark.parametrize(
    ("end", "fault"), [("/search", 503), ("/v1", 502), ("B04.tif", 503), ("B04.tif", "short"), ("/search", "slow")]
)
def test_what_fails_once_is_asked_for_again(catalogue, tmp_path, end, fault):
    catalogue.faults[end] = [fault]
    told, _, _ = made(catalogue, tmp_path, **utm_box(500_000, 8_696_000, 507_000, 8_700_000))
    assert told.share == 1.0


@pytest.mark.parametrize(
    ("end", "fault", "said"),
    [("/search", 503, "cannot be searched"), ("/search", "cut", "cannot be searched"), ("/v1", 404, "cannot be searched"),
     ("B04.tif", 503, "west_B04.tif: cannot be read"), ("B04.tif", 403, "B04.tif: cannot be read")],
)  # fmt: skip
def test_what_fails_for_ever_is_one_line_and_leaves_nothing(catalogue, tmp_path, monkeypatch, end, fault, said):
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "1")
    catalogue.faults[end] = [fault] * 50
    with pytest.raises(SceneError, match=said) as error:
        made(catalogue, tmp_path, patience=Patience(tries=2, connect=1, read=1, backoff=0.01))
    assert len(str(error.value).splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["files"]


def test_what_is_missing_is_named(catalogue, tmp_path):
    with pytest.raises(SceneError, match="has no item of sentinel-2-l2a on 2024-06-03"):
        made(catalogue, tmp_path, day=date(2024, 6, 3))
    with pytest.raises(OptionError, match="`assets` swir16: the item west has blue, green, red"):
        made(catalogue, tmp_path, assets=("swir16",))
    with pytest.raises(OptionError, match="needs `bbox`"):
        made(catalogue, tmp_path, bbox=None)
    with pytest.raises(OptionError, match="say with `crs`"):
        made(catalogue, tmp_path, bbox=(500_000, 8_696_000, 507_000, 8_700_000))
    with pytest.raises(SceneError, match="show nothing in that box"):
        _away(catalogue, tmp_path)


def _away(catalogue, tmp_path):
    options = SearchOptions(
        stac=f"{catalogue.url}/v1", patience=QUICK, **utm_box(520_000, 8_690_000, 521_000, 8_691_000)
    )
    items = search_items(DAY, SearchOptions(stac=f"{catalogue.url}/v1", patience=QUICK, bbox=BOX))
    mosaic_items(items, tmp_path / "away.tif", options, name="elsewhere")


def test_an_item_on_a_server_cannot_point_into_this_machine(catalogue, tmp_path):
    for href in ("/etc/hostname", "/vsizip//tmp/a.zip", "file:///etc/hostname"):
        values = item(tmp_path / "files", "west", f"{catalogue.url}/files/")
        values["assets"]["red"]["href"] = href
        catalogue.items = [values]
        with pytest.raises(SceneError, match=r"is no file that can be read from here|cannot be read"):
            made(catalogue, tmp_path)


def test_an_asset_that_names_other_files_is_not_opened(catalogue, tmp_path):
    (tmp_path / "files" / "west_B04.tif").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>")
    catalogue.items = catalogue.items[1:]
    with pytest.raises(SceneError, match="cannot be read"):
        made(catalogue, tmp_path)


def test_an_item_of_a_file_finds_the_files_beside_it(catalogue, tmp_path):
    folder = tmp_path / "files"
    (folder / "west.json").write_text(json.dumps(item(folder, "west", "./")))
    found = read_item(str(folder / "west.json"))
    mosaic_items([found], tmp_path / "scene.tif", SearchOptions(stac="west.json"), name="west")
    with rasterio.open(tmp_path / "scene.tif") as scene:
        assert np.array_equal(scene.read(1), asset(tmp_path, "west_B04.tif"))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"type": "Feature"}', '{"type": "FeatureCollection", "features": []}', '"x"']
)
def test_what_is_no_item_is_one_line(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SceneError, match="no STAC item that can be read"):
        read_item(str(tmp_path / "x.json"))


def test_what_holds_nan_leaves_room_for_the_next_item(tmp_path):
    items = []
    for name, left in (("one", 500_000), ("two", 504_000)):
        write_assets(tmp_path, name, left=left)
        for number in (2, 3, 4):
            path = tmp_path / f"{name}_B0{number}.tif"
            with rasterio.open(path) as file:
                profile = file.profile | {"dtype": "float32", "nodata": np.nan}
                pixels = file.read(1).astype(np.float32)
            pixels[:, :10] = np.nan
            with rasterio.open(path, "w", **profile) as file:
                file.write(pixels, 1)
        about = item(tmp_path, name, "./")
        for asset in about["assets"].values():
            for band in asset.get("raster:bands", ()):
                del band["nodata"]
        (tmp_path / f"{name}.json").write_text(json.dumps(about))
        items.append(read_item(str(tmp_path / f"{name}.json")))
    mosaic_items(items, tmp_path / "scene.tif", SearchOptions(stac="here"), name="both", tags={})
    with rasterio.open(tmp_path / "scene.tif") as scene:
        pixels = scene.read(1)
    assert pixels.shape == (400, 800)
    assert np.flatnonzero(np.isnan(pixels).all(axis=0)).tolist() == [*range(10), *range(400, 410)]


def test_a_nodata_value_that_no_pixel_can_hold_is_none(catalogue, tmp_path):
    write_assets(tmp_path, "granule")
    about = item(tmp_path, "granule", "./")
    for asset in about["assets"].values():
        for band in asset.get("raster:bands", ()):
            band["nodata"] = -9999
    (tmp_path / "granule.json").write_text(json.dumps(about))
    mosaic_items(
        [read_item(str(tmp_path / "granule.json"))],
        tmp_path / "scene.tif",
        SearchOptions(stac="here"),
        name="x",
        tags={},
    )
    with rasterio.open(tmp_path / "scene.tif") as scene:
        assert (scene.nodata, scene.dtypes[0]) == (0, "uint16")
