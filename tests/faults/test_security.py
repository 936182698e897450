"""A file can say what it likes: it runs no code, it writes nowhere else, and it fetches nothing."""

from __future__ import annotations

import pickle

import pytest

from seaice_cli.errors import DataError, ModelError
from tests.faults.conftest import contents

PLACES = ("weights to start from", "weights of an encoder", "a checkpoint")


class Malicious:
    """What a pickle can do: call anything with anything."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        import pathlib

        return pathlib.Path.touch, (self.witness,)


@pytest.fixture(params=["plain pickle", "torch file", "old torch file"])
def poisoned(request, tmp_path):
    """Return a file that runs code when it is unpickled, and the file that proves it."""
    import torch

    witness = tmp_path / "witness"
    path = tmp_path / "weights.pt"
    content = {"state_dict": {"a": torch.zeros(1)}, "step": Malicious(witness)}
    if request.param == "plain pickle":
        path.write_bytes(pickle.dumps(Malicious(witness), protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=request.param == "torch file")
    return path, witness


def test_the_poison_works(poisoned):
    """Else the tests below would prove nothing."""
    import torch

    path, witness = poisoned
    try:
        torch.load(path, weights_only=False)
    except (RuntimeError, pickle.UnpicklingError):
        pickle.loads(path.read_bytes())
    assert witness.exists()


def load(place, path):
    import torch

    if place == "weights to start from":
        from seaice_cli.network.pretrained import read_tensors

        read_tensors(path)
    elif place == "weights of an encoder":
        from seaice_cli.network.pretrained import load_weights

        load_weights(torch.nn.Linear(1, 1), path)
    else:
        from accelerate import Accelerator

        from seaice_cli.training.crops.difficulty import Difficulty
        from seaice_cli.training.records.checkpoint import State, restore_checkpoint

        state = State(torch.nn.Linear(1, 1), None, None, None, Difficulty([]))
        restore_checkpoint(state, path, Accelerator(cpu=True))


@pytest.mark.parametrize("place", PLACES)
def test_no_place_runs_what_a_file_says(poisoned, place):
    path, witness = poisoned
    with pytest.raises((ModelError, DataError)) as caught:
        load(place, path)
    assert str(path) in str(caught.value)
    assert not witness.exists()


def test_weights_under_another_name_are_never_unpickled(poisoned):
    from seaice_cli.network.pretrained import read_tensors

    path, witness = poisoned
    disguised = path.rename(path.with_suffix(".safetensors"))
    with pytest.raises(ModelError):
        read_tensors(disguised)
    assert not witness.exists()


def test_every_load_in_the_code_is_one_that_cannot_run_code():
    """A new `torch.load`, `pickle`, `eval` or `shell=True` has to be thought about here."""
    import ast
    from pathlib import Path

    import seaice_cli

    found = []
    for path in Path(seaice_cli.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name, words = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            unsafe = {
                "torch.load": words.get("weights_only") != "True", "np.load": words.get("allow_pickle") != "False",
                "pickle.load": True, "pickle.loads": True, "eval": True, "exec": True, "os.system": True, "__import__": True,
                "yaml.load": True, "joblib.load": True, "torch.hub.load": True, "shelve.open": True, "marshal.loads": True,
            }  # fmt: skip
            if unsafe.get(name) or words.get("shell") == "True" or words.get("trust_remote_code") == "True":
                found.append(f"{path}:{node.lineno}: {ast.unparse(node)[:100]}")
    assert found == []


def test_names_in_lists_are_never_places_to_write(work, tmp_path):
    """Groups and file names of a csv lead out of the folder; tiles stay in it."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    (outside / "data").mkdir(parents=True)
    inside.mkdir()
    scene = outside / "data" / "scene.tif"
    scene.write_bytes(work.scene.read_bytes())
    for group in ("../../escaped", "/tmp/escaped", "..", "a/../../b", "x\0y"):
        (outside / "list.csv").write_text(f"image,label,group\ndata/../data/scene.tif,data/scene.tif,{group}\n")
        before = contents(outside)
        for command in (
            ("data", "tile", outside / "list.csv", "-o", inside / "tiles", "--size", "256", "--overwrite"),
            ("data", "list", outside / "data", "-o", inside / "list.csv", "--overwrite"),
            ("data", "split", outside / "list.csv", "-o", inside / "split", "--overwrite"),
        ):
            outcome = work.forkserver.seaice(*command)
            assert "Traceback" not in outcome.err
            assert "unforeseen" not in outcome.err, outcome.err
        assert contents(outside) == before
        assert sorted(p.name for p in tmp_path.iterdir()) == ["inside", "outside"]


def test_no_command_opens_a_connection_unless_asked(work, tmp_path):
    outcome = work.forkserver.run(
        "tests.faults.injection:offline",
        command=[
            "predict",
            str(work.scene),
            "-o",
            str(tmp_path / "mask.tif"),
            "--vector",
            str(tmp_path / "ice.gpkg"),
            "--model",
            str(work.model),
        ],
    )
    assert outcome.code == 0, outcome.err


def test_a_prediction_on_the_cpu_loads_nothing_that_unpickles(work, tmp_path):
    outcome = work.forkserver.run(
        "tests.faults.injection:counting_modules",
        command=["predict", str(work.scene), "-o", str(tmp_path / "mask.tif"), "--model", str(work.model)],
    )
    assert outcome.code == 0, outcome.err


def test_a_shipped_model_that_was_changed_is_refused(work, tmp_path):
    from seaice_cli.network.catalog import find_model, shipped

    assert shipped()
    for name in shipped():
        model = find_model(name)
        assert {"weights.safetensors", "network.onnx"} <= set(model.spec.sha256), f"{name} does not record its files"
        for file in model.spec.sha256:
            model.file(file)


def test_torch_runs_out_of_memory_in_halves_and_then_in_one_line(monkeypatch):
    """CUDA's error, raised where CUDA would: the batch is halved; one window that does not fit ends the run."""
    import numpy as np
    import torch
    from rasterio.windows import Window

    from seaice_cli.errors import EngineError
    from seaice_cli.network.engines.pytorch import TorchEngine
    from seaice_cli.raster.windows.grid import Chip

    class Small(TorchEngine):
        def __init__(self, room):
            self._device, self.device, self.precision, self._batch_size = torch.device("cpu"), "cuda:0", "float32", 8
            self._room, self.sizes = room, []

        def _infer(self, inputs):
            self.sizes.append(len(inputs))
            if len(inputs) > self._room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
            return list(inputs.float())

    chips = [Chip(Window(0, i, 4, 4), np.full((2, 4, 4), i, np.uint8)) for i in range(20)]
    engine = Small(3)
    results = list(engine.run(iter(chips)))
    assert [int(r.pixels[0, 0, 0]) for r in results] == list(range(20)), "every window once, in order"
    assert engine.batch_size == 2
    with pytest.raises(EngineError, match="not enough memory for one window"):
        list(Small(0).run(iter(chips)))
