import numpy as np
import pyproj
import pytest
from affine import Affine
from rasterio.crs import CRS

from seaice_cli.evaluation.pixel_geometry import PixelGeometry, arc, pixel_geometry_of

GEOD = pyproj.Geod(ellps="WGS84")


@pytest.mark.parametrize(
    ("epsg", "latitude", "scale"),
    [
        (3413, 60, 1.0804), (3413, 70, 1.0), (3413, 85, 0.9442), (3976, -65, 1.0353), (3995, 75, 0.9794),
        (32661, 60, 1.1349), (6931, 60, 1.0), (6931, 85, 1.0),
    ],
)  # fmt: skip
def test_pixels_have_their_true_area_in_every_projection(epsg, latitude, scale):
    x, y = pyproj.Transformer.from_crs(4326, epsg, always_xy=True).transform(20, latitude)
    ground = PixelGeometry(Affine(1000, 0, x, 0, -1000, y), CRS.from_epsg(epsg), (3, 3))
    assert 1 / ground.areas(0, 1)[0, 0] == pytest.approx(scale, abs=2e-4)


def test_a_scene_in_degrees_has_the_area_of_the_ellipsoid_between_its_parallels():
    ground = PixelGeometry(Affine(0.02, 0, 10, 0, -0.05, 85), CRS.from_epsg(4326), (100, 1500))
    lon = np.linspace(10, 40, 3001)
    around = np.r_[lon, lon[::-1]], np.r_[np.full(3001, 80.0), np.full(3001, 85.0)]
    assert ground.areas(0, 100).sum() == pytest.approx(abs(GEOD.polygon_area_perimeter(*around)[0]) / 1e6, rel=1e-5)
    assert ground.pixel[0] == pytest.approx(GEOD.inv(10, 82.5, 10, 82.45)[2], rel=1e-3)


def test_areas_vary_over_a_large_scene_as_point_by_point():
    ground = PixelGeometry(Affine(5000, 0, -3e6, 0, -5000, 3e6), CRS.from_epsg(3413), (1200, 1200))
    rows = ground.areas(300, 303)
    for row, col in ((0, 0), (1, 611), (2, 1199)):
        alone = PixelGeometry(ground.transform @ Affine.translation(col, 300 + row), ground.crs, (1, 1)).areas(0, 1)
        assert rows[row, col] == pytest.approx(float(alone[0, 0]), rel=1e-4)


@pytest.mark.parametrize("epsg", [3413, 4326, 6931])
def test_distances_are_those_of_the_geodesic_across_the_antimeridian_too(epsg):
    places = np.array([[179.9, 72.0], [-179.8, 72.3], [179.0, 71.5]])
    x, y = pyproj.Transformer.from_crs(4326, epsg, always_xy=True).transform(*places.T)
    ground = PixelGeometry(Affine.identity(), CRS.from_epsg(epsg), (1, 1))
    at = ground.positions(y - 0.5, x - 0.5)
    for i, j in ((0, 1), (1, 2)):
        expected = GEOD.inv(*places[i], *places[j])[2]
        assert arc(np.linalg.norm(at[i] - at[j])) == pytest.approx(expected, rel=1e-5)


def test_the_side_of_a_pixel_is_nominal_in_metres_and_takes_rotation_and_feet_into_account():
    rotated = Affine.rotation(30) @ Affine.scale(250, -500)
    assert PixelGeometry(rotated, CRS.from_epsg(3413), (4, 4)).pixel == pytest.approx((500, 250))
    feet = PixelGeometry(Affine(1000, 0, 5e6, 0, -1000, 5e5), CRS.from_epsg(2222), (4, 4))
    assert feet.pixel == pytest.approx((304.8, 304.8))


def test_without_a_place_on_earth_there_is_no_ground():
    assert pixel_geometry_of(Affine.identity(), None, (2, 2)) is None
    local = CRS.from_wkt('LOCAL_CS["plot",UNIT["metre",1]]')
    assert pixel_geometry_of(Affine.identity(), local, (2, 2)) is None


def test_pixels_beside_the_earth_have_no_area_and_spoil_no_other():
    full_disc = CRS.from_proj4("+proj=geos +h=35785831 +lon_0=0 +sweep=y +datum=WGS84")
    ground = PixelGeometry(Affine(50_000, 0, -5.6e6, 0, -50_000, 5.6e6), full_disc, (224, 224))
    assert np.isfinite(ground.areas(0, 224)).all()
