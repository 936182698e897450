import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label, perimeter_crofton, regionprops

from seaice_cli.vectorization import shapes
from seaice_cli.vectorization.tracing import counts
from seaice_cli.vectorization.writing.geometries import build_polygons
from tests.vectorization.masks import blobs, outline

SQUARE = np.array([[1.0, 0.0], [0.0, -1.0]])


def disc(radius, size=None):
    size = size or int(2 * radius + 9)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return (np.hypot(x, y) < radius).astype(np.uint8)


def square(found):
    return np.broadcast_to(SQUARE, (len(found), 2, 2))


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), blur=st.sampled_from([0.7, 1.5, 3.0]))
def test_perimeters_are_those_of_scikit_image(seed, blur):
    _, fields = blobs(50, 40, seed=seed, classes=1, blur=blur)
    pixels = (fields[0] > 0.8).astype(np.uint8)
    found = outline(pixels)
    ours = shapes.measure_crofton(found, square(found)) if len(found) else []
    labels = label(pixels, connectivity=1)
    for k in range(len(found)):
        row, column = divmod(int(found.tallies[k, counts.FIRST]), 40)
        alone = np.pad(labels == labels[row, column], 1)
        pinched = any(
            (block[0, 0] == block[1, 1]) and (block[0, 1] == block[1, 0]) and (block[0, 0] != block[0, 1])
            for y in range(alone.shape[0] - 1) for x in range(alone.shape[1] - 1)
            if (block := alone[y : y + 2, x : x + 2]) is not None
        )  # fmt: skip
        if not pinched:  # there skimage sees pixels that touch at a corner as connected
            assert ours[k] == pytest.approx(perimeter_crofton(alone, directions=4))


def test_a_large_disc_is_round_and_as_large_as_it_is():
    found = outline(disc(100))
    axes = square(found)
    assert shapes.measure_crofton(found, axes)[0] == pytest.approx(2 * np.pi * 100, rel=0.01)
    hull, largest, smallest, area = shapes.measure_hulls(found, 1, axes)
    assert hull[0] / np.pi == pytest.approx(200, rel=0.01)
    assert largest[0] == pytest.approx(200, rel=0.01)
    assert smallest[0] == pytest.approx(200, rel=0.01)
    assert found.tallies[0, counts.PIXELS] / area[0] > 0.98
    _, elongation = shapes.measure_moments(found.tallies, axes)
    assert elongation[0] == pytest.approx(1, rel=0.01)


def test_a_circle_on_the_ground_is_one_whatever_the_pixels_shape():
    y, x = np.mgrid[:240, :80] - np.array([120, 40])[:, None, None]
    found = outline((np.hypot(x * 3.0, y) < 100).astype(np.uint8))
    axes = np.array([[[3.0, 0.0], [0.0, -1.0]]])
    assert shapes.measure_crofton(found, axes)[0] == pytest.approx(2 * np.pi * 100, rel=0.03)
    _, elongation = shapes.measure_moments(found.tallies, axes)
    assert elongation[0] == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(("angle", "expected"), [(0, 90), (45, 45), (90, 0), (135, 135)])
def test_directions_are_clockwise_from_north(angle, expected):
    y, x = np.mgrid[:121, :121] - 60
    along = x * np.cos(np.radians(angle)) - y * np.sin(np.radians(angle))
    across = x * np.sin(np.radians(angle)) + y * np.cos(np.radians(angle))
    found = outline(((abs(along) < 50) & (abs(across) < 10)).astype(np.uint8))
    direction, elongation = shapes.measure_moments(found.tallies, square(found))
    assert (direction[0] - expected + 90) % 180 - 90 == pytest.approx(0, abs=1)
    assert elongation[0] == pytest.approx(5, rel=0.05)


def test_moments_are_those_of_scikit_image():
    _, fields = blobs(60, 60, seed=3, classes=1, blur=3)
    pixels = (fields[0] > 0.5).astype(np.uint8)
    found = outline(pixels)
    _, elongation = shapes.measure_moments(found.tallies, square(found))
    regions = {
        r.coords[0].tolist()[0] * 60 + r.coords[0].tolist()[1]: r for r in regionprops(label(pixels, connectivity=1))
    }
    for k, first in enumerate(found.tallies[:, counts.FIRST].tolist()):
        region = regions[first]
        if region.area > 100:  # for small ones it matters that pixels are squares, which skimage takes for points
            assert elongation[k] == pytest.approx(region.axis_major_length / region.axis_minor_length, rel=0.02)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6))
def test_calipers_are_the_largest_and_smallest_widths_of_all_directions(seed):
    _, fields = blobs(40, 40, seed=seed, classes=1, blur=1.5)
    found = outline((fields[0] > 0.7).astype(np.uint8))
    if not len(found):
        return
    hull, largest, smallest, _ = shapes.measure_hulls(found, 1, square(found))
    turns = np.radians(np.arange(0, 180, 0.5))
    for k, polygon in enumerate(build_polygons(found, turned=True)):
        points = np.asarray(polygon.exterior.coords)
        widths = np.ptp(points @ np.stack([np.cos(turns), np.sin(turns)]), axis=0)
        assert largest[k] == pytest.approx(widths.max(), rel=1e-3)
        assert smallest[k] == pytest.approx(widths.min(), rel=2e-2)
        assert smallest[k] <= widths.min() + 1e-9
        assert hull[k] == pytest.approx(polygon.convex_hull.length)


def test_lengths_and_areas_of_drawn_outlines_are_shapelys():
    pixels, _ = blobs(40, 50, seed=9, blur=1)
    found = outline(pixels, eight=True)
    polygons = build_polygons(found, turned=True)
    assert shapes.measure_lengths(found, 1, square(found)) == pytest.approx(shapely.length(polygons))
    assert shapes.measure_areas(found, 1) == pytest.approx(shapely.area(polygons))
