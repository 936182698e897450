"""`seaice fetch` as a user types it."""

import json

import pytest
import rasterio
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from tests.fetching.servers import TileServer, serving

BOX = "-1500000,-100000,-1400000,0"


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEAICE_CACHE", str(tmp_path / "cache"))
    with serving(TileServer()) as running:
        monkeypatch.setenv("SEAICE_SERVER", running.url)
        yield running


def seaice(*arguments):
    return CliRunner().invoke(cli, ["fetch", *arguments])


def test_a_day_becomes_a_scene(server):
    done = seaice("--date", "2024-06-01", f"--bbox={BOX}", "-o", "scene.tif", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["target"], told["crs"], told["share"]) == ("scene.tif", "EPSG:3413", 1.0)
    with rasterio.open("scene.tif") as scene:
        assert scene.shape == (told["height"], told["width"])


def test_days_become_files_in_a_folder_and_empty_ones_are_told(server, tmp_path):
    done = seaice("--date", "2024-06-01/2024-06-03", f"--bbox={BOX}", "-o", "days", "--satellite", "aqua")
    assert done.exit_code == 1
    assert sorted(p.name for p in (tmp_path / "days").iterdir()) == [
        "gibs-truecolor_aqua_2024-06-01.tif", "gibs-truecolor_aqua_2024-06-02.tif"
    ]  # fmt: skip
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr.startswith("Error: gibs-truecolor of aqua, 2024-06-03: the server has no picture")
    assert seaice("--date", "2024-06-01/2024-06-02", f"--bbox={BOX}", "-o", "days.tif").exit_code == 1


def test_errors_name_flags(server):
    done = seaice("--date", "2024-06-01", f"--bbox={BOX}", "-o", "scene.tif", "--satellite", "sun")
    assert (done.exit_code, done.stderr) == (1, "Error: --satellite sun: gibs-truecolor has terra, aqua\n")
