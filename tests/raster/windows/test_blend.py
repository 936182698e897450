"""Blending by pieces equals blending the whole image at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seaice_cli.raster.windows.blend import Blender
from seaice_cli.raster.windows.grid import Chip, Grid

shapes = st.tuples(st.integers(1, 200), st.integers(1, 200), st.sampled_from([32, 64]), st.integers(0, 31))


def chips_of(image, grid, skipped=frozenset(), kind=np.array):
    """Cut an image, (classes, height, width), into padded chips of their own memory."""
    for number, window in enumerate(grid):
        if number in skipped:
            yield Chip(window, None, np.full((window.height, window.width), 255, np.uint8))
            continue
        chip = np.zeros((image.shape[0], *grid.shape), np.float32)
        rows = slice(window.row_off, window.row_off + window.height)
        columns = slice(window.col_off, window.col_off + window.width)
        chip[:, : window.height, : window.width] = image[:, rows, columns]
        yield Chip(window, kind(chip))


def assembled(pieces, shape):
    whole = np.full(shape, np.nan, np.float32)
    for piece in pieces:
        rows = slice(piece.window.row_off, piece.window.row_off + piece.window.height)
        columns = slice(piece.window.col_off, piece.window.col_off + piece.window.width)
        whole[:, rows, columns] = 0 if piece.pixels is None else np.asarray(piece.pixels)
    return whole


@given(shapes)
def test_untouched_chips_give_the_image_back(values):
    height, width, size, overlap = values
    grid = Grid(height, width, size, overlap)
    image = np.random.default_rng(0).random((2, height, width), dtype=np.float32)
    np.testing.assert_allclose(assembled(Blender(grid).blend(chips_of(image, grid)), image.shape), image, atol=1e-6)


@given(shapes, st.integers(0, 2**32 - 1))
def test_pieces_equal_the_weighted_sum_over_the_whole_image(values, seed):
    height, width, size, overlap = values
    grid = Grid(height, width, size, overlap)
    rng = np.random.default_rng(seed)
    chips = [rng.random((2, *grid.shape), dtype=np.float32) for _ in range(len(grid))]
    skipped = {n for n in range(len(grid)) if rng.random() < 0.3}
    expected = np.zeros((2, height, width))
    for n in set(range(len(grid))) - skipped:
        row, column = divmod(n, len(grid.columns))
        extent, window = grid.extent(row, column), grid.window(row, column)
        top, left = extent.row_off - window.row_off, extent.col_off - window.col_off
        part = chips[n][:, top : top + extent.height, left : left + extent.width]
        weighted = part * grid.rows.weights(row)[:, None] * grid.columns.weights(column)
        expected[
            :, extent.row_off : extent.row_off + extent.height, extent.col_off : extent.col_off + extent.width
        ] += weighted
    stream = (Chip(w, None if n in skipped else chips[n].copy()) for n, w in enumerate(grid))
    np.testing.assert_allclose(assembled(Blender(grid).blend(stream), expected.shape), expected, atol=1e-5)


@settings(max_examples=30)
@given(shapes)
def test_a_blend_resumed_from_its_carry_is_identical(values):
    height, width, size, overlap = values
    grid = Grid(height, width, size, overlap)
    image = np.random.default_rng(1).random((3, height, width), dtype=np.float32)
    blender = Blender(grid)
    whole, carries, covered = [], [], 0
    for piece in blender.blend(chips_of(image, grid)):
        whole.append((piece.window, piece.pixels.copy()))
        covered += piece.window.height * piece.window.width
        if covered == grid.rows.finished(len(carries))[1] * width:
            carries.append(blender.carry(len(carries)))
    for row in range(1, len(grid.rows)):
        rest = (c for n, c in enumerate(chips_of(image, grid)) if n >= row * len(grid.columns))
        resumed = [p.pixels.copy() for p in Blender(grid, carries[row - 1]).blend(rest, row)]
        expected = [pixels for window, pixels in whole if window.row_off >= grid.rows.finished(row)[0]]
        assert all(np.array_equal(a, b) for a, b in zip(resumed, expected, strict=True))


@given(shapes)
def test_chips_are_left_as_they_are(values):
    grid = Grid(*values)
    chips = list(chips_of(np.random.default_rng(1).random((2, *values[:2]), dtype=np.float32), grid))
    before = [c.pixels.copy() for c in chips]
    for piece in Blender(grid).blend(chips):
        assert piece.pixels.shape[1:] == (piece.window.height, piece.window.width)
    assert all(np.array_equal(a, c.pixels) for a, c in zip(before, chips, strict=True))


def test_torch_tensors_blend_like_arrays():
    torch = pytest.importorskip("torch")
    grid = Grid(150, 170, 64, 16)
    image = np.random.default_rng(2).random((2, 150, 170), dtype=np.float32)
    arrays = assembled(Blender(grid).blend(chips_of(image, grid)), image.shape)
    tensors = assembled(Blender(grid).blend(chips_of(image, grid, kind=torch.tensor)), image.shape)
    np.testing.assert_allclose(tensors, arrays, atol=1e-6)


def test_exclusions_travel_with_their_pieces():
    grid = Grid(100, 100, 64, 16)
    image = np.ones((2, 100, 100), np.float32)
    pieces = list(Blender(grid).blend(chips_of(image, grid, skipped={0})))
    outside = [p for p in pieces if p.excluded is not None]
    assert sum(p.window.height * p.window.width for p in outside) == 46 * 46, "the piece of the first window"
    assert all((p.excluded == 255).all() and p.excluded.shape == (p.window.height, p.window.width) for p in outside)


def test_too_many_chips_are_a_mistake():
    grid = Grid(10, 10, 32, 0)
    chips = list(chips_of(np.zeros((2, 10, 10), np.float32), grid)) * 2
    with pytest.raises(ValueError, match="more chips"):
        list(Blender(grid).blend(chips))
