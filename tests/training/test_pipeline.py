"""Training learns, goes on where it was killed to the same weights, and says what is wrong."""

import csv
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from seaice_cli.errors import DataError, ModelError, OptionError
from seaice_cli.network.build import load_network
from seaice_cli.network.catalog import find_model
from seaice_cli.training import pipeline
from seaice_cli.training.loop import Run
from seaice_cli.training.losses import LOSSES
from seaice_cli.training.optimization.optimizers import OPTIMIZERS
from seaice_cli.training.optimization.schedules import SCHEDULES
from seaice_cli.training.options import TrainOptions, read_options
from seaice_cli.training.pipeline import train
from seaice_cli.training.preparation import prepare
from tests import rasters as made

TINY = {"encoder_depth": 3, "decoder_channels": (16, 8, 8)}


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """A training and a validation list of scenes in which ice is bright."""
    folder = tmp_path_factory.mktemp("lists")
    for name, count in (("train", 3), ("val", 1)):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "label"])
            for number in range(count):
                image = f"{name}scene{'abc'[number]}.tif"
                classes = np.zeros((64, 96), np.uint8)
                classes[10 + 8 * number : 40, 20:70] = 1
                classes[:4] = 255
                pixels = made.noise(64, 96, seed=number + 10 * count) // 4 + classes.astype(bool) * np.uint8(150)
                made.raster(folder / image, np.where(classes == 1, pixels, pixels // 2).astype(np.uint8))
                made.raster(folder / f"label{image}", classes)
                writer.writerow([image, f"label{image}"])
    return folder


def options(lists, **changes):
    values = {
        "data": (str(lists / "train.csv"),), "val": (str(lists / "val.csv"),), "encoder_weights": "none",
        "network": TINY, "crop": 32, "batch": 2,
        "steps": 4, "eval_every": 2, "mean": (100.0,) * 3, "std": (50.0,) * 3, "precision": "fp32",
        "augment": "hflip:0.5,noise:0.02", "lr": 3e-3, "scale": (0.8, 1.2),
    }  # fmt: skip
    return TrainOptions(**(values | changes))


def weights(directory):
    return load_file(directory / "best.safetensors")


@pytest.fixture
def no_export(monkeypatch):
    """Leave out the recording of the graph, which takes seconds, where a test is about the weights."""
    monkeypatch.setattr(pipeline, "save_model", lambda *_: None)


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.fixture(scope="module")
def trained(lists, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "whole"
    train(options(lists, steps=40, eval_every=20, ema=0.5), directory)
    return directory


def test_a_bright_class_is_learnt(trained):
    with (trained / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(r["step"]) for r in rows] == [20, 40]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert float(rows[-1]["iou:ice"]) > 0.8


def test_the_run_leaves_everything_behind(trained):
    names = {p.name for p in trained.iterdir()}
    assert {"config.toml", "environment.json", "log.csv", "checkpoint.pt", "predictions-000040.png", "model"} <= names
    assert json.loads((trained / "environment.json").read_text())["packages"]["torch"]
    card = (trained / "model" / "README.md").read_text()
    assert "| 1 | ice |" in card
    assert not [n for n in names if n.startswith(".")]


def test_the_model_predicts_what_training_scored(trained, lists):
    network = load_network(find_model(trained / "model"))
    with torch.no_grad():
        pixels = made.pixels_of(lists / "valscenea.tif")
        logits = network((torch.from_numpy(pixels).float()[None] - 100) / 50)
    truth = made.pixels_of(lists / "labelvalscenea.tif")[0]
    hit = (logits[0].argmax(0).numpy() == truth)[truth != 255]
    assert hit.mean() > 0.9


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_killed_run_goes_on_to_the_same_weights(lists, tmp_path, accumulate, no_export):
    chosen = options(lists, ema=0.5, accumulate=accumulate, schedule="warmup(steps=1):cosine", sampler="hard")
    train(chosen, tmp_path / "whole")

    def killed(steps):
        for step in steps:
            if step == 3:
                raise KeyboardInterrupt
            yield step

    with pytest.raises(KeyboardInterrupt):
        train(chosen, tmp_path / "killed", progress=killed)
    assert torch.load(tmp_path / "killed" / "checkpoint.pt", weights_only=True)["step"] == 2
    train(chosen, tmp_path / "killed", resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    assert (tmp_path / "whole" / "log.csv").read_text().count("\n") == 3


def test_the_seed_decides(lists, tmp_path, no_export):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(options(lists, seed=seed, steps=2), tmp_path / name)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_a_frozen_encoder_stays_as_it_started_and_the_rest_learns(lists, tmp_path, no_export):
    frozen = options(lists, freeze_encoder=True, ema=0.9)
    prepared = prepare(frozen)
    start = pipeline.start(frozen, prepared, pipeline.make_accelerator(frozen)).network.state_dict()
    train(frozen, tmp_path / "run")
    trained = load_file(tmp_path / "run" / pipeline.BEST_FILE)
    kept = {name for name, value in trained.items() if torch.equal(value, start[name].cpu())}
    assert {name for name in trained if name.startswith("encoder.")} <= kept  # running statistics, too
    assert {name for name in trained if name.startswith("decoder.") and name.endswith("weight")}.isdisjoint(kept)


def test_a_network_without_an_encoder_cannot_freeze_it(lists, tmp_path):
    hourglass = {"architecture": "hourglass", "encoder": "none", "network": {"channels": 8}, "stride": 64, "crop": 64}
    with pytest.raises(OptionError, match="has no encoder; leave the option out"):
        train(options(lists, **hourglass, freeze_encoder=True), tmp_path / "run")


def test_several_workers_read_the_same_crops(lists, tmp_path, no_export):
    for name, workers in (("none", 0), ("two", 2)):
        train(options(lists, workers=workers, steps=2), tmp_path / name)
    assert same(weights(tmp_path / "none"), weights(tmp_path / "two"))


def test_an_existing_run_is_not_overwritten(trained, lists):
    with pytest.raises(OptionError, match="holds a run already"):
        train(options(lists), trained)


def test_a_second_stage_starts_from_the_first(lists, tmp_path):
    stages = (
        {"lr": 3e-3},
        {"lr": 1e-30, "optimizer": "sgd(momentum=0)", "weight_decay": 0.0, "steps": 2, "keep": "last"},
    )
    train(options(lists, stages=stages, network=TINY | {"auxiliary": 0.4}), tmp_path / "run")
    first, second = weights(tmp_path / "run" / "stage-1"), weights(tmp_path / "run")
    assert (tmp_path / "run" / "stage-1" / "model" / "model.json").is_file()
    assert torch.equal(first["encoder.conv1.weight"], second["encoder.conv1.weight"])
    head = "auxiliary_head.0.0.weight"
    assert torch.equal(first[head], second[head])
    assert len(read_options(tmp_path / "run" / "config.toml").stages) == 2


def test_weights_to_start_from_that_fit_nowhere_are_refused(lists, tmp_path):
    torch.save({"other": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match="none of its 1"):
        train(options(lists, init_from=str(tmp_path / "other.pt")), tmp_path / "run")


def test_a_run_can_start_from_another_with_other_bands_and_classes(lists, trained, tmp_path, no_export):
    start = {"init_from": str(trained / "model"), "lr": 1e-30, "weight_decay": 0.0, "steps": 1, "eval_every": 1}
    train(options(lists, bands=(1,), mean=(100.0,), std=(50.0,), classes=("a", "ice", "c"), **start), tmp_path / "run")
    before, after = weights(trained), weights(tmp_path / "run")
    assert torch.equal(after["encoder.layer1.0.conv1.weight"], before["encoder.layer1.0.conv1.weight"])
    torch.testing.assert_close(after["encoder.conv1.weight"], before["encoder.conv1.weight"].sum(1, keepdim=True))


def test_training_stops_when_the_score_stops_rising(lists, tmp_path, no_export):
    directory = tmp_path / "run"
    train(options(lists, steps=50, eval_every=1, patience=2, lr=1e-30), directory)
    assert (directory / "log.csv").read_text().count("\n") <= 5


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_weights(lists, tmp_path, no_export):
    directory = tmp_path / "run"
    chosen = options(lists, steps=8)
    train(dataclasses.replace(chosen, steps=2), directory)
    good = load_file(directory / "best.safetensors")
    checkpoint = (directory / "checkpoint.pt").read_bytes()
    with pytest.raises(DataError, match="step 4: the loss is no number"):
        train(dataclasses.replace(chosen, lr=1e30), directory, resume=True)
    assert same(good, load_file(directory / "best.safetensors"))
    assert (directory / "checkpoint.pt").read_bytes() == checkpoint
    train(chosen, directory, resume=True)  # a lower rate is the way out
    assert (directory / "log.csv").read_text().count("\n") == 5


def test_too_little_memory_for_a_crop_is_one_clear_line(lists, tmp_path):
    with pytest.raises(OptionError, match="out of memory with 2 crops of 1048576 pixels; take a smaller batch"):
        train(options(lists, crop=2**20, scale=(1.0, 1.0)), tmp_path / "run")


def test_too_little_memory_for_a_tensor_is_one_clear_line(lists, tmp_path):
    def greedy(steps):
        torch.empty(2**52, dtype=torch.uint8)
        return steps

    with pytest.raises(OptionError, match="out of memory"):
        train(options(lists), tmp_path / "run", progress=greedy)


def test_a_run_that_stopped_early_stays_stopped(lists, tmp_path, no_export):
    chosen = options(lists, steps=50, eval_every=1, patience=1, lr=1e-30)
    train(chosen, tmp_path / "run")
    log = (tmp_path / "run" / "log.csv").read_bytes()
    train(chosen, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "log.csv").read_bytes() == log


LOSS_NAMES, NAMED_OPTIMIZERS, NAMED_SCHEDULES = (
    sorted(LOSSES),
    [*sorted(OPTIMIZERS), "lookahead:adam"],
    sorted(SCHEDULES),
)


@pytest.mark.parametrize("number", range(len(LOSS_NAMES)))
def test_every_loss_optimizer_and_schedule_trains_and_resumes(lists, tmp_path, number, no_export):
    chosen = options(
        lists, loss=LOSS_NAMES[number], optimizer=NAMED_OPTIMIZERS[number % len(NAMED_OPTIMIZERS)],
        schedule=NAMED_SCHEDULES[number % len(NAMED_SCHEDULES)], class_weights="1,2", steps=4, lr=1e-3, scale=(1.0, 1.0),
    )  # fmt: skip
    train(dataclasses.replace(chosen, steps=2, schedule="constant"), tmp_path / "run")
    before = weights(tmp_path / "run")
    train(dataclasses.replace(chosen, keep="last"), tmp_path / "run", resume=True)
    after = weights(tmp_path / "run")
    assert not same(before, after)
    assert all(torch.isfinite(v).all() for v in after.values())


def test_a_damaged_checkpoint_is_named(lists, tmp_path, no_export):
    train(options(lists, steps=2), tmp_path / "run")
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"checkpoint\.pt: cannot be resumed"):
        train(options(lists), tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"data": ()}, OptionError, "`data`: name"),
        ({"data": ("nothing.csv",)}, DataError, "nothing.csv"),
        ({"bands": (1, 2, 9)}, DataError, "trainscene"),
        ({"mean": (1.0,), "std": (1.0, 2.0)}, OptionError, "mean and std"),
        (
            {"classes": ("ice", "other", "third"), "generated": 0.5, "bands": (1,), "mean": (1.0,), "std": (1.0,)},
            OptionError,
            "generated",
        ),
        ({"metric": "beauty"}, OptionError, "metric 'beauty'"),
        ({"loss": "magic"}, OptionError, "magic"),
        ({"optimizer": "magic"}, OptionError, "magic"),
        ({"precision": "fp16"}, OptionError, "fp16 needs a GPU"),
        ({"class_weights": "1,2,3"}, OptionError, "class_weights"),
    ],
)
def test_what_cannot_be_trained_is_named(lists, tmp_path, changes, error, text):
    if "fp16" in changes.values() and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(error, match=text):
        train(options(lists, **changes), tmp_path / "run")


def test_a_split_that_leaks_is_refused(lists, tmp_path):
    with pytest.raises(DataError, match="leak"):
        train(options(lists, val=(str(lists / "train.csv"),)), tmp_path / "run")


def test_scenes_are_set_aside_where_no_list_is_given(lists, tmp_path, no_export):
    _, scores = train(options(lists, val=(), val_share=0.3, steps=2), tmp_path / "run")
    assert "miou" in scores


def test_pixels_along_borders_teach_nothing_where_told_so(lists, tmp_path):
    chosen = options(lists, ignore_border=2, augment="none")
    prepared, accelerator = prepare(chosen), pipeline.make_accelerator(chosen)
    run = Run(chosen, prepared, accelerator, pipeline.start(chosen, prepared, accelerator), tmp_path)
    target = torch.zeros(1, 32, 32, dtype=torch.long)
    target[..., 16:] = 1
    taught = run._augmented([torch.zeros(1, 3, 32, 32), target, torch.ones(1, 32, 32).bool()], seed=0).target
    assert (taught == 255)[0, 0].nonzero().flatten().tolist() == [14, 15, 16, 17]
    assert torch.equal(taught[..., :14], target[..., :14])


@pytest.mark.parametrize("class_weights", ["softmax", "inverse", "median", "1,3"])
def test_classes_can_be_weighted(lists, tmp_path, class_weights, no_export):
    train(options(lists, class_weights=class_weights, steps=1, eval_every=1), tmp_path / "run")


@pytest.mark.slow
def test_two_processes_train_together(lists, tmp_path):
    """As `accelerate launch` starts them; on a CPU they talk by gloo."""
    arguments = ["--data", lists / "train.csv", "--val", lists / "val.csv", "-o", tmp_path / "run", "--encoder-weights",
                 "none", "--crop", "32", "--batch", "2", "--steps", "4", "--eval-every", "2", "--precision", "fp32",
                 "--network", "encoder_depth=3", "--network", "decoder_channels=[8,8,8]"]  # fmt: skip
    launch = ["accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1", "-m", "seaice_cli"]
    command = [sys.executable, "-m", *launch, "train", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run" / "log.csv").read_text().count("\n") == 3
    load_network(find_model(tmp_path / "run" / "model"))


def test_numbers_are_written_for_tensorboard_where_asked_for(lists, tmp_path, no_export):
    train(options(lists, tensorboard=True, steps=1, eval_every=1), tmp_path / "run")
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))
