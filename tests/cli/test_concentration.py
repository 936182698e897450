"""From masks to a day, to concentrations, to extents, on the command line."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from tests.products.made import mask_at


def call(*arguments):
    return CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.fixture
def masks(tmp_path):
    pixels = np.zeros((40, 40), np.uint8)
    pixels[:, 20:] = 1
    cloudy = pixels.copy()
    cloudy[:10] = 2
    return [mask_at(tmp_path / f"{k}.tif", m, hour=8 + k) for k, m in enumerate((pixels, cloudy))]


def test_a_day_its_concentration_and_its_extent(masks, tmp_path):
    day, sic, edge = tmp_path / "day.tif", tmp_path / "sic.nc", tmp_path / "edge.gpkg"
    made = call("composite", *masks, "-o", day, "--layers", tmp_path / "layers.tif")
    assert made.exit_code == 0, made.output
    assert "hidden: 0.0%" in made.stdout
    made = call("concentration", day, "-o", sic, "--cell", 1000, "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["mean_concentration"] == pytest.approx(0.5, abs=0.01)
    made = call("extent", sic, "--edge", edge, "--csv", tmp_path / "s.csv", "--plot", tmp_path / "s.png", "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)[0]["extent_km2"] == pytest.approx(50 / 0.95, rel=0.05)
    assert edge.exists()
    assert "marginal" in call("extent", sic).stdout


def test_a_series_grows(masks, tmp_path):
    sic = tmp_path / "sic.nc"
    for mask in masks:
        made = call("concentration", mask, "-o", sic, "--cell", 1000, "--append")
        assert made.exit_code == 0, made.output
    assert len(json.loads(call("extent", sic, "--json").stdout)) == 2
    again = call("concentration", masks[0], "-o", sic, "--cell", 1000, "--append")
    assert again.exit_code == 1
    assert "already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["concentration", "{mask}", "-o", "a.nc"], "--grid, or the side of its cells with --cell"),
        (["concentration", "{mask}", "-o", "a.png", "--cell", "1000"], "name it .nc or .tif"),
        (["concentration", "{mask}", "-o", "a.tif", "--cell", "1000", "--append"], "--append"),
        (["concentration", "{mask}", "-o", "a.nc", "--cell", "1000", "--min-valid", "2"], "--min-valid 2"),
        (["concentration", "{mask}", "-o", "a.nc", "--cell", "1000", "--time", "noon"], "--time noon"),
        (["concentration", "{silent}", "-o", "a.nc", "--cell", "1000"], "say it with --time"),
        (["concentration", "none.tif", "-o", "a.tif", "--cell", "1000"], "no such file"),
        (["concentration", "{mask}", "-o", "a.tif", "--cell", "1000", "--ice", "slush"], "no class 'slush'"),
        (["extent", "none.nc"], "cannot be read"),
        (["extent", "{mask}"], "is no GeoTIFF of concentrations"),
        (["composite", "{mask}", "-o", "a.png"], "name it .tif"),
        (["composite", "{mask}", "{silent}", "-o", "a.tif", "--max-age", "3"], "--max-age"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, words, masks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    silent = mask_at(tmp_path / "silent.tif", [[0, 1]])
    before = sorted(tmp_path.iterdir())
    done = call(*(a.format(mask=masks[0], silent=silent) for a in arguments))
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_offered_is_what_there_is():
    from seaice_cli.choices import GRIDS
    from seaice_cli.products.concentration.grids import _FAMILIES, named_grid

    assert tuple(f"{family}{size:g}" for family, found in _FAMILIES.items() for size in found.kilometres) == GRIDS
    assert [named_grid(name).name for name in GRIDS] == list(GRIDS)
