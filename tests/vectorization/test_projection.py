import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine

from seaice_cli.errors import OptionError
from seaice_cli.vectorization.projection import WGS84, Projection, read_system
from seaice_cli.vectorization.writing.geometries import build_polygons, place
from tests.vectorization.masks import blobs, outline


def true_areas(polygons, source, equal_area, longest):
    change = pyproj.Transformer.from_crs(source, equal_area, always_xy=True)
    moved = shapely.transform(
        shapely.segmentize(polygons, longest), lambda points: np.stack(change.transform(points[:, 0], points[:, 1]), 1)
    )
    return shapely.area(moved)


@pytest.mark.parametrize(
    ("code", "equal_area", "left", "top"),
    [(3413, 6931, -1e6, 1e6), (3031, 6932, -1e6, 1e6), (3413, 6931, -2.2e6, 2e6), (3413, 6931, -1.0025e6, 9.97e5)],
    ids=["north pole", "south pole", "antimeridian", "pole inside a pixel"],
)
def test_polygons_round_the_pole_and_across_the_antimeridian_are_cut_and_keep_their_area(code, equal_area, left, top):
    pixels, _ = blobs(200, 200, seed=5, classes=2, blur=3)
    polygons = place(build_polygons(outline(pixels), turned=False), Affine(10_000, 0, left, 0, -10_000, top))
    moved = Projection(pyproj.CRS(code).to_wkt(), WGS84, longest=46_000)(polygons)
    assert shapely.is_valid(moved).all()
    west, south, east, north = shapely.total_bounds(moved)
    assert west >= -180
    assert east <= 180
    assert south >= -90
    assert north <= 90
    for polygon in moved:
        for part in shapely.get_parts(polygon):
            assert part.exterior.is_ccw
    expected = true_areas(polygons, code, equal_area, 5_000)
    assert true_areas(moved, 4326, equal_area, 0.05) == pytest.approx(expected, rel=0.02)
    assert true_areas(moved, 4326, equal_area, 0.05).sum() == pytest.approx(expected.sum(), rel=1e-3)


def test_a_polygon_with_a_corner_at_the_pole_is_cut_right():
    square = np.array([shapely.box(0, 0, 1e6, 1e6), shapely.box(-1e6, 0, 0, 1e6)])  # the second across 180 degrees
    moved = Projection(pyproj.CRS(3413).to_wkt(), WGS84, longest=20_000)(square)
    assert shapely.is_valid(moved).all()
    expected = true_areas(square, 3413, 6931, 5_000)
    assert true_areas(moved, 4326, 6931, 0.05) == pytest.approx(expected, rel=1e-3)


def test_long_straight_edges_become_curves():
    box = np.array([shapely.box(0, -2e6, 1e6, -1e6)])
    (moved,) = Projection(pyproj.CRS(3413).to_wkt(), WGS84, longest=20_000)(box)
    assert shapely.get_num_coordinates(moved) > 150


def test_what_is_no_reference_system_is_refused():
    with pytest.raises(OptionError, match="no coordinate reference system; write it like EPSG:3413"):
        read_system("EPSG:99")


def test_what_a_system_cannot_show_is_refused():
    far = np.array([shapely.box(0, 0, 1e6, 1e6)])
    with pytest.raises(OptionError, match="beyond what this reference system can show"):
        Projection(pyproj.CRS(3413).to_wkt(), "+proj=gnom +lat_0=-90", longest=1e5)(far)


def test_longitudes_up_to_360_become_those_of_geojson():
    boxes = np.array(
        [shapely.box(150, 60, 210, 70), shapely.box(0, 40, 360, 50), shapely.box(355, 30, 360, 35)], object
    )
    moved = Projection(pyproj.CRS(4326).to_wkt(), WGS84, longest=1)(boxes)
    parts = [sorted(part.bounds for part in shapely.get_parts(polygon)) for polygon in moved]
    assert parts == [
        [(-180, 60, -150, 70), (150, 60, 180, 70)], [(-180, 40, 180, 50)], [(-5, 30, 0, 35)],
    ]  # fmt: skip
