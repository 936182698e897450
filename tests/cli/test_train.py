"""`seaice train` has a flag for every option, and says in one line what is wrong."""

import dataclasses
import json
import shutil

import pytest
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.training.options import TrainOptions
from tests.faults.attributes import hold
from tests.training.test_pipeline import lists  # noqa: F401 - a fixture

FLAGS = ["--encoder-weights", "none",
         "--crop", "32", "--batch", "2", "--steps", "2", "--eval-every", "2", "--network", "encoder_depth=3",
         "--network", "decoder_channels=[8,8,8]", "--mean", "100,100,100", "--std", "50,50,50"]  # fmt: skip


def run(*arguments):
    return CliRunner().invoke(cli, ["train", *map(str, arguments)], prog_name="seaice")


def test_there_is_a_flag_for_every_option():
    text = run("--help").output
    for entry in dataclasses.fields(TrainOptions):
        assert f"--{entry.name.replace('_', '-')}" in text or entry.name == "stages"


def test_a_model_is_trained_and_its_scores_are_told(lists, tmp_path):  # noqa: F811 - the fixture
    result = run("--data", lists / "train.csv", "--val", lists / "val.csv", "-o", tmp_path / "run", "--json", *FLAGS)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert set(told) >= {"model", "miou", "iou:ice", "step"}
    spec = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert spec["options"] == {"encoder_depth": 3, "decoder_channels": [8, 8, 8]}
    assert "lr = 0.001" in (tmp_path / "run" / "config.toml").read_text()


def test_a_run_goes_on_by_the_options_it_keeps(lists, tmp_path, monkeypatch):  # noqa: F811 - the fixture
    monkeypatch.chdir(lists)
    assert run("--data", "train.csv", "--val", "val.csv", "-o", tmp_path / "run", *FLAGS).exit_code == 0
    monkeypatch.chdir("/")
    result = run("-o", tmp_path / "run", "--resume", "--steps", "4")
    assert result.exit_code == 0, result.output
    assert [line.split(",")[0] for line in (tmp_path / "run" / "log.csv").read_text().splitlines()] == [
        "step",
        "2",
        "4",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--data", "missing.csv"], 1, "missing.csv"),
        (["--preset", "magic"], 2, "magic"),
        (["--network", "depth"], 2, "NAME=VALUE"),
        (["--sampler", "magic"], 2, "magic"),
        (["--config", "missing.toml"], 1, "missing.toml: cannot be read"),
        ([], 1, "--data"),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path, arguments, code, text):
    result = run("-o", tmp_path / "run", *arguments)
    assert result.exit_code == code
    assert text in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_an_attribute_of_a_scene_that_cannot_be_told_is_one_line(lists, tmp_path, monkeypatch):  # noqa: F811 - the fixture
    folder = shutil.copytree(lists, tmp_path / "lists")
    target = tmp_path / "run"
    hold(
        monkeypatch, folder, ["train", "--data", folder / "train.csv", "--val", folder / "val.csv", "-o", target, *FLAGS],
        lambda: shutil.rmtree(target, ignore_errors=True),
    )  # fmt: skip
