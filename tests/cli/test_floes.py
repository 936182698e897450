import json

import pytest
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.vectorization.options import VectorOptions
from seaice_cli.vectorization.pipeline import vectorize
from tests.vectorization.masks import ice_mask


@pytest.fixture
def polygons(tmp_path):
    target = tmp_path / "ice.gpkg"
    vectorize(ice_mask(tmp_path / "mask.tif", blur=2.0), target, options=VectorOptions(attributes="floe"))
    return target


def call(*arguments):
    return CliRunner().invoke(cli, ["floes", *map(str, arguments)])


def test_a_table_and_a_plot(polygons, tmp_path):
    result = call(polygons, "--plot", tmp_path / "sizes.png")
    assert result.exit_code == 0, result.output
    assert "floes," in result.stdout.splitlines()[0]
    for words in ("open water fraction", "lead fraction", "equal-area diameter", "mean caliper diameter", "note: "):
        assert words in result.stdout
    assert (tmp_path / "sizes.png").stat().st_size > 10_000


def test_json_holds_the_same_numbers(polygons):
    report = json.loads(call(polygons, "--json", "--bins", "5").stdout)
    assert len(report["equal_area"]["bins"]) == 5
    assert sum(b["floes"] for b in report["equal_area"]["bins"]) == report["floes"] > 0
    assert 0 < report["open_water_fraction"] < 1
    assert report["equal_area"]["fit"]["exponent"] > 1


def test_what_cannot_be_done_is_one_line(polygons, tmp_path):
    for arguments in ([tmp_path / "no.gpkg"], [polygons, "--class", "slush"], [polygons, "--plot", tmp_path / "a.jpg"]):
        result = call(*arguments)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
