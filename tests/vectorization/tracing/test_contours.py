import contourpy
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from seaice_cli.vectorization.tracing.contours import SCALE
from seaice_cli.vectorization.writing.geometries import build_polygons
from tests.vectorization.masks import blobs, outline


def smooth(pixels, probability, *, threshold=50.0, cuts=(), values=None):
    found = outline(pixels, probability=probability, threshold=threshold, cuts=cuts, values=values)
    return build_polygons(found, scale=SCALE, turned=True), found


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6), size=st.tuples(st.integers(2, 30), st.integers(2, 30)), classes=st.integers(2, 4),
    blur=st.sampled_from([0.0, 0.7, 2.0]), holes=st.sampled_from([0.0, 0.04]), unknown=st.sampled_from([0.0, 0.05]),
    data=st.data(),
)  # fmt: skip
def test_contours_are_valid_share_borders_and_do_not_depend_on_strips(seed, size, classes, blur, holes, unknown, data):
    pixels, fields = blobs(*size, seed=seed, classes=classes, blur=blur, holes=holes)
    probability = np.clip(np.rint(50 + 25 * (fields[0] - fields[1:].max(axis=0))), 0, 100).astype(np.uint8)
    probability[np.random.default_rng(seed).random(size) < unknown] = 255
    polygons, found = smooth(pixels, probability)
    assert shapely.is_valid(polygons).all()
    union, total = shapely.union_all(polygons).area, shapely.area(polygons).sum()
    assert union == pytest.approx(total)
    if (pixels > 0).all():
        assert union == pytest.approx(pixels.size)
    cuts = sorted(data.draw(st.sets(st.integers(1, size[0] - 1), max_size=4)))
    _, again = smooth(pixels, probability, cuts=cuts)
    assert np.array_equal(found.points, again.points)
    assert np.array_equal(found.tallies, again.tallies)


def test_contours_run_where_contourpy_has_them():
    _, fields = blobs(80, 90, seed=8, classes=1, blur=4)
    probability = np.clip(np.rint(50 + 20 * fields[0]), 0, 100).astype(np.uint8)
    probability[[0, -1]] = probability[:, [0, -1]] = 0
    pixels = np.where(probability >= 60, 1, 2).astype(np.uint8)
    polygons, _ = smooth(pixels, probability, threshold=60.0, values=frozenset({1}))
    # A hair below the threshold, since pixels that are exactly 60 per cent belong to the ice.
    lines = contourpy.contour_generator(np.arange(90) + 0.5, np.arange(80) + 0.5, probability.astype(float)).lines(
        60.0 - 1e-9
    )
    theirs = shapely.multilinestrings([shapely.linestrings(line) for line in lines])
    assert shapely.hausdorff_distance(shapely.union_all(shapely.boundary(polygons)), theirs) < 0.02


def test_a_disc_has_the_area_and_perimeter_of_a_disc():
    y, x = np.mgrid[:81, :81]
    radius = np.hypot(x - 40, y - 40)
    probability = np.clip(np.rint(50 + 5 * (30 - radius)), 0, 100).astype(np.uint8)
    (disc,), _ = smooth(np.where(probability >= 50, 1, 2).astype(np.uint8), probability, values=frozenset({1}))
    assert disc.length == pytest.approx(2 * np.pi * 30, rel=0.01)
    assert disc.area == pytest.approx(np.pi * 900, rel=0.01)
