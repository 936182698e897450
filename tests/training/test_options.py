"""Options come from presets, a file and flags, in this order, and say what is wrong with them."""

import dataclasses
import typing

import pytest

from seaice_cli.data.labels.palettes import find_palette
from seaice_cli.errors import OptionError
from seaice_cli.network.architectures import ARCHITECTURES
from seaice_cli.network.build import build_network
from seaice_cli.network.spec import IceClass
from seaice_cli.training.augmentation.augment import parse_recipe
from seaice_cli.training.losses import parse_loss
from seaice_cli.training.options import TrainOptions, anchored, parse_options, read_options, stage_options, to_toml
from seaice_cli.training.presets import PRESETS
from tests.network.test_build import small_spec


def test_flags_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('preset = "fast"\nlr = 0.5\nbatch = 3\ndata = ["a.csv"]\n')
    options = read_options(path, flags={"batch": 5, "steps": None})
    assert (options.encoder, options.lr, options.batch, options.steps) == ("resnet18", 0.5, 5, 1000)


def test_paths_in_a_file_are_relative_to_it(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('data = ["a.csv", "/b.csv"]\nval = "c.csv"\nimage_dir = "images"\n')
    options = read_options(path)
    assert options.data == (str(tmp_path / "a.csv"), "/b.csv")
    assert options.val == (str(tmp_path / "c.csv"),)
    assert options.image_dir == str(tmp_path / "images")


def test_paths_of_stages_and_of_weights_are_relative_to_the_file_too(tmp_path):
    (tmp_path / "start.pt").write_bytes(b"")
    path = tmp_path / "run.toml"
    path.write_text(
        'data = "a.csv"\ninit_from = "start.pt"\nencoder_weights = "imagenet"\npalette = "isaid"\n'
        '[[stages]]\ndata = ["b.csv"]\n[[stages]]\ninit_from = "modis-truecolor"\n'
    )
    options = read_options(path)
    assert (options.init_from, options.encoder_weights, options.palette) == (
        str(tmp_path / "start.pt"),
        "imagenet",
        "isaid",
    )
    first, second = stage_options(options)
    assert (first.data, second.data) == ((str(tmp_path / "b.csv"),), (str(tmp_path / "a.csv"),))
    assert second.init_from == "modis-truecolor"


def test_what_a_run_keeps_means_the_same_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = TrainOptions(data=("a.csv",), val=("v/b.csv",), label_dir="gt")
    path = tmp_path / "runs" / "x" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(to_toml(anchored(options)))
    monkeypatch.chdir("/")
    found = read_options(path)
    assert (found.data, found.val, found.label_dir) == (
        (str(tmp_path / "a.csv"),), (str(tmp_path / "v/b.csv"),), str(tmp_path / "gt")
    )  # fmt: skip


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid_and_survives_a_file(preset, tmp_path):
    options = read_options(None, preset)
    path = tmp_path / "run.toml"
    path.write_text(to_toml(options))
    assert read_options(path) == options
    for stage in stage_options(options):
        assert stage.architecture in ARCHITECTURES
        parse_recipe(stage.augment)
        parse_loss(stage.loss, classes=len(stage.classes))


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_the_networks_of_every_preset_can_be_built(preset):
    for stage in stage_options(read_options(None, preset)):
        classes = tuple(IceClass(name, (0, 0, 0)) for name in stage.classes)
        spec = small_spec(
            architecture=stage.architecture, encoder=stage.encoder, options=dict(stage.network), classes=classes,
            stride=stage.stride,
        )  # fmt: skip
        assert sum(weights.numel() for weights in build_network(spec).parameters()) > 1e6


def test_presets_have_the_values_of_their_descriptions():
    kang, pointflow, isaid = (read_options(None, name) for name in ("kang", "pointflow", "pointflow-isaid"))
    first, second = stage_options(read_options(None, "naic"))
    assert kang.steps / kang.eval_every == 200  # epochs
    assert kang.mean[0] / kang.std[0] == 4  # values end up within -4 and 4
    assert (kang.lr, kang.weight_decay, kang.batch, kang.metric, kang.precision) == (5e-3, 1e-4, 8, "fwiou", "fp32")
    assert [s.network["output_stride"] for s in (first, second)] == [16, 8]
    assert [(s.lr, s.steps, s.keep) for s in (first, second)] == [(1e-2, 320_000, "last"), (1e-3, 320_000, "best")]
    assert all((s.network["auxiliary"], s.network["psp_dropout"]) == (0.4, 0.1) for s in (first, second))
    assert (pointflow.steps / pointflow.eval_every, pointflow.lr, pointflow.crop, pointflow.batch) == (64, 1e-3, 512, 8)
    assert (isaid.steps / isaid.eval_every, isaid.lr, isaid.crop, isaid.batch) == (20, 7e-3, 896, 4)
    assert len(isaid.classes) == 16
    assert isaid.classes == tuple(find_palette("isaid").class_names)


def test_every_option_survives_a_file(tmp_path):
    options = TrainOptions(
        data=("a\"b\\c.csv",), network={"encoder_depth": 4, "decoder_channels": [8, 4]}, classes=("water", "eis ü"),
        ice="water", tensorboard=True, scale=(0.5, 2.0), stages=({"lr": 0.1}, {"network": {"x": 1}}),
    )  # fmt: skip
    path = tmp_path / "run.toml"
    path.write_text(to_toml(options), encoding="utf-8")
    found = read_options(path)
    assert dataclasses.replace(found, data=options.data) == options


def test_stages_change_what_they_name_and_nothing_else():
    options = parse_options({"lr": 0.1, "steps": 7, "stages": [{"lr": 0.2}, {"steps": 9}]}, "here")
    assert [(s.lr, s.steps, s.stages) for s in stage_options(options)] == [(0.2, 7, ()), (0.1, 9, ())]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"learning_rate": 1}, "unknown option 'learning_rate'"),
        ({"lr": "fast"}, "must be"),
        ({"lr": 0.0}, "lr: above 0"),
        ({"steps": 1.5}, "must be int"),
        ({"steps": True}, "must be int"),
        ({"classes": ["ice"]}, "classes"),
        ({"ice": "snow"}, "ice: 'snow'"),
        ({"crop": 50}, "crop: a multiple of 32"),
        ({"mean": [1.0]}, "mean and std"),
        ({"sampler": "magic"}, "sampler"),
        ({"network": 3}, "table"),
        ({"scale": [2.0, 1.0]}, "scale"),
    ],
)
def test_a_wrong_option_is_named(values, text):
    with pytest.raises(OptionError, match=text):
        parse_options(values, "run.toml")


def test_a_file_that_is_no_toml_is_named(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("lr = = 3")
    with pytest.raises(OptionError, match=r"run\.toml: no valid TOML"):
        read_options(path)
    with pytest.raises(OptionError, match=r"none\.toml: cannot be read"):
        read_options(tmp_path / "none.toml")


def test_every_option_tells_what_it_is():
    assert all(f.metadata["help"].endswith(".") for f in dataclasses.fields(TrainOptions))
    assert len(typing.get_type_hints(TrainOptions)) == len(dataclasses.fields(TrainOptions))
