import numpy as np
import shapely

from seaice_cli.vectorization.tracing import counts
from seaice_cli.vectorization.tracing.filling import fill_holes
from seaice_cli.vectorization.writing.geometries import build_polygons
from tests.vectorization.masks import blobs, outline


def test_small_holes_are_filled_and_what_lies_in_them_is_swallowed():
    pixels = np.ones((30, 30), np.uint8)
    pixels[5:10, 5:10] = 2  # 25 pixels with an islet
    pixels[7, 7] = 1
    pixels[15:25, 15:25] = 2  # 100 pixels with an islet
    pixels[20, 20] = 1
    found = outline(pixels)
    filled = fill_holes(found, np.full(len(found), 30.0))
    polygons = build_polygons(filled, turned=True)
    assert shapely.is_valid(polygons).all()
    assert sorted(shapely.area(polygons)) == [100, 800]  # the water's own hole, one pixel, is filled too
    assert len(build_polygons(found, turned=True)) == 5


def test_filled_polygons_never_overlap_and_leave_no_gaps():
    for seed in range(20):
        pixels, _ = blobs(40, 40, seed=seed, blur=0.8)
        for eight in (False, True):
            found = outline(pixels, eight=eight)
            filled = build_polygons(fill_holes(found, np.full(len(found), 12.0)), turned=True)
            assert shapely.is_valid(filled).all()
            assert shapely.area(filled).sum() == shapely.union_all(filled).area == pixels.size
            holes = [-shapely.Polygon(r).area for p in filled for g in shapely.get_parts(p) for r in g.interiors]
            assert all(area < -12 for area in holes)


def test_without_small_holes_nothing_changes():
    found = outline(np.ones((5, 5), np.uint8))
    assert fill_holes(found, np.array([100.0])) is found
    assert found.tallies[0, counts.PIXELS] == 25
