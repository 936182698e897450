import itertools

import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapely.geometry import shape

from seaice_cli.vectorization.tracing import counts
from seaice_cli.vectorization.tracing.outlines import share_out
from seaice_cli.vectorization.writing.geometries import build_polygons, encode, place, promote
from tests.vectorization.masks import DATA, blobs, outline

MASKS = arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3))
NORTH_UP = Affine(250, 0, 1000, 0, -250, 5000)


def oracle(pixels, connectivity, transform=NORTH_UP):
    found = rasterio.features.shapes(
        pixels.astype(np.int32), mask=pixels > 0, connectivity=connectivity, transform=transform
    )
    return [(shape(geometry), int(value)) for geometry, value in found]


def traced(pixels, *, eight=False, cuts=(), transform=NORTH_UP):
    found = outline(pixels, cuts=cuts, eight=eight)
    return place(build_polygons(found, turned=transform.determinant > 0), transform), found


def as_set(pairs):
    """Normalised text of polygons with their values: equal sets are equal polygons, rings and holes included."""
    return sorted((value, shapely.normalize(polygon).wkb_hex) for polygon, value in pairs)


def assert_equals_gdal(pixels, *, eight=False):
    polygons, found = traced(pixels, eight=eight)
    assert shapely.is_valid(polygons).all()
    ours = list(zip(polygons, found.tallies[:, counts.VALUE].tolist(), strict=True))
    theirs = oracle(pixels, 8 if eight else 4)
    if eight:  # GDAL draws what touches at a corner as one ring that meets itself; as sets of points they are equal
        theirs = [(shapely.make_valid(polygon), value) for polygon, value in theirs]
        order = lambda pair: (pair[1], pair[0].area, pair[0].bounds)  # noqa: E731
        for (mine, value), (other, expected) in zip(sorted(ours, key=order), sorted(theirs, key=order), strict=True):
            assert value == expected
            assert mine.area == other.area
            assert shapely.symmetric_difference(mine, other).area == 0
    else:
        assert as_set(ours) == as_set(theirs)


def test_every_pattern_of_four_by_four_equals_gdal():
    patterns = np.array(list(itertools.product((0, 1), repeat=16)), np.uint8).reshape(-1, 4, 4)
    # 256 by 256 patterns in one raster, each in a frame of nodata; then the same as ice in water, where corners touch.
    board = np.zeros((256 * 5, 256 * 5), np.uint8)
    for k, pattern in enumerate(patterns):
        row, column = divmod(k, 256)
        board[5 * row : 5 * row + 4, 5 * column : 5 * column + 4] = pattern
    for eight in (False, True):
        polygons, _ = traced(board, eight=eight)
        assert shapely.is_valid(polygons).all()
        theirs = [polygon for polygon, _ in oracle(board, 8 if eight else 4)]
        assert len(polygons) == len(theirs)
        assert np.array_equal(np.sort(shapely.area(polygons)), np.sort(shapely.area(theirs)))
        if not eight:
            assert as_set((p, 1) for p in polygons) == as_set((p, 1) for p in theirs)


@settings(max_examples=150)
@given(pixels=MASKS, eight=st.booleans())
def test_random_masks_equal_gdal(pixels, eight):
    assert_equals_gdal(pixels, eight=eight)


@settings(max_examples=150)
@given(pixels=MASKS, eight=st.booleans(), data=st.data())
def test_outlines_do_not_depend_on_where_strips_are_cut(pixels, eight, data):
    cuts = data.draw(st.sets(st.integers(1, max(1, pixels.shape[0] - 1)))) if pixels.shape[0] > 1 else set()
    whole, cut = outline(pixels, eight=eight), outline(pixels, eight=eight, cuts=sorted(cuts))
    for name in ("points", "rings", "parts", "features", "tallies", "measures"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name)), name


@settings(max_examples=50)
@given(pixels=MASKS)
def test_burnt_back_the_polygons_are_the_mask(pixels):
    polygons, found = traced(pixels)
    values = found.tallies[:, counts.VALUE].tolist()
    shapes = list(zip(polygons, values, strict=True))
    burnt = (
        rasterio.features.rasterize(shapes, out_shape=pixels.shape, transform=NORTH_UP, dtype="uint8")
        if shapes
        else np.zeros_like(pixels)
    )
    assert np.array_equal(burnt, pixels)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real data in ../shared/data")
def test_real_masks_equal_gdal_and_do_not_depend_on_strips():
    for path in sorted((DATA / "modis" / "labels").glob("*.tif")):
        with rasterio.open(path) as source:
            pixels = source.read(1)
        pixels = np.where(pixels == 255, 0, pixels + 1).astype(np.uint8)
        assert_equals_gdal(pixels)
        whole = outline(pixels)
        for rows in (1, 7, 64):
            cut = outline(pixels, cuts=range(rows, pixels.shape[0], rows))
            assert np.array_equal(whole.points, cut.points)
            assert np.array_equal(whole.tallies, cut.tallies)


def test_outer_rings_run_counter_clockwise_in_the_written_coordinates_whatever_the_transform():
    pixels, _ = blobs(30, 40, seed=3, blur=1)
    for transform in (NORTH_UP, Affine(10, 0, 0, 0, 10, 0), Affine(4.33, 2.5, 0, 2.5, -4.33, 0)):
        polygons, _ = traced(pixels, transform=transform)
        assert shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()
        holes = [ring for polygon in polygons for ring in polygon.interiors]
        assert holes
        assert not any(ring.is_ccw for ring in holes)


def test_small_components_get_no_outline_and_large_ones_across_strips_keep_theirs():
    pixels, _ = blobs(50, 50, seed=5, blur=1)
    everything = outline(pixels)
    sizes = everything.tallies[:, counts.PIXELS]
    for cuts in ((), (10, 11, 30), range(1, 50)):
        large = outline(pixels, least=(20, 0), cuts=cuts)
        assert large.tallies[:, counts.PIXELS].tolist() == sizes[sizes >= 20].tolist()


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("transform", [NORTH_UP, Affine(10, 1, 5, 0.5, 20, 7)])
def test_binary_is_what_shapely_writes(several, transform):
    pixels, _ = blobs(40, 30, seed=2, blur=0.7)
    found = outline(pixels, eight=several)
    data, offsets = encode(found, transform, several=several)
    read = shapely.from_wkb([bytes(data[a:b]) for a, b in itertools.pairwise(offsets)])
    drawn = place(build_polygons(found, turned=transform.determinant > 0), transform)
    assert shapely.equals_exact(read, promote(drawn) if several else drawn, 1e-9).all()


def test_batches_are_the_features_in_order():
    pixels, _ = blobs(60, 60, seed=4, blur=1)
    found = outline(pixels, eight=True)
    batches = list(share_out(found, 200))
    assert len(batches) > 3
    assert sum(len(batch) for batch in batches) == len(found)
    together = np.concatenate([build_polygons(batch, turned=True) for batch in batches])
    assert shapely.equals_exact(together, build_polygons(found, turned=True), 0).all()
    assert np.array_equal(np.concatenate([batch.measures for batch in batches]), found.measures)
