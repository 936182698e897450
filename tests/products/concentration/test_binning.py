"""Pixels shared out among cells: by hand, against planar sums, and against shapely's intersections."""

from itertools import pairwise

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from seaice_cli.products.concentration.binning import Binner, CellSums
from seaice_cli.products.concentration.grids import CellGrid, named_grid
from seaice_cli.products.meanings import ICE, LAND, NODATA, UNKNOWN, WATER
from seaice_cli.raster.area import pixel_area

LAEA, POLAR = CRS.from_epsg(6931), CRS.from_epsg(3413)


def bin_all(grid, crs, transform, kinds, *, cuts=(), probability=None):
    sums = CellSums.empty(grid)
    binner = Binner(grid, crs, transform, *kinds.shape)
    edges = [0, *cuts, len(kinds)]
    for top, stop in pairwise(edges):
        binner.add(sums, kinds[top:stop], top, None if probability is None else probability[top:stop])
    return sums


FAR = 1_000_000
"""Metres from the pole, close to which PROJ places points on an equal-area grid to centimetres only."""


def grid_of(side, height, width, *, left=0.0, top=0.0):
    return CellGrid("test", LAEA, Affine(side, 0, FAR + left, 0, -side, FAR + top), height, width)


def at(side, left, top):
    return Affine(side, 0, FAR + left, 0, -side, FAR + top)


def test_a_pixel_within_a_cell_counts_there_with_its_whole_area():
    sums = bin_all(grid_of(10, 2, 2), LAEA, at(1, 3, -4), np.array([[ICE]], np.uint8))
    assert sums.area[0, 0, ICE] == pytest.approx(1)
    assert sums.area.sum() == pytest.approx(1)
    assert sums.pixels[0, 0] == 1


def test_a_pixel_across_a_border_is_shared_by_two_cells():
    """A pixel of 4 m from 9 to 13 m has a quarter left of the border at 10 m."""
    sums = bin_all(grid_of(10, 1, 2), LAEA, at(4, 9, -1), np.array([[WATER]], np.uint8))
    assert sums.area[0, :, WATER] == pytest.approx([4, 12])
    assert sums.pixels.tolist() == [[0, 1]]


def test_a_pixel_over_a_corner_is_shared_by_four_cells():
    """1 by 1, 3 by 1, 1 by 3 and 3 by 3 m."""
    sums = bin_all(grid_of(10, 2, 2), LAEA, at(4, 9, -9), np.array([[ICE]], np.uint8))
    assert sums.area[..., ICE] == pytest.approx(np.array([[1, 3], [3, 9]]))
    assert sums.pixels.tolist() == [[0, 0], [0, 1]]


def test_a_pixel_larger_than_cells_covers_them():
    sums = bin_all(grid_of(10, 4, 4), LAEA, at(25, 5, -5), np.array([[ICE]], np.uint8))
    expected = np.outer([5, 10, 10, 0], [5, 10, 10, 0])
    assert sums.area[..., ICE] == pytest.approx(expected)


def test_what_lies_beyond_the_grid_is_left_out_and_what_reaches_over_its_frame_is_cut():
    kinds = np.full((3, 3), ICE, np.uint8)
    sums = bin_all(grid_of(10, 1, 1), LAEA, at(10, -15, 15), kinds)
    assert sums.area[0, 0, ICE] == pytest.approx(100)
    assert bin_all(grid_of(10, 1, 1), LAEA, at(10, 50, 0), kinds).area.sum() == 0


def test_kinds_are_kept_apart_and_nodata_is_no_area():
    kinds = np.array([[ICE, WATER, UNKNOWN, LAND, NODATA]], np.uint8)
    sums = bin_all(grid_of(10, 1, 1), LAEA, at(2, 0, 0), kinds)
    assert sums.area[0, 0, [ICE, WATER, UNKNOWN, LAND]] == pytest.approx([4, 4, 4, 4])
    assert sums.area[0, 0, NODATA] == 0
    assert sums.pixels[0, 0] == 2


def test_probabilities_share_a_known_pixel_between_ice_and_water():
    kinds = np.array([[ICE, WATER, ICE, UNKNOWN]], np.uint8)
    percent = np.array([[75, 10, 255, 50]], np.uint8)
    sums = bin_all(grid_of(10, 1, 1), LAEA, at(2, 0, 0), kinds, probability=percent)
    assert sums.area[0, 0, ICE] == pytest.approx(4 * (0.75 + 0.1 + 1))
    assert sums.area[0, 0, WATER] == pytest.approx(4 * (0.25 + 0.9))
    assert sums.area[0, 0, UNKNOWN] == pytest.approx(4)
    assert sums.variance[0, 0] == pytest.approx(16 * (0.75 * 0.25 + 0.1 * 0.9))
    assert sums.pixels[0, 0] == 3


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("offset", [0.0, 333.3])
def test_on_an_equal_area_grid_sums_are_planar(offset, mirrored):
    """Cells of 10 km over pixels of 700 m: shares are those of intervals along rows times those along columns."""
    rng = np.random.default_rng(1)
    kinds = rng.integers(0, 5, (150, 130)).astype(np.uint8)
    transform = at(700, -40_000 + offset, 50_000 - offset)
    given = (transform @ Affine(-1, 0, 130, 0, -1, 150), kinds[::-1, ::-1]) if mirrored else (transform, kinds)
    sums = bin_all(grid_of(10_000, 11, 10, left=-45_000, top=55_000), LAEA, *given)

    def shares(start, side, pixels, cells, first):
        edges = np.abs(start - first) + side * np.arange(pixels + 1)
        borders = 10_000 * np.arange(cells + 1)
        low, high = np.maximum(edges[:-1], borders[:-1, None]), np.minimum(edges[1:], borders[1:, None])
        return np.clip(high - low, 0, None)

    across = shares(-40_000 + offset, 700, 130, 10, -45_000)
    down = shares(50_000 - offset, 700, 150, 11, 55_000)
    for kind in (ICE, WATER, UNKNOWN, LAND):
        expected = down @ (kinds == kind) @ across.T
        assert sums.area[..., kind] == pytest.approx(expected, rel=1e-9, abs=1e-3)


CASES = [
    pytest.param(CRS.from_epsg(32633), Affine(900, 0, 300_000, 0, -900, 8_900_000), (20, 15), id="utm"),
    pytest.param(CRS.from_epsg(4326), Affine(0.4, 0, 178, 0, -0.1, 73), (10, 12), id="over the antimeridian"),
    pytest.param(CRS.from_epsg(4326), Affine(10, 0, -180, 0, -0.05, 90), (8, 36), id="degrees to the pole"),
    pytest.param(POLAR, Affine(1600, 600, -20_000, 500, -1800, 10_000), (20, 22), id="rotated over the pole"),
]


@pytest.mark.parametrize(("crs", "transform", "shape"), CASES)
def test_reprojected_pixels_are_shared_as_shapely_intersects_them(crs, transform, shape):
    """Every pixel's corners moved by PROJ, cut by every cell, its area that of its middle."""
    rng = np.random.default_rng(2)
    kinds = rng.integers(1, 3, shape).astype(np.uint8)
    full = named_grid("ease2-n25")
    sums = bin_all(full, crs, transform, kinds)
    expected = np.zeros((full.height, full.width, 3))
    move = pyproj.Transformer.from_crs(crs.to_wkt(), full.crs.to_wkt(), always_xy=True)
    rows, columns = np.mgrid[0 : shape[0] + 1, 0 : shape[1] + 1]
    u, v = ~full.transform @ move.transform(*(transform @ (columns.astype(float), rows.astype(float))))
    area = pixel_area(crs, transform, (rows[:-1, :-1] + 0.5).ravel(), (columns[:-1, :-1] + 0.5).ravel()).reshape(shape)
    for r in range(shape[0]):
        for c in range(shape[1]):
            ring = [(u[r + i, c + j], v[r + i, c + j]) for i, j in ((0, 0), (0, 1), (1, 1), (1, 0))]
            pixel = shapely.Polygon(ring).buffer(0)
            left, top, right, bottom = np.floor(pixel.bounds).astype(int)
            for cell_row in range(top, bottom + 1):
                for cell_column in range(left, right + 1):
                    cell = shapely.box(cell_column, cell_row, cell_column + 1, cell_row + 1)
                    share = pixel.intersection(cell).area / pixel.area if pixel.area else 0.0
                    expected[cell_row, cell_column, kinds[r, c]] += share * area[r, c]
    pixel = np.median(area)
    assert np.abs(sums.area[..., :3] - expected).max() < 0.02 * np.sqrt(max(expected.max() / pixel, 1)) * 4 * pixel
    assert sums.area.sum() == pytest.approx(area.sum(), rel=2e-6)
    assert sums.pixels.sum() == kinds.size


@given(cuts=st.sets(st.integers(1, 59), max_size=6), seed=st.integers(0, 3), with_probability=st.booleans())
def test_the_same_bytes_come_out_however_rows_are_cut(cuts, seed, with_probability):
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 5, (60, 45)).astype(np.uint8)
    percent = rng.integers(0, 102, (60, 45)).astype(np.uint8) if with_probability else None
    if percent is not None:
        percent[percent == 101] = 255
    crs, transform, grid = (
        CRS.from_epsg(32633),
        Affine(900, 0, 300_000, 0, -900, 8_900_000),
        CellGrid("part", POLAR, Affine(6250, 0, 800_000, 0, -6250, -650_000), 20, 12),
    )
    whole = bin_all(grid, crs, transform, kinds, probability=percent)
    parts = bin_all(grid, crs, transform, kinds, cuts=sorted(cuts), probability=percent)
    for name in ("area", "variance", "pixels"):
        assert getattr(whole, name).tobytes() == getattr(parts, name).tobytes()


def test_areas_in_polar_stereographic_are_true():
    kinds = np.full((400, 400), ICE, np.uint8)
    transform = Affine(2500, 0, -3_000_000, 0, -2500, 500_000)
    sums = bin_all(named_grid("psn25"), POLAR, transform, kinds)
    rows, columns = np.mgrid[0:400, 0:400] + 0.5
    true = pixel_area(POLAR, transform, rows.ravel(), columns.ravel()).sum()
    assert sums.area.sum() == pytest.approx(true, rel=1e-6)
    assert abs(true / (400 * 400 * 2500**2) - 1) > 0.01  # and planar ones are not
