"""Scenes made of tiles: the right pixels at the right place, whatever the server does meanwhile."""

from datetime import date

import numpy as np
import pytest
import rasterio
from affine import Affine

from seaice_cli.errors import OptionError, OutputError, SceneError
from seaice_cli.fetching.mosaic import fetch_tiles
from seaice_cli.fetching.transport import Patience
from tests.fetching.servers import tile

DAY = date(2024, 6, 1)
TRUECOLOR = "MODIS_Terra_CorrectedReflectance_TrueColor"


def fetched(tmp_path, options, day=DAY, name="scene.tif", **named):
    target = tmp_path / name
    told = fetch_tiles(day, target, options, **named)
    with rasterio.open(target) as scene:
        return told, scene.read(), scene.profile | {"tags": scene.tags(), "descriptions": scene.descriptions}


def leftovers(tmp_path):
    return sorted(p.name for p in tmp_path.iterdir() if p.name != "cache")


def test_a_box_is_cut_out_of_its_tiles(tmp_path, options):
    told, pixels, about = fetched(tmp_path, options())
    expected = np.stack(
        [np.block([[tile(TRUECOLOR, r, c)[..., b] for c in (20, 21)] for r in (30, 31)]) for b in range(3)]
    )
    assert pixels.shape == (3, 512, 512)
    assert (
        np.abs(pixels.astype(int) - expected[:, 256:768, 256:768]).max() <= 3
    )  # JPEG, and its chroma across edges of tiles
    assert about["crs"].to_epsg() == 3413
    assert about["transform"] == Affine(256, 0, -4194304 + 20.5 * 131072, 0, -256, 4194304 - 30.5 * 131072)
    assert about["nodata"] == 0
    assert about["descriptions"] == ("MODIS band 1", "MODIS band 4", "MODIS band 3")
    assert about["tags"]["ACQUIRED"] == "2024-06-01"
    assert about["tags"]["LAYER"] == TRUECOLOR
    assert "Global Imagery Browse Services" in about["tags"]["ATTRIBUTION"]
    assert (told.requests, told.share, told.height) == (4, 1.0, 512)
    assert leftovers(tmp_path) == ["scene.tif"]


def test_every_tile_is_asked_for_once_and_then_taken_from_the_cache(tmp_path, options, server):
    _, first, _ = fetched(tmp_path, options())
    assert set(server.requests.values()) == {1}
    told, again, _ = fetched(tmp_path, options(), name="again.tif")
    assert told.requests == 0
    assert set(server.requests.values()) == {1}
    assert np.array_equal(first, again)
    fetched(tmp_path, options(refresh=True), name="new.tif")
    assert set(server.requests.values()) == {2}
    assert all(agent.startswith("seaice/") for agent in server.agents)


def test_a_run_that_failed_in_the_middle_goes_on_with_the_tiles_it_has(tmp_path, options, server):
    server.faults[31, 21] = [403]
    with pytest.raises(SceneError, match=r"refuses .HTTP 403."):
        fetched(tmp_path, options(connections=1))
    assert leftovers(tmp_path) == []
    server.requests.clear()
    told, _, _ = fetched(tmp_path, options())
    assert told.requests == 1
    assert list(server.requests) == [(TRUECOLOR, 31, 21)]


@pytest.mark.parametrize("fault", [503, 500, 429, "short", "cut", "text", "drop", "slow"])
def test_what_fails_once_is_asked_for_again(tmp_path, options, server, fault):
    _, expected, _ = fetched(tmp_path, options(cache=tmp_path / "cache" / "other"), name="expected.tif")
    server.requests.clear()
    server.faults[30, 20] = [fault]
    _, pixels, _ = fetched(tmp_path, options())
    assert np.array_equal(pixels, expected)
    assert server.requests[TRUECOLOR, 30, 20] == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [(503, "fails again and again .HTTP 503."), ("short", "cannot be fetched"), ("cut", "no complete picture"),
     ("text", "it begins with '<.xml"), ("slow", "cannot be fetched .*timed out"), ("drop", "cannot be fetched")],
)  # fmt: skip
def test_what_fails_for_ever_ends_with_one_line_and_nothing_left(tmp_path, options, server, fault, said):
    server.every = [fault]
    with pytest.raises(SceneError, match=said) as error:
        fetched(tmp_path, options(patience=Patience(tries=2, connect=1, read=0.5, backoff=0.01)))
    assert len(str(error.value).splitlines()) == 1
    assert server.url in str(error.value)
    assert leftovers(tmp_path) == []


def test_no_server_at_all_is_one_line(tmp_path, options):
    with pytest.raises(SceneError, match=r"127.0.0.1:9/.*refused"):
        fetched(tmp_path, options(server="http://127.0.0.1:9/wmts"))
    with pytest.raises(SceneError, match="no address of a server"):
        fetched(tmp_path, options(server="file:///etc"))


def test_a_missing_tile_is_no_data(tmp_path, options, server, caplog):
    server.faults[30, 20] = [404]
    told, pixels, _ = fetched(tmp_path, options())
    assert (pixels[:, :256, :256] == 0).all()
    assert (pixels[:, 256:] > 0).all()
    assert told.share == 0.75
    assert "no picture of 1 tiles" in caplog.text


def test_a_day_without_pictures_says_why(tmp_path, options, server):
    with pytest.raises(SceneError, match=f"no tile of {TRUECOLOR}.*another day"):
        fetched(tmp_path, options(), day=date(2024, 6, 3))
    server.black = True
    with pytest.raises(SceneError, match="all pictures are black"):
        fetched(tmp_path, options(cache=tmp_path / "cache" / "b"))
    server.days.add("2023-12-20")
    with pytest.raises(SceneError, match=r"the sun does not rise .*polar night"):
        fetched(tmp_path, options(), day=date(2023, 12, 20))
    assert leftovers(tmp_path) == []


def test_a_damaged_tile_of_the_cache_is_fetched_anew(tmp_path, options, server):
    _, expected, _ = fetched(tmp_path, options())
    kept = sorted((tmp_path / "cache").rglob("*.jpg"))
    kept[0].write_bytes(kept[0].read_bytes()[:200])
    told, pixels, _ = fetched(tmp_path, options(), name="again.tif")
    assert told.requests == 1
    assert np.array_equal(pixels, expected)


def test_two_pictures_make_one_scene_of_five_bands(tmp_path, options, server):
    _, pixels, about = fetched(tmp_path, options(source="gibs-corrected", satellite="aqua"))
    assert about["descriptions"] == tuple(f"MODIS band {n}" for n in (1, 4, 3, 7, 2))
    assert np.abs(pixels[:, 100, 100].astype(int) - [130, 120, 160, 70, 60]).max() <= 3
    assert {layer for layer, *_ in server.requests} == {
        "MODIS_Aqua_CorrectedReflectance_TrueColor", "MODIS_Aqua_CorrectedReflectance_Bands721"
    }  # fmt: skip


def test_the_antarctic_lies_on_its_own_grid(tmp_path, options, server):
    _, _, about = fetched(tmp_path, options(bbox=(10, -69, 12, -68), source="viirs"))
    assert about["crs"].to_epsg() == 3031
    assert {layer for layer, *_ in server.requests} == {"VIIRS_SNPP_CorrectedReflectance_TrueColor"}


@pytest.mark.parametrize(
    ("chosen", "day", "said"),
    [
        ({"source": "gibs"}, DAY, "is none of gibs-truecolor"),
        ({"satellite": "snpp"}, DAY, "has terra, aqua"),
        ({"satellite": "aqua"}, date(2001, 6, 1), "begins on 2002-07-03"),
        ({"crs": "EPSG:4326"}, DAY, "tiles are in EPSG:3413 or EPSG:3031"),
        ({"bbox": (5e6, 5e6, 6e6, 6e6)}, DAY, "lies beyond"),
        ({"bbox": (5, 80, 6, 70)}, DAY, "left,bottom,right,top"),
        ({"bbox": (float("nan"), 70, 6, 80)}, DAY, "left,bottom,right,top"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked_for(tmp_path, options, server, chosen, day, said):
    with pytest.raises(OptionError, match=said):
        fetched(tmp_path, options(**chosen), day=day)
    assert not server.requests


def test_targets_are_refused_early(tmp_path, options, server):
    (tmp_path / "there.tif").write_bytes(b"x")
    for name, error in (("there.tif", OutputError), ("no/scene.tif", OutputError), ("scene.png", OptionError)):
        with pytest.raises(error):
            fetched(tmp_path, options(), name=name)
    assert not server.requests
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cache cannot be written"):
        fetched(tmp_path, options(cache=tmp_path / "file"))
    assert leftovers(tmp_path) == ["file", "there.tif"]
