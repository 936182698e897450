"""A quantised model: made and measured by one command, then taken by "auto"."""

import json

import numpy as np
import pytest

from seaice_cli.cli.main import main
from seaice_cli.errors import DataError
from seaice_cli.evaluation.quantization import choose_chips
from seaice_cli.network.catalog import find_model
from tests.faults.conftest import write_scene
from tests.models import expected_classes, pixel_model


def made(folder, number=3):
    """Write scenes with labels, and the list of them."""
    rng, lines = np.random.default_rng(0), ["image,label"]
    for index in range(number):
        pixels = rng.integers(0, 256, (3, 20, 22)).repeat(16, 1).repeat(16, 2).astype(np.uint8)
        write_scene(folder / f"{index}.tif", pixels)
        write_scene(folder / f"{index}_label.tif", expected_classes(pixels, classes=3)[None])
        lines.append(f"{index}.tif,{index}_label.tif")
    (folder / "list.csv").write_text("\n".join(lines))
    return folder / "list.csv"


def test_chips_come_from_all_scenes(tmp_path):
    model = find_model(pixel_model(tmp_path / "model"))
    made(tmp_path)
    chips = choose_chips(model, [tmp_path / f"{i}.tif" for i in range(3)], 5)
    assert [c.shape for c in chips] == [(3, 160, 192)] * 5
    write_scene(tmp_path / "small.tif", np.ones((3, 64, 64), np.uint8))
    shapes = {c.shape for c in choose_chips(model, [tmp_path / "small.tif", tmp_path / "1.tif"], 5)}
    assert shapes == {(3, 64, 64), (3, 160, 192)}, "scenes of other sizes count as well"
    many = choose_chips(model, [tmp_path / f"{i % 3}.tif" for i in range(5)] + [tmp_path / "small.tif"], 5)
    assert len(many) == 5
    assert many[-1].shape == (3, 64, 64), "the last scene counts as well"
    write_scene(tmp_path / "empty.tif", np.zeros((3, 64, 64), np.uint8), nodata=0)
    with pytest.raises(DataError, match="hold no data"):
        choose_chips(model, [tmp_path / "empty.tif"])


@pytest.mark.filterwarnings("ignore")
def test_one_command_makes_measures_and_notes(tmp_path, capsys, monkeypatch):
    pytest.importorskip("nncf")
    monkeypatch.setattr("seaice_cli.network.engines.openvino.multiplies_bytes", lambda: True)
    model, data = pixel_model(tmp_path / "model", classes=3), made(tmp_path)
    arguments = ["models", "export", str(model), "--int8", "--calibrate", str(data), "--measure", str(data)]
    other = data.with_name("other.csv")
    other.write_text("\n".join(data.read_text().splitlines()[:2]))
    arguments += ["--measure", str(other)]
    monkeypatch.setattr("sys.argv", ["seaice", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" in float32")[0] for line in lines[:2]] == [
        f"{n}.csv: mean IoU 1.0000" for n in ("list", "other")
    ]
    losses = [1 - float(line.split("float32, ")[1].split()[0]) for line in lines[:2]]
    spec = json.loads((model / "model.json").read_text())
    assert spec["int8_loss"] == pytest.approx(max(losses), abs=1e-4)
    assert not list(model.glob(".*")), "nothing unfinished is left"
