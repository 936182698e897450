"""Value maps as users write them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.data.labels.encoding import BINARY, NAIC, LabelEncoding, ValueMap, of_names, parse_values, show_value
from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.errors import DataError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("binary", BINARY),
        ("naic", NAIC),
        ("0:0,255:1", ValueMap({"0": 0, "255": 1})),
        ("water:0, ice:1,land:ignore,*:2", ValueMap({"water": 0, "ice": 1, "land": 255}, other=2)),
        ("CT:91:1", ValueMap({"CT:91": 1})),
    ],
)
def test_maps_are_read(text, expected):
    assert parse_values(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0:", ":1", "0:x", "0:-1", "0:200", "0:1,0:2", "0:0,,1:1", "0:1e2"])
def test_maps_that_are_none_are_refused(text):
    with pytest.raises(DataError, match="value map"):
        parse_values(text)


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_a_data_error(text):
    try:
        found = parse_values(text)
    except DataError:
        return
    assert all(0 <= class_id <= 255 for class_id in found.ids.values())


def test_the_table_of_a_map_holds_what_the_map_says():
    table = LabelEncoding(values=ValueMap({"7": 2, "8": 255, "ice": 1}, other=0)).table()
    assert (table[7], table[8], table[9]) == (2, 255, 0)
    assert set(np.unique(LabelEncoding(classes=2, values=ValueMap({"7": 2})).table())) == {-1}


@pytest.mark.parametrize(
    ("value", "encoding", "class_id"),
    [
        (3, LabelEncoding(), 3), (3.0, LabelEncoding(), 3), ("3", LabelEncoding(), 3), (" 3 ", LabelEncoding(), 3),
        (3.5, LabelEncoding(), None),
        (3, LabelEncoding(classes=3), None), (255, LabelEncoding(classes=3), 255), (None, LabelEncoding(), None),
        ("ice", LabelEncoding(), None),
        (240, LabelEncoding(), None), ("9" * 30, LabelEncoding(), None), ("x", LabelEncoding(values=ValueMap({}, other=1)), 1),
    ],
)  # fmt: skip
def test_attributes_become_classes(value, encoding, class_id):
    assert encoding.class_of(value) == class_id


@pytest.mark.parametrize(
    ("value", "text"),
    [(float("nan"), "empty (NULL)"), (None, "empty (NULL)"), (1.0, "1"), (1.5, "'1.5'"), ("ice", "'ice'")],
)
def test_values_are_shown_as_they_stand_in_the_file(value, text):
    assert show_value(value) == text


def test_names_and_ids_stand_for_classes():
    assert of_names(("water", "ice")).ids == {"0": 0, "1": 1, "water": 0, "ice": 1}


def test_names_of_classes_stay_beside_other_texts():
    names = ("water", "ice")
    assert parse_values("floe:1").with_names(names).ids == {"water": 0, "ice": 1, "floe": 1}
    assert parse_values("ice:ignore").with_names(names).ids == {"water": 0, "ice": IGNORE}
    assert parse_values("0:1,1:0").with_names(names).ids == {"0": 1, "1": 0}, "numbers say all that is meant"
