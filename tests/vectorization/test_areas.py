import numpy as np
import pyproj
import pytest
from affine import Affine

from seaice_cli.vectorization.areas import survey
from seaice_cli.vectorization.tracing.counts import AREA_BITS

GEOD = pyproj.Geod(ellps="WGS84")
GRIDS = {
    3413: Affine(250, 0, -2e6, 0, -250, 1.5e6),
    3031: Affine(1000, 0, -3e6, 0, -1000, 3e6),
    32633: Affine(100, 0, 4e5, 0, -100, 8e6),
    4326: Affine(0.01, 0, 10, 0, -0.005, 90),
    3857: Affine(250, 0, 0, 0, -250, 1.5e7),
}


def pixel_area(ground, row, column):
    """Interpolate as `counts.tally_runs` does."""
    u, v = (row + 0.5) / ground.step, (column + 0.5) / ground.step
    i, j, a, b = int(u), int(v), u - int(u), v - int(v)
    corner = ground.scales[i : i + 2, j : j + 2]
    return np.array([1 - a, a]) @ corner @ np.array([1 - b, b]) / 2**AREA_BITS * ground.pixel


def corners(row, column, step=1.0):
    return np.array([column, column + step, column + step, column]), np.array([row, row, row + step, row + step])


@pytest.mark.parametrize("code", GRIDS)
def test_pixels_have_the_area_of_the_geodesic_polygon_of_their_corners(code):
    ground = survey(GRIDS[code], pyproj.CRS(code).to_wkt(), 3000, 3000)
    for row, column in ((100, 200), (1500, 1500), (2990, 1234)):
        latitude, longitude = ground.locate(*corners(row, column))
        expected = abs(GEOD.polygon_area_perimeter(longitude, latitude)[0])
        assert pixel_area(ground, row, column) == pytest.approx(expected, rel=5e-6)


def test_an_equal_area_grid_has_equal_pixels_exactly():
    ground = survey(Affine(250, 0, -2e6, 0, -250, 1.5e6), pyproj.CRS(6931).to_wkt(), 3000, 3000)
    assert ground.scales is None
    assert ground.pixel == 62500.0


def test_without_a_system_on_earth_areas_are_unknown():
    for wkt in (None, pyproj.CRS.from_proj4("+proj=stere +lat_0=90").to_wkt().replace("PROJCRS", "ENGCRS") and None):
        ground = survey(Affine.identity(), wkt, 10, 10)
        assert ground.pixel is None
        assert np.isnan(ground.locate(np.zeros(1), np.zeros(1))).all()


@pytest.mark.parametrize("code", GRIDS)
def test_axes_are_the_steps_of_a_pixel_on_the_ground(code):
    ground = survey(GRIDS[code], pyproj.CRS(code).to_wkt(), 3000, 3000)
    column, row = np.array([700.0]), np.array([900.0])
    axes = ground.axes(column, row)[0]
    here = ground.locate(column, row)
    for k, (right, down) in enumerate(((1, 0), (0, 1))):
        there = ground.locate(column + right, row + down)
        azimuth, _, distance = GEOD.inv(here[1][0], here[0][0], there[1][0], there[0][0])
        assert np.hypot(*axes[:, k]) == pytest.approx(distance, rel=2e-4)
        assert (np.degrees(np.arctan2(axes[0, k], axes[1, k])) - azimuth + 180) % 360 - 180 == pytest.approx(0, abs=0.1)


def test_at_the_pole_itself_nothing_breaks():
    ground = survey(Affine(250, 0, -1000, 0, -250, 1000), pyproj.CRS(3413).to_wkt(), 8, 8)
    assert np.isfinite(ground.axes(np.array([4.0]), np.array([4.0]))).all()
    assert ground.pixel == pytest.approx(62500 / 0.9406, rel=1e-3)
