"""`seaice models` lists, shows and exports."""

import json

import pytest
from click.testing import CliRunner

from seaice_cli.cli.main import cli


def run(*arguments):
    return CliRunner().invoke(cli, ["models", *map(str, arguments)], prog_name="seaice")


def test_the_default_model_is_marked_in_the_list():
    lines = run("list").stdout.splitlines()
    assert any(line.startswith("* modis-truecolor") for line in lines)
    assert {m["name"] for m in json.loads(run("list", "--json").stdout)} >= {"modis-truecolor"}


def test_a_model_is_shown_as_text_as_json_and_by_its_card():
    text = run("show", "modis-truecolor").stdout
    assert "red, green, blue (uint8, 0 to 255)" in text
    assert "250 m" in text
    spec = json.loads(run("show", "modis-truecolor", "--json").stdout)
    assert spec["sha256"]["network.onnx"]
    assert "must not be used" in run("show", "modis-truecolor", "--card").stdout


@pytest.mark.parametrize("name", ["m.onnx", "m.xml", "m.safetensors"])
def test_a_model_is_exported_by_the_suffix_of_the_target(tmp_path, name):
    result = run("export", "modis-truecolor", "-o", tmp_path / name, "--half")
    assert result.exit_code == 0, result.output
    assert (tmp_path / name).is_file()
    assert str(tmp_path / name) in result.stdout
    if name == "m.xml":
        assert (tmp_path / "m.bin").is_file()


def test_what_exists_is_not_replaced_unasked(tmp_path):
    target = tmp_path / "m.onnx"
    target.write_text("mine")
    assert run("export", "modis-truecolor", "-o", target).exit_code == 1
    assert target.read_text() == "mine"
    assert run("export", "modis-truecolor", "-o", target, "--overwrite").exit_code == 0
    assert target.stat().st_size > 1_000_000


@pytest.mark.parametrize("command", [("show", "nothing"), ("export", "nothing", "-o", "x.onnx")])
def test_an_unknown_model_is_told_in_one_line(command):
    result = run(*command)
    assert result.exit_code == 1
    assert "nothing" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_folder_that_is_not_there_is_told(tmp_path):
    result = run("export", "modis-truecolor", "-o", tmp_path / "none" / "m.onnx")
    assert result.exit_code == 1
    assert "none" in result.stderr
