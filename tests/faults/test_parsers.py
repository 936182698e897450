"""Our own parsers take any text and any bytes, and answer with a result or with one of our errors."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seaice_cli.errors import SeaIceError

FUZZ = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
SAMPLE_LIKE = st.lists(
    st.fixed_dictionaries({"filename": JSON}, optional={"ann": st.fixed_dictionaries({}, optional={"seg_map": JSON})}),
    max_size=3,
)
WORDS = st.sampled_from(
    ["ce", "dice", "focal", "boundary", "cosine", "poly", "warmup", "step", "hflip", "rot90", "noise", "lookahead", "sgd", "adamw",
     "isaid", "0:0", "255:1", "inverse", "1", "-1", "1e400", "nan", "inf", "=", ":", ",", "(", ")", "power", "gamma", " ", "\0", "é"]
)  # fmt: skip
TERMS = st.lists(WORDS, max_size=12).map("".join) | st.text(max_size=40)


def answers(function, *arguments, **options):
    """Call a parser; only our own errors may leave it."""
    try:
        return function(*arguments, **options)
    except SeaIceError as error:
        if not str(error).strip():
            raise
        return None


@FUZZ
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
@example(b"\xff\xfe\x00image")
@example(b"image,label\n" + b'"' * 5000)
@example(b"image,label\n\0,\0\n")
@example(b"image,image\na,b\n")
def test_any_bytes_as_a_csv(tmp_path, content):
    from seaice_cli.data.samples import read_samples

    (tmp_path / "list.csv").write_bytes(content)
    answers(read_samples, tmp_path / "list.csv")


@FUZZ
@given(value=JSON | SAMPLE_LIKE)
@example([{"filename": "../../../../etc/passwd"}])
@example([{"filename": "a" * 100_000, "ann": {"seg_map": "\0"}}])
def test_any_json_as_a_list(tmp_path, value):
    from seaice_cli.data.samples import read_samples

    (tmp_path / "list.json").write_text(json.dumps(value))
    answers(read_samples, tmp_path / "list.json")


@pytest.mark.parametrize("text", ["[" * 200_000, "{" * 200_000, "1" * 6000, '"\\ud800"', "[1e999]", "\ufeff[]", "nul"])
def test_texts_that_are_hard_for_json(tmp_path, text):
    from seaice_cli.data.samples import read_samples
    from seaice_cli.network.spec import read_spec

    for name in ("list.json", "model.json"):
        (tmp_path / name).write_text(text)
    answers(read_samples, tmp_path / "list.json")
    answers(read_spec, tmp_path)


@FUZZ
@given(value=JSON)
def test_any_json_as_a_specification(value):
    from seaice_cli.network.spec import parse_spec

    answers(parse_spec, value)


@FUZZ
@given(
    key=st.sampled_from(
        ["classes", "bands", "mean", "std", "tile", "options", "sha256", "valid_range", "ice", "temperature"]
    ),
    value=JSON,
)
def test_any_value_in_a_specification(two_class_model, key, value):
    from seaice_cli.network.spec import SPEC_FILE, parse_spec

    plain = json.loads((two_class_model / SPEC_FILE).read_text())
    answers(parse_spec, plain | {key: value})


@FUZZ
@given(content=st.text(max_size=200) | st.lists(st.integers(-5, 400), max_size=30).map(lambda v: " ".join(map(str, v))))
@example("0 0 0 0\n0 0 0 0\n")
@example("²³ 1 2 3\n")
@example("1" * 5000 + " 1 2 3")
def test_any_text_as_a_palette(tmp_path, content):
    from seaice_cli.data.labels.palettes import find_palette

    (tmp_path / "palette.txt").write_text(content, encoding="utf-8", errors="surrogatepass")
    answers(find_palette, str(tmp_path / "palette.txt"))


@FUZZ
@given(
    value=st.dictionaries(
        st.sampled_from(["steps", "classes", "loss", "mean", "stages", "network", "lr", "data", "surprise"]),
        JSON,
        max_size=4,
    )
)
def test_any_value_as_an_option_of_training(value):
    from seaice_cli.training.options import parse_options, stage_options

    options = answers(parse_options, value, "here")
    if options is not None:
        answers(stage_options, options)


@FUZZ
@given(content=st.text(max_size=120) | st.lists(WORDS, max_size=10).map("\n".join))
@example("a = " + "[" * 20_000)
@example("steps = 1" + "0" * 5000)
@example("stages = 3")
@example("data = 3")
@example("preset = []")
def test_any_text_as_toml(tmp_path, content):
    from seaice_cli.training.options import read_options

    (tmp_path / "train.toml").write_text(content, encoding="utf-8", errors="replace")
    answers(read_options, tmp_path / "train.toml")


@FUZZ
@given(text=TERMS)
@example("ce:" + "(" * 5000)
@example("ce:1" + "0" * 400)
@example("ce:" + "9" * 5000)
def test_any_text_as_losses_schedules_and_augmentations(text):
    import torch

    from seaice_cli.training.augmentation.augment import parse_recipe
    from seaice_cli.training.losses.parsing import parse_loss
    from seaice_cli.training.optimization.optimizers import make_optimizer
    from seaice_cli.training.optimization.schedules import make_schedule

    layer = torch.nn.Linear(1, 1)
    answers(parse_loss, text, classes=3)
    answers(parse_recipe, text)
    answers(make_optimizer, text, layer.parameters(), lr=0.1, weight_decay=0.0)
    answers(make_schedule, text, torch.optim.SGD(layer.parameters(), lr=0.1), steps=10)
