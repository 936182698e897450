"""True areas against numbers from the literature and from pyproj's geodesics."""

import numpy as np
import pytest
from affine import Affine
from pyproj import Geod, Transformer
from rasterio.crs import CRS

from seaice_cli.raster.area import pixel_area


@pytest.mark.parametrize(("latitude", "ratio"), [(60, 1.0804), (70, 1.0), (75, 0.9735), (80, 0.9551), (85, 0.9442)])
def test_planar_over_true_area_in_polar_stereographic(latitude, ratio):
    x, y = Transformer.from_crs(4326, 3413, always_xy=True).transform(30.0, latitude)
    transform = Affine(250, 0, x - 125, 0, -250, y + 125)
    area = pixel_area(CRS.from_epsg(3413), transform, [0.5], [0.5])
    assert 250**2 / area[0] == pytest.approx(ratio, abs=2e-4)


def test_rotation_does_not_matter():
    transform = Affine.translation(1e5, 2e5) @ Affine.rotation(30) @ Affine.scale(100, -100)
    assert pixel_area(CRS.from_epsg(6931), transform, [0], [0])[0] == pytest.approx(1e4, rel=1e-6)


@pytest.mark.parametrize("latitude", [0.0, 45.0, 60.0, 85.0, -70.0])
def test_geographic_cells_against_geodesic_polygons(latitude):
    step = 0.05
    transform = Affine(step, 0, 20, 0, -step, latitude + step / 2)
    ring = [(20, 1), (20 + step, 1), (20 + step, -1), (20, -1)]
    corners = [(x, latitude + s * step / 2) for x, s in ring]
    area, _ = Geod(ellps="WGS84").polygon_area_perimeter(*zip(*corners, strict=True))
    assert pixel_area(CRS.from_epsg(4326), transform, [0.5], [0.5])[0] == pytest.approx(abs(area), rel=1e-5)


@pytest.mark.parametrize("latitude", [30.0, 70.0])
def test_web_mercator_lies_on_the_ellipsoid_though_its_formulas_are_for_a_sphere(latitude):
    back = Transformer.from_crs(3857, 4326, always_xy=True)
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(20.0, latitude)
    ring = back.transform([x, x + 100, x + 100, x], [y, y, y - 100, y - 100])
    area, _ = Geod(ellps="WGS84").polygon_area_perimeter(*ring)
    transform = Affine(100, 0, x, 0, -100, y)
    assert pixel_area(CRS.from_epsg(3857), transform, [0.5], [0.5])[0] == pytest.approx(abs(area), rel=1e-5)


def test_without_crs_the_nominal_area_is_given():
    assert pixel_area(None, Affine.scale(3, 2), [0, 1], [0, 1]).tolist() == [6, 6]


def test_feet_are_turned_into_metres():
    feet = CRS.from_epsg(2263)  # New York, US survey feet
    transform = Affine(10, 0, 984000, 0, -10, 200000)
    assert pixel_area(feet, transform, [0.5], [0.5])[0] == pytest.approx((10 * 0.3048006) ** 2, rel=1e-3)
    assert np.isfinite(pixel_area(feet, transform, [0.5], [0.5])).all()
