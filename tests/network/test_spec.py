"""`model.json`: what is read, and what is refused before anything is allocated."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.errors import ModelError
from seaice_cli.network.catalog import find_model
from seaice_cli.network.spec import SPEC_FILE, parse_spec, read_spec


@pytest.fixture
def values(two_class_model):
    return json.loads((two_class_model / SPEC_FILE).read_text())


def test_a_spec_survives_its_own_json(two_class_model):
    spec = read_spec(two_class_model)
    assert parse_spec(json.loads(spec.to_json())) == spec
    assert spec.class_names == ("water", "ice")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"schema": 2}, "schema"),
        ({"surprise": 1}, "unknown surprise"),
        ({"mean": [1.0]}, "one mean and one std"),
        ({"std": [0.0, 1.0, 1.0]}, "positive"),
        ({"mean": [float("nan"), 1.0, 1.0]}, "finite"),
        ({"dtype": "complex64"}, "dtype"),
        ({"valid_range": [3, 1]}, "rise"),
        ({"classes": [{"name": "ice", "color": [0, 0, 0]}]}, "classes"),
        ({"classes": [{"name": "ice"}] * 2}, "name and color"),
        ({"classes": [{"name": "ice", "color": [0, 0, 900]}] * 2}, "0 to 255"),
        ({"ice": 7}, "id of a class"),
        ({"ice": True}, "whole number"),
        ({"tile": 1000}, "multiple of stride"),
        ({"overlap": 4096}, "overlap"),
        ({"temperature": 0}, "temperature"),
        ({"name": 3}, "name must be a text"),
        ({"bands": "rgb"}, "bands must be a list"),
        ({"options": []}, "options must be an object"),
    ],
)
def test_what_no_model_can_be_is_refused(values, change, fault):
    with pytest.raises(ModelError, match=fault):
        parse_spec(values | change)


def test_missing_keys_are_named(values):
    del values["classes"], values["mean"]
    with pytest.raises(ModelError, match="missing classes, mean"):
        parse_spec(values)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_a_spec_or_a_model_error(anything):
    with pytest.raises(ModelError):
        parse_spec(anything)


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff", '{"schema": 1}', "[" * 100_000])
def test_a_broken_file_is_named(tmp_path, text):
    (tmp_path / SPEC_FILE).write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=SPEC_FILE) as caught:
        find_model(tmp_path)
    assert str(tmp_path) in str(caught.value)
