import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from seaice_cli.vectorization.tracing.simplification import make_borders, simplify
from seaice_cli.vectorization.writing.geometries import build_polygons
from tests.vectorization.masks import blobs, outline

PLAIN = (1.0, 1.0)


def simplified(pixels, tolerance, *, cuts=(), pixel=PLAIN):
    borders = make_borders(*pixels.shape)
    exact = outline(pixels, borders=borders, cuts=cuts)
    return exact, simplify(exact, borders, tolerance, pixel)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6), size=st.tuples(st.integers(2, 40), st.integers(2, 40)), classes=st.integers(2, 4),
    blur=st.sampled_from([0.0, 0.7, 1.5, 3.0]), tolerance=st.sampled_from([0.3, 0.8, 1.5, 3.0, 8.0]),
    holes=st.sampled_from([0.0, 0.03]), data=st.data(),
)  # fmt: skip
def test_neighbours_stay_neighbours_and_nothing_moves_farther_than_the_tolerance(
    seed, size, classes, blur, tolerance, holes, data
):
    pixels, _ = blobs(*size, seed=seed, classes=classes, blur=blur, holes=holes)
    exact, fewer = simplified(pixels, tolerance)
    polygons, before = build_polygons(fewer, turned=True), build_polygons(exact, turned=True)
    assert shapely.is_valid(polygons).all()
    assert (shapely.area(polygons) > 0).all()
    union, total = shapely.union_all(polygons).area, shapely.area(polygons).sum()
    assert union == pytest.approx(total)  # no overlaps
    if (pixels > 0).all():
        assert union == pytest.approx(pixels.size)  # no gaps
    moved = shapely.hausdorff_distance(shapely.boundary(before), shapely.boundary(polygons))
    assert moved.max(initial=0) <= tolerance + 1e-9
    cuts = sorted(data.draw(st.sets(st.integers(1, size[0] - 1), max_size=4)))
    _, again = simplified(pixels, tolerance, cuts=cuts)
    assert np.array_equal(again.points, fewer.points)
    assert np.array_equal(again.rings, fewer.rings)


def test_stairs_become_a_line():
    pixels = (np.add.outer(np.arange(60), np.arange(60)) < 60).astype(np.uint8) + 1
    exact, fewer = simplified(pixels, 1.0)
    assert exact.points.shape[0] > 200
    assert fewer.points.shape[0] < 20


def test_a_small_floe_in_a_bay_stays_outside_the_floe_around_the_bay():
    pixels = np.full((40, 40), 1, np.uint8)
    pixels[10:30, 10:14] = 2
    pixels[10:30, 26:30] = 2
    pixels[26:30, 10:30] = 2
    pixels[15:20, 18:22] = 2
    _, fewer = simplified(pixels, 15.0)
    floes = [polygon for polygon in build_polygons(fewer, turned=True) if polygon.area < 600]
    assert len(floes) == 2
    assert not floes[0].intersects(floes[1])


def test_pixels_that_are_not_square_are_measured_on_the_ground():
    pixels = (np.add.outer(2 * np.arange(30), np.arange(60)) < 60).astype(np.uint8) + 1
    _, fewer = simplified(pixels, 1.0, pixel=(1.0, 2.0))
    _, more = simplified(pixels, 0.2, pixel=(1.0, 2.0))
    assert fewer.points.shape[0] < more.points.shape[0]
