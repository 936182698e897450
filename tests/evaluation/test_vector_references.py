import json

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize

from seaice_cli.errors import DataError
from seaice_cli.evaluation.masks import Legend, MaskGrid
from seaice_cli.evaluation.vector_references import FeatureReader
from tests.conftest import POLAR

GRID = MaskGrid((60, 80), POLAR, CRS.from_epsg(3413))


def in_polar(xs_and_ys):
    """Return a polygon whose corners are given in pixels (column, row)."""
    return shapely.Polygon([POLAR @ corner for corner in xs_and_ys])


FLOE = in_polar([(10.2, 5.1), (60.7, 12.3), (50.4, 40.9), (15.6, 33.3)])
POND = in_polar([(20.2, 15.1), (30.7, 15.1), (30.7, 25.9), (20.2, 25.9)])


@pytest.fixture
def write(tmp_path):
    def write(features, crs=3413, name="truth.geojson"):
        """Write (polygon, properties) in a CRS given by its number."""
        change = pyproj.Transformer.from_crs(3413, crs or 3413, always_xy=True)
        shapes = [(shapely.transform(g, lambda xy: np.column_stack(change.transform(*xy.T))), p) for g, p in features]
        path = tmp_path / name
        member = {"crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{crs}"}}} if crs else {}
        collection = {
            "type": "FeatureCollection", **member,
            "features": [{"type": "Feature", "properties": p, "geometry": shapely.geometry.mapping(g)} for g, p in shapes],
        }  # fmt: skip
        path.write_text(json.dumps(collection))
        return path

    return write


def read(path, grid=GRID, **legend):
    with FeatureReader(path, legend=Legend(**legend), grid=grid) as reader:
        return reader.read(0, grid.shape[0])


def test_polygons_are_burnt_where_they_hold_the_centre_of_a_pixel(write):
    path = write([(FLOE, {})])
    expected = rasterize([FLOE], out_shape=GRID.shape, transform=POLAR)
    np.testing.assert_array_equal(read(path), expected)


def test_rows_come_in_strips(write):
    path = write([(FLOE, {}), (POND, {})])
    with FeatureReader(path, legend=Legend(), grid=GRID) as reader:
        strips = [reader.read(top, min(top + 7, 60)) for top in range(0, 60, 7)]
        objects = [reader.objects(top, min(top + 7, 60), 1) for top in range(0, 60, 7)]
        np.testing.assert_array_equal(np.concatenate(strips), reader.read(0, 60))
        np.testing.assert_array_equal(np.concatenate(objects), reader.objects(0, 60, 1))


def test_an_attribute_names_the_class_and_the_later_polygon_lies_on_top(write):
    path = write([(FLOE, {"type": "ice"}), (POND, {"type": "pond"})])
    ids = read(path, attribute="type", ids={"ice": 2, "pond": 0}, background=1)
    floe, pond = (rasterize([g], out_shape=GRID.shape, transform=POLAR) for g in (FLOE, POND))
    np.testing.assert_array_equal(ids, np.where(pond, 0, np.where(floe, 2, 1)))


def test_whole_numbers_name_a_class_by_id(write):
    assert set(np.unique(read(write([(FLOE, {"class": 2.0})]), attribute="class"))) == {0, 2}


def test_objects_of_a_class_keep_their_own_numbers(write):
    path = write([(FLOE, {"c": 1}), (POND, {"c": 0}), (in_polar([(70, 50), (75, 50), (75, 55)]), {"c": 1})])
    with FeatureReader(path, legend=Legend(attribute="c"), grid=GRID) as reader:
        assert set(np.unique(reader.objects(0, 60, 1))) == {0, 1, 3}
        assert set(np.unique(reader.objects(0, 60, 0))) == {0, 2}


@pytest.mark.parametrize("crs", [4326, 6931, 3995])
def test_another_crs_moves_polygons_to_the_same_pixels(write, crs):
    # The floe lies across the antimeridian, where its longitudes jump from 180 to -180.
    same, moved = read(write([(FLOE, {})])), read(write([(FLOE, {})], crs=crs, name="moved.geojson"))
    assert (same != moved).sum() <= 6


def test_a_long_edge_along_a_parallel_follows_its_curve(write):
    grid = MaskGrid((400, 1200), Affine(5000, 0, -3e6, 0, -5000, -0.5e6), CRS.from_epsg(3413))
    corners = [(-90.0, 70), (0, 70), (0, 60), (-90, 60)]
    to_polar = pyproj.Transformer.from_crs(4326, 3413, always_xy=True)
    sector = shapely.Polygon([to_polar.transform(*c) for c in corners])
    ids = read(write([(sector, {})], crs=4326), grid)
    cols, rows = np.meshgrid(np.arange(1200) + 0.5, np.arange(400) + 0.5)
    lon, lat = pyproj.Transformer.from_crs(3413, 4326, always_xy=True).transform(*(grid.transform @ (cols, rows)))
    expected = (lon > -90) & (lon < 0) & (lat < 70) & (lat > 60)
    assert (ids != expected).mean() < 0.002


def test_no_polygons_is_an_ice_free_scene(write):
    assert not read(write([])).any()


def test_polygons_elsewhere_are_told(write, caplog):
    far = shapely.transform(FLOE, lambda xy: xy + 5e6)
    assert not read(write([(far, {})])).any()
    assert "none of its polygons lies in the scene" in caplog.text


@pytest.mark.parametrize(
    ("features", "legend", "text"),
    [
        ([(FLOE, {"a": "x"})], {"attribute": "b"}, "has no attribute 'b'; it has a"),
        ([(FLOE, {"a": "x"})], {"attribute": "a"}, "a is 'x', which is no class"),
        ([(shapely.LineString(FLOE.exterior.coords), {})], {}, "is a LineString"),
        ([(FLOE, {})], {"layer": "other"}, "has no layer 'other'"),
    ],
)
def test_what_does_not_fit_is_named(write, features, legend, text):
    with pytest.raises(DataError, match=text):
        read(write(features), **legend)


def test_a_file_that_is_no_vector_file_is_named(tmp_path):
    path = tmp_path / "broken.gpkg"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"broken\.gpkg: cannot be read"):
        read(path)


def test_a_place_cannot_be_found_on_a_mask_without_one(write):
    with pytest.raises(DataError, match="the mask has none"):
        read(write([(FLOE, {})]), MaskGrid((60, 80), Affine.identity(), None))
