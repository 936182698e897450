"""Polygons of any CRS lie where they lie on earth: over the antimeridian, round the pole, beyond what the raster's CRS can show."""

import json
import shutil

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize

from seaice_cli.errors import DataError
from seaice_cli.raster.polygons.placing import move, place
from seaice_cli.raster.polygons.reading import read_areas, read_polygons

ARCTIC = (3413, Affine(25_000, 0, -2_500_000, 0, -25_000, 2_500_000), 200, 200)
CHUKCHI = (3413, Affine(5_000, 0, -2_000_000, 0, -5_000, 1_500_000), 150, 150)
SVALBARD = (32633, Affine(1_000, 0, 300_000, 0, -1_000, 8_900_000), 300, 400)
CRS84 = "OGC:CRS84"


def burn(path, epsg, transform, height, width, **how):
    """Return which pixels have their centre in the polygons of a file."""
    placed = place(read_polygons(path, **how), CRS.from_epsg(epsg), transform, (height, width), "the raster")
    pixels = [g for g in placed if not g.is_empty]
    return rasterize(pixels, (height, width), dtype="uint8").astype(bool) if pixels else np.zeros((height, width), bool)


def places(epsg, transform, height, width):
    """Return longitude and latitude of all centres."""
    cols, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return pyproj.Transformer.from_crs(epsg, CRS84, always_xy=True).transform(*(transform @ (cols, rows)))


def write(path, *rings, properties=None):
    features = [
        {"type": "Feature", "properties": properties or {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for ring in rings
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def box(left, bottom, right, top):
    return [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]


def agree(found, expected):
    assert expected.any()
    assert not expected.all()
    assert (found != expected).mean() < 0.004


@pytest.mark.parametrize(
    "ring",
    [box(170, 65, 190, 72), box(-190, 65, -170, 72), [(170, 65), (-170, 65), (-170, 72), (170, 72), (170, 65)]],
    ids=["beyond 180", "beyond -180", "with a jump"],
)
def test_a_box_over_the_antimeridian(tmp_path, ring):
    lon, lat = places(*CHUKCHI)
    agree(burn(write(tmp_path / "a.geojson", ring), *CHUKCHI), (np.abs(lon) > 170) & (lat > 65) & (lat < 72))


RING = [((20 * k + 180) % 360 - 180, 75 + 0.001 * k) for k in range(18)]  # its longitudes jump once


@pytest.mark.parametrize(
    "ring",
    [box(-180, 75, 180, 90), box(0, 75, 360, 90), box(-179.99, 75, 179.99, 90), box(0, 75, 359.99, 90),
     [*RING, RING[0]], [*RING, RING[0]][::-1]],
    ids=["box", "to 360", "nearly", "nearly to 360", "ring", "ring clockwise"],
)  # fmt: skip
def test_a_cap_around_the_pole(tmp_path, ring):
    _, lat = places(*ARCTIC)
    agree(burn(write(tmp_path / "cap.geojson", ring), *ARCTIC), lat > 75)


@pytest.mark.parametrize("inner", [1, -1])
@pytest.mark.parametrize("outer", [1, -1])
def test_a_hole_around_the_pole(tmp_path, outer, inner):
    hole = [(lon, lat + 8) for lon, lat in RING]
    path = write(tmp_path / "ring.geojson", [])
    text = json.loads(path.read_text())
    text["features"][0]["geometry"]["coordinates"] = [[*RING, RING[0]][::outer], [*hole, hole[0]][::inner]]
    path.write_text(json.dumps(text))
    _, lat = places(*ARCTIC)
    agree(burn(path, *ARCTIC), (lat > 75) & (lat < 83))


@pytest.mark.parametrize("hole", [box(175, 68, 178, 70), box(-178, 68, -175, 70), box(182, 68, 185, 70)])
def test_a_hole_on_either_side_of_the_antimeridian(tmp_path, hole):
    path = write(tmp_path / "a.geojson", [])
    text = json.loads(path.read_text())
    text["features"][0]["geometry"]["coordinates"] = [box(170, 65, 190, 72), hole]
    path.write_text(json.dumps(text))
    lon, lat = places(*CHUKCHI)
    around = lon % 360
    there = (around > hole[0][0] % 360) & (around < hole[1][0] % 360) & (lat > 68) & (lat < 70)
    agree(burn(path, *CHUKCHI), (around > 170) & (around < 190) & (lat > 65) & (lat < 72) & ~there)


def test_a_wide_box_is_as_wide_as_its_corners_say(tmp_path):
    lon, lat = places(*ARCTIC)
    agree(burn(write(tmp_path / "wide.geojson", box(-100, 60, 100, 90)), *ARCTIC), (np.abs(lon) < 100) & (lat > 60))


def in_system(path, polygon, epsg):
    """Write a polygon given in longitude and latitude in another system, its edges along parallels and meridians."""
    import pyogrio

    change = pyproj.Transformer.from_crs(CRS84, epsg, always_xy=True)
    dense = shapely.segmentize(polygon, 0.5)
    moved = shapely.transform(dense, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1])))
    pyogrio.raw.write(path, shapely.to_wkb([moved]), [], [], geometry_type="Polygon", crs=f"EPSG:{epsg}")
    return path


def test_polygons_of_a_projection_that_tears_the_raster(tmp_path):
    lon, lat = places(*ARCTIC)
    path = in_system(tmp_path / "a.gpkg", shapely.box(-60, 70, -30, 82), 3857)
    agree(burn(path, *ARCTIC), (lon > -60) & (lon < -30) & (lat > 70) & (lat < 82))
    lon, lat = places(*CHUKCHI)
    path = in_system(tmp_path / "b.gpkg", shapely.box(170, 65, 180, 72), 3857)
    agree(burn(path, *CHUKCHI), (lon > 170) & (lat > 65) & (lat < 72))


def test_polygons_of_a_polar_projection_over_a_scene_in_utm(tmp_path):
    lon, _ = places(*SVALBARD)
    path = in_system(tmp_path / "a.gpkg", shapely.box(-160, 60, 15, 89), 3413)
    agree(burn(path, *SVALBARD), lon < 15)


@pytest.mark.parametrize("left", [-180, 0], ids=["-180 to 180", "0 to 360"])
def test_rasters_in_longitude_and_latitude(tmp_path, left):
    grid = (4326, Affine(0.5, 0, left, 0, -0.5, 90), 100, 720)
    lon, lat = places(*grid)
    around = lon % 360
    over = in_system(tmp_path / "over.gpkg", shapely.box(170, 65, 190, 72), 3413)
    agree(burn(over, *grid), (around > 170) & (around < 190) & (lat > 65) & (lat < 72))
    cap = in_system(tmp_path / "cap.gpkg", shapely.box(-180, 75, 180, 89.99), 3413)
    agree(burn(cap, *grid), lat > 75)
    west = write(tmp_path / "west.geojson", box(-60, 60, -30, 80))
    agree(burn(west, *grid), (around > 300) & (around < 330) & (lat > 60) & (lat < 80))
    jump = write(tmp_path / "jump.geojson", [(170, 65), (-170, 65), (-170, 72), (170, 72), (170, 65)])
    agree(burn(jump, *grid), (around > 170) & (around < 190) & (lat > 65) & (lat < 72))


def test_a_raster_over_the_antimeridian_in_longitude_and_latitude(tmp_path):
    grid = (4326, Affine(0.4, 0, 120, 0, -0.4, 80), 60, 400)
    lon, lat = places(*grid)
    around = lon % 360
    over = in_system(tmp_path / "over.gpkg", shapely.box(172, 66, 255, 73), 3413)
    agree(burn(over, *grid), (around > 172) & (around < 255) & (lat > 66) & (lat < 73))
    other_side = write(tmp_path / "a.geojson", box(-178, 66, -170, 73))
    agree(burn(other_side, *grid), (around > 182) & (around < 190) & (lat > 66) & (lat < 73))


@pytest.mark.parametrize(
    "grid",
    [(3413, Affine(25_000, 0, -2_500_000, 0, 25_000, -2_500_000), 200, 200), (4326, Affine(0.5, 0, -120, 0, 0.5, 50), 80, 300)],
    ids=["polar", "geographic"],
)  # fmt: skip
def test_rasters_whose_first_row_is_the_southernmost(tmp_path, grid):
    lon, lat = places(*grid)
    expected = (lon > -100) & (lon < 10) & (lat > 60) & (lat < 80)
    agree(burn(write(tmp_path / "a.geojson", box(-100, 60, 10, 80)), *grid), expected)
    agree(burn(in_system(tmp_path / "a.gpkg", shapely.box(-100, 60, 10, 80), 3413), *grid), expected)


def test_many_small_polygons_get_few_points(tmp_path):
    x, y = np.random.default_rng(0).uniform((-40, 60), (40, 80), (3000, 2)).T
    polygons = read_polygons(
        write(tmp_path / "a.geojson", *(box(a, b, a + 0.001, b + 0.001) for a, b in zip(x, y, strict=True)))
    )
    moved = move(polygons, CRS.from_epsg(3413), (-2.5e6, -2.5e6, 2.5e6, 2.5e6), "the raster")
    assert shapely.get_num_coordinates(moved).max() <= 9


def test_the_other_pole_is_elsewhere(tmp_path):
    antarctica = [(-180, -90), (180, -90), (180, -70), (0, -65), (-180, -70), (-180, -90)]
    assert not burn(write(tmp_path / "land.geojson", antarctica), *ARCTIC).any()


def test_what_reaches_to_the_other_pole_is_clipped_around_the_raster(tmp_path):
    lon, _ = places(*ARCTIC)
    agree(burn(write(tmp_path / "gore.geojson", box(-60, -90, 30, 90)), *ARCTIC), (lon > -60) & (lon < 30))


def test_a_chart_of_the_whole_arctic_lies_over_a_scene_in_utm(tmp_path):
    whole, half = box(-180, 60, 180, 90), box(-160, 60, 15, 90)
    assert burn(write(tmp_path / "whole.geojson", whole), *SVALBARD).all()
    lon, _ = places(*SVALBARD)
    agree(burn(write(tmp_path / "half.geojson", half), *SVALBARD), lon < 15)


def test_polygons_in_the_rasters_own_crs_are_not_touched(tmp_path):
    path = write(tmp_path / "a.geojson", box(0, 0, 7, 8))
    found = move(read_polygons(path), CRS.from_user_input(CRS84), (0, 0, 9, 9), "the raster")
    assert found[0].equals(shapely.box(0, 0, 7, 8))


def test_coordinates_beyond_all_measure_are_cut_off_around_the_raster(tmp_path):
    import pyogrio

    huge = shapely.to_wkb([shapely.box(-1e77, 0, 0, 500_000)])
    pyogrio.raw.write(tmp_path / "a.gpkg", huge, [], [], geometry_type="Polygon", crs="EPSG:3413")
    expected = np.zeros((200, 200), bool)
    expected[80:100, :100] = True
    assert np.array_equal(burn(tmp_path / "a.gpkg", *ARCTIC), expected)


def test_what_lies_beyond_the_limb_of_a_full_disc_is_left_out_and_told(tmp_path, caplog):
    disc = CRS.from_proj4("+proj=ortho +lat_0=90 +lon_0=0")
    near, far = box(-40, 60, -20, 80), box(-40, -60, -20, 80)
    found = move(read_polygons(write(tmp_path / "a.geojson", near, far)), disc, (-7e6, -7e6, 7e6, 7e6), "the disc")
    assert [g.is_empty for g in found] == [False, True]
    assert "1 polygons reach beyond" in caplog.text


def test_geoparquet_is_read_as_geopackage_is(tmp_path):
    """Of masks that `seaice vectorize` has written."""
    from seaice_cli.vectorization.pipeline import vectorize
    from tests.vectorization.masks import write_mask

    pixels = np.random.default_rng(2).integers(0, 3, (30, 40), np.uint8)
    mask = write_mask(tmp_path / "mask.tif", pixels)
    for name in ("a.gpkg", "a.parquet"):
        vectorize(mask, tmp_path / name)
    one, other = (read_polygons(tmp_path / n, layer=None, attribute="class") for n in ("a.gpkg", "a.parquet"))
    assert len(one) > 100
    assert shapely.equals(one.geometries, other.geometries).all()
    assert one.values == other.values
    assert pyproj.CRS(one.crs) == pyproj.CRS(other.crs)


def test_one_layer_is_chosen_by_name_or_because_it_is_the_only_one(tmp_path):
    import pyogrio

    shapes = shapely.to_wkb([shapely.box(0, 0, 1, 1)])
    for layer in ("one", "two"):
        pyogrio.raw.write(tmp_path / "a.gpkg", shapes, [], [], layer=layer, geometry_type="Polygon", crs=CRS84)
    with pytest.raises(DataError, match="several layers; name one of one, two"):
        read_polygons(tmp_path / "a.gpkg")
    assert len(read_polygons(tmp_path / "a.gpkg", layer="two")) == 1
    with pytest.raises(DataError, match="no layer 'three'"):
        read_polygons(tmp_path / "a.gpkg", layer="three")


def test_what_is_no_polygon_is_refused_or_left_out(tmp_path):
    path = tmp_path / "a.geojson"
    line = {"type": "LineString", "coordinates": [(0, 0), (1, 1)]}
    ring = {"type": "Polygon", "coordinates": [box(0, 0, 1, 1)]}
    features = [{"type": "Feature", "properties": {"k": k}, "geometry": g} for k, g in enumerate((line, None, ring))]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    with pytest.raises(DataError, match="is a LineString"):
        read_polygons(path)
    assert [found.numbers.tolist() for found in read_areas(path)] == [[2]]


def test_files_that_name_other_files_are_refused_and_none_is_left_beside(tmp_path):
    data = write(tmp_path / "a.geojson", box(0, 0, 1, 1))
    listing = tmp_path / "list.vrt"
    listing.write_text(
        f"<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>{data}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    )
    with pytest.raises(DataError, match="only names other files"):
        read_polygons(listing)
    gml = tmp_path / "a.gml"
    gml.write_text(
        '<?xml version="1.0"?><ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/" xmlns:gml="http://www.opengis.net/gml">'
        '<gml:featureMember><ogr:a fid="a.0"><ogr:geometryProperty><gml:Polygon srsName="EPSG:3413"><gml:outerBoundaryIs>'
        "<gml:LinearRing><gml:coordinates>0,0 0,1 1,1 0,0</gml:coordinates></gml:LinearRing></gml:outerBoundaryIs>"
        "</gml:Polygon></ogr:geometryProperty></ogr:a></gml:featureMember></ogr:FeatureCollection>"
    )
    before = sorted(p.name for p in tmp_path.iterdir())
    assert len(read_polygons(gml)) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["a.parquet", "a.gpkg", "a.fgb", "a.geojson"])
def test_what_is_no_vector_file_is_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"nothing of the kind" * 10)
    with pytest.raises(DataError, match=rf"{name}: cannot be read as a vector file \([^\n]*$"):
        read_polygons(tmp_path / name)
    with pytest.raises(DataError, match="cannot be read"):
        read_polygons(tmp_path / "missing.gpkg")


def test_damaged_geometries_are_refused_or_told(tmp_path, caplog):
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = shapely.to_wkb(shapely.box(0, 0, 1, 1))
    geo = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
    table = pa.table({"geometry": pa.array([whole, None, whole[:30]], pa.binary())})
    path = tmp_path / "a.parquet"
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    with pytest.raises(DataError, match="feature 3 is damaged"):
        read_polygons(path)
    assert [len(found) for found in read_areas(path)] == [1]
    assert "1 geometries are damaged" in caplog.text


@pytest.mark.parametrize(
    "geo",
    [[], {"primary_column": 3}, {"primary_column": "geometry", "columns": []},
     {"primary_column": "geometry", "columns": {"geometry": 1}},
     {"primary_column": "geometry", "columns": {"geometry": {"encoding": "polygon"}}},
     {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}],
)  # fmt: skip
def test_odd_metadata_and_other_encodings_are_one_line(tmp_path, geo):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"geometry": ["POLYGON ((0 0, 1 0, 1 1, 0 0))"]})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"is no GeoParquet|holds geometries as"):
        read_polygons(tmp_path / "a.parquet")


def test_a_table_without_geometries_is_no_geoparquet(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"class": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="is no GeoParquet"):
        read_polygons(tmp_path / "a.parquet")
    shutil.copy(tmp_path / "a.parquet", tmp_path / "b.geoparquet")
    with pytest.raises(DataError, match="is no GeoParquet"):
        read_polygons(tmp_path / "b.geoparquet")
