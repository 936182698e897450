"""Windows, hand-over bands and weights."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.raster.windows.grid import Axis, Grid


@st.composite
def axes(draw):
    size = draw(st.integers(1, 96))
    overlap = draw(st.integers(0, size - 1))
    length = draw(st.integers(size, 600)) if draw(st.booleans()) else draw(st.integers(1, size))
    return Axis(length, size, overlap if length > size else 0)


@given(axes())
def test_the_grid_is_minimal_and_its_last_window_ends_with_the_raster(axis):
    expected = max(1, -(-(axis.length - axis.overlap) // (axis.size - axis.overlap)))
    assert len(axis) == expected
    assert axis.offsets[0] == 0
    assert axis.length <= axis.size or axis.offsets[-1] + axis.size == axis.length


@given(axes())
def test_neighbours_share_at_least_the_overlap(axis):
    for before, after in pairwise(axis.offsets):
        assert before < after
        assert before + axis.size - after >= axis.overlap


@given(axes())
def test_weights_sum_to_one_and_lie_inside_their_windows(axis):
    total = np.zeros(axis.length)
    for index in range(len(axis)):
        start, stop = axis.extent(index)
        assert axis.offsets[index] <= start < stop <= min(axis.length, axis.offsets[index] + axis.size)
        weights = axis.weights(index)
        assert (weights >= 0).all()
        total[start:stop] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(axes())
def test_finished_spans_cover_the_axis_exactly_once(axis):
    spans = [axis.finished(i) for i in range(len(axis))]
    assert spans[0][0] == 0
    assert spans[-1][1] == axis.length
    assert all(a[1] == b[0] and a[0] < a[1] for a, b in pairwise(spans))


def test_the_outer_quarter_of_an_overlap_never_reaches_the_mask():
    axis = Axis(4096, 1024, 256)
    assert axis.handovers[1] == (768 + 64, 768 + 192)
    assert axis.extent(1) == (768 + 64, 1536 + 192)


def test_sixteen_windows_cover_three_thousand_pixels_square():
    assert len(Grid(3000, 3000, 1024, 256)) == 16


def test_the_whole_arctic_takes_1849_windows():
    assert len(Grid(32768, 32768, 1024, 256)) == 43 * 43


@pytest.mark.parametrize(
    ("height", "width", "shape"), [(1, 1, (32, 32)), (500, 900, (512, 928)), (1024, 1, (1024, 32))]
)
def test_small_scenes_are_padded_to_the_stride_only(height, width, shape):
    assert Grid(height, width, 1024, 256).shape == shape


@pytest.mark.parametrize(("width", "size"), [(1025, 672), (1078, 672), (1792, 1024), (1793, 800), (3000, 960)])
def test_windows_are_no_larger_than_their_number_needs(width, size):
    assert Grid(100, width, 1024, 256).shape == (128, size)


@given(st.integers(1, 700), st.sampled_from([32, 64, 96, 128]), st.integers(0, 31))
def test_smaller_windows_are_as_many_and_share_the_overlap(length, size, overlap):
    columns = Grid(1, length, size, overlap).columns
    assert len(columns) == max(1, -(-(length - overlap) // (size - overlap)))
    assert columns.size % 32 == 0
    assert len(columns) == 1 or columns.size - 32 < -(-(length + (len(columns) - 1) * overlap) // len(columns))
    assert all(before + columns.size - after >= overlap for before, after in pairwise(columns.offsets))


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([32, 64, 96]), st.integers(0, 31))
def test_pieces_tile_the_raster(height, width, size, overlap):
    grid = Grid(height, width, size, overlap)
    hits = np.zeros((height, width), int)
    for row in range(len(grid.rows)):
        for column in range(len(grid.columns)):
            piece, window = grid.piece(row, column), grid.window(row, column)
            hits[piece.row_off : piece.row_off + piece.height, piece.col_off : piece.col_off + piece.width] += 1
            assert window.row_off <= piece.row_off
            assert piece.row_off + piece.height <= window.row_off + window.height
    assert (hits == 1).all()


@pytest.mark.parametrize(("length", "size", "overlap"), [(0, 10, 2), (10, 0, 0), (10, 10, 10), (10, 10, -1)])
def test_impossible_axes_are_refused(length, size, overlap):
    with pytest.raises(ValueError, match="no axis"):
        Axis(length, size, overlap)
