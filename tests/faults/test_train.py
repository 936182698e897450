"""`seaice train` killed anywhere goes on with --resume and ends with the same weights."""

from __future__ import annotations

import numpy as np
import pytest

from tests.faults.conftest import contents, speckle, write_scene
from tests.faults.forkserver import ForkServer
from tests.faults.test_kills import spread

pytestmark = pytest.mark.slow
OPTIONS = (
    "--encoder-weights", "none", "--steps", "4", "--eval-every", "2", "--batch", "2", "--crop", "32", "--network", "encoder_depth=3",
    "--network", "decoder_channels=[16,8,8]", "--precision", "fp32", "--ema", "0.5", "--mean", "100,100,100", "--std", "50,50,50",
)  # fmt: skip
CHECKPOINT_FILE = "checkpoint.pt"
COMPARED = ("best.safetensors", "model/weights.safetensors", "model/model.json", "config.toml")


@pytest.fixture(scope="module")
def trainer():
    server = ForkServer("torch", "seaice_cli.training.pipeline", "seaice_cli.network.export")
    yield server
    server.close()


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """A list of scenes in which ice is bright, and one to validate on."""
    folder = tmp_path_factory.mktemp("lists")
    for name, count in (("train", 2), ("val", 1)):
        rows = ["image,label"]
        for number in range(count):
            pixels = speckle(96, 96, seed=number + 5 * count)
            write_scene(folder / f"{name}scene{'ab'[number]}.tif", pixels)
            write_scene(folder / f"{name}label{'ab'[number]}.tif", (pixels.mean(0) > 120).astype(np.uint8)[None])
            rows.append(f"{name}scene{'ab'[number]}.tif,{name}label{'ab'[number]}.tif")
        (folder / f"{name}.csv").write_text("\n".join(rows))
    return folder


def train(trainer, lists, out, *options, file_size=None, **plan):
    command = ["train", "--data", lists / "train.csv", "--val", lists / "val.csv", *OPTIONS, "-o", out, *options]
    return trainer.run(
        "tests.faults.injection:training",
        command=[str(c) for c in command],
        plan={"watch": f"{out}", **plan},
        file_size=file_size,
    )


@pytest.fixture(scope="module")
def undisturbed(trainer, lists, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    outcome = train(trainer, lists, folder / "run", trace=str(folder / "steps"))
    assert outcome.code == 0, outcome.err
    return contents(folder / "run"), (folder / "steps").read_text().splitlines()


@pytest.mark.parametrize(("signal", "code", "points"), [("SIGKILL", -9, 8), ("SIGINT", 130, 2), ("SIGTERM", 143, 2)])
def test_a_training_that_is_stopped_goes_on_to_the_same_weights(
    trainer, lists, undisturbed, tmp_path, signal, code, points
):
    files, steps = undisturbed
    for step in spread(steps, points):
        out = tmp_path / str(step)
        stopped = train(trainer, lists, out, at=step, do=signal)
        where = f"{signal} at step {step}, {steps[step]}: {stopped}"
        assert stopped.code == code, where
        resumed = train(trainer, lists, out, "--resume")
        assert resumed.code == 0, f"{where}, then {resumed}"
        found = contents(out)
        assert {n for n in COMPARED if found.get(n) != files[n]} == set(), where
        assert set(found) == set(files), where


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before_it(trainer, lists, undisturbed, tmp_path):
    """First between the write and the rename of the second checkpoint, then at a byte in the middle of its file, then not."""
    files, steps = undisturbed
    renames = [i for i, step in enumerate(steps) if step == f"os.rename .{CHECKPOINT_FILE}.partial"]
    out = tmp_path / "run"
    assert train(trainer, lists, out, at=renames[1], do="SIGKILL").code == -9
    first = (out / CHECKPOINT_FILE).read_bytes()
    killed = train(trainer, lists, out, "--resume", file_size=len(first) // 2, fatal_file_size=True)
    assert killed.code == -25, killed
    assert (out / CHECKPOINT_FILE).read_bytes() == first
    resumed = train(trainer, lists, out, "--resume")
    assert resumed.code == 0, resumed
    found = contents(out)
    assert {n for n in COMPARED if found.get(n) != files[n]} == set()
    assert set(found) == set(files), "what the killed runs were writing is gone"


def test_a_full_disk_ends_the_training_in_one_line(trainer, lists, undisturbed, tmp_path):
    steps = undisturbed[1]
    removing = ("os.rmdir", "os.unlink", "os.remove")  # needs no room
    points = [i for i, s in enumerate(steps) if s.startswith(("open ", "os.")) and not s.startswith(removing)]
    for step in (points[i] for i in spread(points, 5)):
        out = tmp_path / str(step)
        failed = train(trainer, lists, out, at=step, do="ENOSPC")
        assert failed.code == 1, f"step {step}, {steps[step]}: {failed}"
        assert "Traceback" not in failed.err, failed.err
        assert "unforeseen" not in failed.err, f"step {step}, {steps[step]}: {failed.err}"
        assert train(trainer, lists, out, "--resume").code == 0


def test_a_second_training_at_one_target_is_refused(trainer, lists, undisturbed, tmp_path):
    from seaice_cli.locking import alone
    from seaice_cli.training.pipeline import RUNNING

    out = tmp_path / "run"
    out.mkdir()
    with alone(out / RUNNING, out):
        second = train(trainer, lists, out, "--resume")
        assert contents(out) == {f"{RUNNING}/lock": b""}
    assert second.code == 1
    assert "another run is writing it" in second.err
    assert train(trainer, lists, out, "--resume").code == 0
    assert set(contents(out)) == set(undisturbed[0])
