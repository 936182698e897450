"""From a scene's values to a model's: looked up or computed, the same numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.raster.reading.conversion import Conversion

POINTS = ((0.0, 0.1, 1.0), (0.0, 100.0, 255.0))


def made(source, **changes):
    values = {"source": np.dtype(source), "target": np.dtype("uint8"), "scale": (1e-4,), "offset": (-0.1,)}
    return Conversion(**(values | changes))


@pytest.mark.parametrize("source", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("curve", [None, POINTS])
def test_what_is_looked_up_is_what_would_be_computed(source, curve):
    limits = np.iinfo(source)
    pixels = np.arange(limits.min, limits.max + 1).astype(source).reshape(1, -1, 16)
    scale, offset = 2.0 / (limits.max - limits.min), 0.3
    seen = made(source, scale=(scale,), offset=(offset,), curve=curve, target=np.dtype("uint8"))(pixels)
    straight = pixels.astype(np.float64) * scale + offset
    wanted = np.rint(np.interp(straight, *POINTS) if curve else straight.astype(np.float32))
    assert seen.dtype == np.uint8
    np.testing.assert_array_equal(seen, np.clip(wanted, 0, 255).astype(np.uint8))


def test_each_band_has_its_own_line():
    pixels = np.full((2, 1, 1), 3000, np.uint16)
    assert made("uint16", scale=(0.01, 0.02), offset=(0, 5))(pixels).tolist() == [[[30]], [[65]]]


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_rising_curve_never_turns_darker_into_brighter(one, other):
    low, high = sorted((one, other))
    dark, bright = made("float32", scale=(1.0,), offset=(0.0,), curve=POINTS)(np.array([[[low, high]]], np.float32))[
        0, 0
    ]
    assert dark <= bright


def test_what_is_no_number_becomes_the_fill():
    pixels = np.array([[[np.nan, np.inf, -np.inf, 0.5]]], np.float32)
    seen = made("float32", scale=(1.0,), offset=(0.0,), curve=POINTS, fill=90.0)(pixels)
    assert seen[0, 0, 0] == 90
    assert seen[0, 0, 1:].tolist() == [255, 0, 169]


def test_whole_numbers_of_32_bits_are_computed():
    assert made("int32")(np.array([[[1_001_000]]], np.int32)).tolist() == [[[100]]]
