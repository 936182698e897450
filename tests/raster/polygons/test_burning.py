"""Polygons in windows are those of the whole raster, and the last one counts."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from seaice_cli.raster.polygons.burning import BurntPolygons

HEIGHT, WIDTH = 24, 31
CORNERS = st.lists(st.tuples(*[st.integers(-4, 34)] * 4).filter(lambda b: b[0] < b[2] and b[1] < b[3]), max_size=8)


@given(
    CORNERS,
    st.integers(-5, 20),
    st.integers(-5, 20),
    st.integers(1, 30),
    st.integers(1, 30),
    st.randoms(use_true_random=False),
)
def test_windows_are_pieces_of_boxes_painted_in_order(boxes, row, column, height, width, random):
    values = np.array([random.randrange(1, 200) for _ in boxes], np.uint8)
    only = np.array([random.random() < 0.7 for _ in boxes], bool)
    canvas = np.full((80, 80), 7, np.uint8)  # rows and columns from -20 on
    for (left, top, right, bottom), value, taken in zip(boxes, values, only, strict=True):
        if taken:
            canvas[top + 20 : bottom + 20, left + 20 : right + 20] = value
    polygons = BurntPolygons(np.array([shapely.box(*b) for b in boxes], dtype=object))
    burnt = polygons.burn(Window(column, row, width, height), values, fill=7, only=only)
    expected = canvas[row + 20 : row + 20 + height, column + 20 : column + 20 + width]
    assert burnt.dtype == np.uint8
    np.testing.assert_array_equal(burnt, expected)


def test_large_numbers_stay_exact():
    polygons = BurntPolygons(np.array([shapely.box(1, 1, 3, 2)], dtype=object))
    burnt = polygons.burn(Window(0, 0, 4, 3), np.array([2**40 + 1], np.int64))
    assert burnt.dtype == np.int64
    assert burnt.sum() == 2 * (2**40 + 1)
    assert len(polygons) == 1
