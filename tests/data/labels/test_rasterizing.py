"""Polygons become class ids on the pixels of a scene; GDAL's rasterize is the oracle."""

from __future__ import annotations

import json
import logging

import fiona
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.features import rasterize
from rasterio.windows import Window

from seaice_cli.data.labels.encoding import LabelEncoding, ValueMap
from seaice_cli.data.labels.reading import LabelReader, read_label
from seaice_cli.data.samples import Sample
from seaice_cli.errors import DataError
from tests.rasters import TRANSFORM, layer, noise, raster

HEIGHT, WIDTH = 60, 80


def disk(row: float, column: float, radius: float):
    """A disk in pixels, placed on the ground."""
    x, y = TRANSFORM @ (column, row)
    return shapely.Point(x, y).buffer(radius * 250.0)


@pytest.fixture
def image(tmp_path):
    return raster(tmp_path / "scene.tif", noise(HEIGHT, WIDTH))


SHAPES = [(disk(20, 20, 11.3), 1), (disk(40, 50, 17.7), 2), (disk(25, 30, 6.1), 255), (disk(500, 500, 9), 1)]


def expected(shapes=SHAPES, transform=TRANSFORM, height=HEIGHT, width=WIDTH):
    return rasterize(shapes, (height, width), transform=transform, dtype="uint8")


DRIVERS = {"a.gpkg": "GPKG", "a.shp": "ESRI Shapefile", "a.geojson": "GeoJSON", "a.fgb": "FlatGeobuf"}


@pytest.mark.parametrize("name", DRIVERS)
def test_polygons_of_every_format_are_burnt_as_gdal_burns_them(tmp_path, image, name):
    shapes = SHAPES if name != "a.fgb" else SHAPES[:2]  # FlatGeobuf sorts its features, so none may lie over another
    crs, stored = "EPSG:3413", shapes
    if name == "a.geojson":
        crs = "OGC:CRS84"
        change = pyproj.Transformer.from_crs("EPSG:3413", crs, always_xy=True)
        stored = [(shapely.transform(g, lambda xy: np.column_stack(change.transform(*xy.T))), v) for g, v in shapes]
    layer(tmp_path / name, stored, crs=crs, driver=DRIVERS[name], geometry="Polygon")
    label = read_label(Sample(image, tmp_path / name, ""), encoding=LabelEncoding(attribute="class", classes=3))
    assert (label != expected(shapes)).mean() < (0.002 if name == "a.geojson" else 1e-12)


def test_rotated_scenes_are_burnt_too(tmp_path):
    turned = TRANSFORM @ Affine.rotation(30)
    image = raster(tmp_path / "turned.tif", noise(HEIGHT, WIDTH), transform=turned)
    label = read_label(Sample(image, layer(tmp_path / "a.gpkg", SHAPES), ""), encoding=LabelEncoding(attribute="class"))
    inverse = ~turned
    moved = [(shapely.transform(g, lambda xy: np.column_stack(inverse @ tuple(xy.T))), v) for g, v in SHAPES]
    assert np.array_equal(label, expected(moved, Affine.identity()))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-9, 70), st.integers(-9, 90), st.integers(1, 70), st.integers(1, 90))
def test_every_window_is_a_piece_of_the_whole(tmp_path, image, row, column, height, width):
    path = tmp_path / "a.gpkg"
    if not path.exists():
        layer(path, SHAPES)
    reader = LabelReader(LabelEncoding(attribute="class"))
    sample = Sample(image, path, "")
    padded = np.full((200, 200), 255, "uint8")
    padded[20 : 20 + HEIGHT, 20 : 20 + WIDTH] = reader.read(sample)
    window = Window(col_off=column, row_off=row, width=width, height=height)
    piece = padded[20 + row : 20 + row + height, 20 + column : 20 + column + width]
    assert np.array_equal(reader.read(sample, window), piece)


def test_without_an_attribute_every_polygon_is_class_one_on_the_background_named(tmp_path, image):
    path = layer(tmp_path / "a.gpkg", SHAPES[:1])
    label = read_label(Sample(image, path, ""), encoding=LabelEncoding(background=255))
    assert np.array_equal(label, np.where(expected(SHAPES[:1]) == 1, 1, 255))


def test_classes_by_name(tmp_path, image):
    path = layer(
        tmp_path / "a.gpkg", [(disk(20, 20, 9), "ice"), (disk(40, 60, 9), "land")], kind="str", attribute="KIND"
    )
    encoding = LabelEncoding(attribute="KIND", values=ValueMap({"ice": 1, "land": 255}))
    assert sorted(np.unique(read_label(Sample(image, path, ""), encoding=encoding))) == [0, 1, 255]
    with pytest.raises(DataError, match=r"feature 2: KIND is 'land', which is no class \(ice\)"):
        read_label(Sample(image, path, ""), encoding=LabelEncoding(attribute="KIND", values=ValueMap({"ice": 1})))


def test_an_empty_layer_is_all_background(tmp_path, image):
    assert not read_label(Sample(image, layer(tmp_path / "a.gpkg", []), "")).any()


def test_faults_name_the_file(tmp_path, image):
    lines = layer(tmp_path / "lines.gpkg", [(shapely.LineString([(0, 0), (1, 1)]), 1)])
    two = layer(tmp_path / "two.gpkg", SHAPES[:1], name="first")
    layer(two, SHAPES[:1], name="second")
    (tmp_path / "text.gpkg").write_text("no layer")
    cases = [
        (lines, LabelEncoding(), "is a LineString"), (two, LabelEncoding(), "several layers; name one of first, second"),
        (two, LabelEncoding(layer="third"), "no layer 'third'"), (tmp_path / "text.gpkg", LabelEncoding(), "cannot be read"),
        (layer(tmp_path / "a.gpkg", SHAPES[:1]), LabelEncoding(attribute="kind"), "no attribute 'kind'; it has class"),
        (layer(tmp_path / "b.gpkg", [(SHAPES[0][0], 7)]), LabelEncoding(attribute="class", classes=3),
         "class is '7', which is no class"),
        (layer(tmp_path / "c.gpkg", [(SHAPES[0][0], None)]), LabelEncoding(attribute="class"), r"class is empty \(NULL\)"),
    ]  # fmt: skip
    for path, encoding, words in cases:
        with pytest.raises(DataError, match=words) as error:
            read_label(Sample(image, path, ""), encoding=encoding)
        assert str(error.value).startswith(str(path))
    assert read_label(Sample(image, two, ""), encoding=LabelEncoding(layer="second")).any()


def test_tables_without_geometries_such_as_styles_are_no_layers(tmp_path, image):
    path = layer(tmp_path / "a.gpkg", SHAPES[:1], name="ice")
    schema = {"geometry": "None", "properties": {"styleName": "str"}}
    with fiona.open(path, "w", driver="GPKG", layer="layer_styles", schema=schema) as table:
        table.write({"type": "Feature", "geometry": None, "properties": {"styleName": "ice"}})
    assert np.array_equal(read_label(Sample(image, path, "")), expected(SHAPES[:1]))
    with fiona.open(tmp_path / "b.gpkg", "w", driver="GPKG", layer="layer_styles", schema=schema) as table:
        table.write({"type": "Feature", "geometry": None, "properties": {"styleName": "ice"}})
    with pytest.raises(DataError, match="no layer with geometries"):
        read_label(Sample(image, tmp_path / "b.gpkg", ""))


def test_features_without_a_geometry_are_left_out(tmp_path, image):
    path = layer(tmp_path / "a.geojson", [(SHAPES[0][0], 1)], driver="GeoJSON", geometry="Polygon")
    content = json.loads(path.read_text())
    content["features"].insert(0, {"type": "Feature", "geometry": None, "properties": {"class": 1}})
    path.write_text(json.dumps(content))
    assert read_label(Sample(image, path, "")).shape == (HEIGHT, WIDTH)


def test_a_damaged_text_in_a_geopackage_is_one_line(tmp_path, image):
    path = layer(tmp_path / "a.gpkg", SHAPES[:1])
    content = path.read_bytes()
    assert b"CONSTRAINT" in content
    path.write_bytes(content.replace(b"CONSTRAINT", b"CONS\x8fRAINT"))
    with pytest.raises(DataError, match=r"a\.gpkg: cannot be read as a vector file \([^\n]*$"):
        read_label(Sample(image, path, ""))


def test_missing_reference_systems(tmp_path, image, caplog):
    bare = layer(tmp_path / "bare.gpkg", SHAPES[:1], crs=None)
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(read_label(Sample(image, bare, "")), expected(SHAPES[:1]))
    assert "has no CRS" in caplog.text
    plain = raster(tmp_path / "plain.tif", noise(9, 9), crs=None)
    with pytest.raises(DataError, match=r"plain\.tif has none"):
        read_label(Sample(plain, layer(tmp_path / "a.gpkg", SHAPES[:1]), ""))
    pixels = layer(tmp_path / "pixels.gpkg", [(shapely.box(2, 3, 5, 7), 1)], crs=None)
    label = read_label(Sample(plain, pixels, ""))
    assert label.sum() == 12
    assert label[3:7, 2:5].all()


def test_polygons_beyond_what_the_crs_can_show(tmp_path):
    image = raster(tmp_path / "equal_area.tif", noise(HEIGHT, WIDTH), crs=6931)
    torn, far, near = (
        [(0, 80), (10, -90), (10, 80)],
        [(0, -90), (10, -90), (10, -90)],
        [(130, 80), (140, 80), (135, 89)],
    )
    path = layer(tmp_path / "far.gpkg", [(shapely.Polygon(c), 1) for c in (far, near)], crs="EPSG:4326")
    assert read_label(Sample(image, path, "")).shape == (HEIGHT, WIDTH)
    path = layer(tmp_path / "torn.gpkg", [(shapely.Polygon(c), 1) for c in (far, torn)], crs="EPSG:4326")
    assert read_label(Sample(image, path, "")).shape == (HEIGHT, WIDTH)
