"""`seaice.train` gives a model that predicts, and says in one line what is wrong."""

from pathlib import Path

import numpy as np
import pytest

import seaice_cli as seaice
from tests.training.test_pipeline import lists  # noqa: F401 - a fixture

TINY = {
    "encoder_weights": "none", "network": {"encoder_depth": 3, "decoder_channels": (8, 8, 8)}, "crop": 32, "batch": 2,
    "steps": 2, "eval_every": 2, "mean": (100.0,) * 3, "std": (50.0,) * 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(lists, tmp_path_factory):  # noqa: F811 - the fixture
    folder = tmp_path_factory.mktemp("trained") / "run"
    return folder, seaice.train(lists / "train.csv", folder, val=[lists / "val.csv"], classes=("water", "ice"), **TINY)


def test_the_model_of_a_run_predicts(trained, lists):  # noqa: F811 - the fixture
    folder, done = trained
    assert 0 <= done.scores["miou"] <= 1
    assert Path(folder, "model", "weights.safetensors").is_file()
    found = done.model.predict(lists / "valscenea.tif", any_resolution=True)
    assert set(np.unique(found.mask)) <= {0, 1}
    assert set(found.summary.shares) == {"water", "ice"}


def test_a_run_goes_on_for_more_steps(trained):
    folder, _ = trained
    seaice.train((), folder, resume=True, steps=4)
    assert [line.split(",")[0] for line in (folder / "log.csv").read_text().splitlines()] == ["step", "2", "4"]


def test_what_cannot_be_is_said_by_its_parameter(lists, tmp_path):  # noqa: F811 - the fixture
    with pytest.raises(TypeError, match="stepz"):
        seaice.train(lists / "train.csv", tmp_path / "run", stepz=3)
    with pytest.raises(seaice.SeaIceError, match=r"missing\.csv"):
        seaice.train("missing.csv", tmp_path / "run")
    with pytest.raises(seaice.SeaIceError, match=r"`?crop`?"):
        seaice.train(lists / "train.csv", tmp_path / "run", **(TINY | {"crop": 0}))
    assert not (tmp_path / "run").exists()
