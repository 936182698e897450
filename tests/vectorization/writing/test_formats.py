import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import fiona
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from seaice_cli.errors import OptionError, OutputError
from seaice_cli.vectorization.options import VectorOptions
from seaice_cli.vectorization.plan import check_options
from seaice_cli.vectorization.writing.formats import (
    FORMATS,
    GEOMETRY,
    Layer,
    check_target,
    choose_layer_name,
    find_format,
    write_features,
)
from seaice_cli.vectorization.writing.styles import build_qml

SCHEMA = pa.schema([("id", pa.int64()), ("touches_edge", pa.bool_()), (GEOMETRY, pa.binary())])
SQUARES = shapely.box(np.arange(3) + 10.0, 70.0, np.arange(3) + 10.5, 71.0)
LAYER = Layer(name="ice", wkt="EPSG:4326", metadata={"MODEL": "one"}, styles=((1, "ice", (1, 2, 3)),))


def batch():
    return pa.record_batch([[1, 2, 3], [True, False, None], shapely.to_wkb(SQUARES)], schema=SCHEMA)


def read(path):
    """Return ids and polygons with a reader that is not the writer."""
    if "parquet" in path.suffix:
        table = pq.read_table(path)
        return table["id"].to_pylist(), [shapely.from_wkb(blob) for blob in table[GEOMETRY].to_pylist()]
    with fiona.open(path) as source:
        rows = list(source)
    return [row.properties["id"] for row in rows], [shapely.geometry.shape(row.geometry) for row in rows]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_read_back_by_others(tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    write_features(target, SCHEMA, iter([batch()]), LAYER)
    ids, polygons = read(target)
    assert sorted(ids) == [1, 2, 3]
    assert {p.normalize().wkt for p in polygons} == {p.normalize().wkt for p in SQUARES}


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_features_are_a_valid_file_with_the_fields(tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    write_features(target, SCHEMA, iter([]), LAYER)
    if "parquet" in suffix:
        assert pq.read_table(target).num_rows == 0
        assert "touches_edge" in pq.read_schema(target).names
    elif suffix in (".geojsonl", ".geojsons"):
        assert target.read_bytes() == b""  # a line for every feature
    else:
        with fiona.open(target) as source:
            assert list(source) == []
            if "json" not in suffix:  # GeoJSON has fields only where it has features
                assert {"touches_edge", "at_edge"} & set(source.schema["properties"])


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_error_while_features_come_leaves_nothing_behind_and_keeps_its_type(tmp_path, suffix):
    def broken():
        yield batch()
        raise OptionError("in the middle")

    with pytest.raises(OptionError, match="in the middle"):
        write_features(tmp_path / f"out{suffix}", SCHEMA, broken(), LAYER)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_what_was_there(tmp_path):
    target = tmp_path / "out.gpkg"
    target.write_text("old")

    def interrupted():
        yield batch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_features(target, SCHEMA, interrupted(), LAYER)
    assert [p.name for p in tmp_path.iterdir()] == ["out.gpkg"]
    assert target.read_text() == "old"


def test_a_geopackage_has_style_index_and_metadata(tmp_path):
    target = tmp_path / "out.gpkg"
    write_features(target, SCHEMA, iter([batch()]), LAYER)
    assert fiona.listlayers(target) == ["ice", "layer_styles"]
    with fiona.open(target, layer="layer_styles") as styles:
        (style,) = list(styles)
    assert style.properties["f_table_name"] == "ice"
    assert style.properties["f_geometry_column"] == "geom"
    assert style.properties["useAsDefault"]
    assert "230,120,20,255" in style.properties["styleQML"]
    with fiona.open(target, layer="ice") as source:
        assert source.tags()["MODEL"] == "one"
        assert [f.properties["id"] for f in source.filter(bbox=(11.1, 70.1, 11.2, 70.2))] == [2]
    import sqlite3

    with sqlite3.connect(target) as database:
        tables = {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
        assert database.execute("PRAGMA user_version").fetchone() == (10300,), "older readers know nothing newer"
    database.close()
    assert "rtree_ice_geom" in tables


def test_geoparquet_says_what_its_geometries_are(tmp_path):
    target = tmp_path / "out.parquet"
    write_features(target, SCHEMA, iter([batch()]), LAYER)
    geo = json.loads(pq.read_schema(target).metadata[b"geo"])
    assert geo["primary_column"] == GEOMETRY
    assert geo["columns"][GEOMETRY]["encoding"] == "WKB"
    assert geo["columns"][GEOMETRY]["crs"]["id"] == {"authority": "EPSG", "code": 4326}


def test_names_in_a_shapefile_are_short(tmp_path):
    target = tmp_path / "out.shp"
    write_features(target, SCHEMA, iter([batch()]), LAYER)
    with fiona.open(target) as source:
        assert all(len(name) <= 10 for name in source.schema["properties"])
        assert "at_edge" in source.schema["properties"]
    assert {p.suffix for p in tmp_path.iterdir()} >= {".shp", ".shx", ".dbf", ".prj", ".cpg"}


def test_a_style_has_a_category_per_class():
    text = build_qml(((0, "water", (0, 0, 255)), (1, "ice", (255, 255, 255))))
    assert text.count("<category ") == 2
    assert 'label="water"' in text


def test_a_geopackage_says_what_it_is_and_in_which_units(tmp_path):
    target = tmp_path / "out.gpkg"
    layer = replace(LAYER, title="ice of a.tif", abstract="Polygons of a mask.", styles=((1, "ice", (255, 255, 255)),))
    write_features(target, SCHEMA, iter([batch()]), layer)
    with closing(sqlite3.connect(target)) as database:
        told = database.execute(
            "select identifier, description from gpkg_contents where data_type = 'features'"
        ).fetchone()
        qml = database.execute("select styleQML from layer_styles").fetchone()[0]
    assert told == ("ice of a.tif", "Polygons of a mask.")
    aliases = {e.get("field"): e.get("name") for e in ET.fromstring(qml.partition("\n")[2]).iter("alias")}
    assert set(aliases) == set(SCHEMA.names) - {GEOMETRY}
    assert aliases["touches_edge"] == "touches the edge of the data"


@pytest.mark.parametrize(
    ("target", "given", "name"),
    [
        ("-ice.gpkg", None, "ice"),
        ("*.gpkg", None, "layer"),
        ("a.gpkg", "b", "b"),
        ("-ice.shp", None, "-ice"),
        ("gpkg_x.fgb", None, "gpkg_x"),
    ],
)
def test_layers_are_named_as_the_format_allows(target, given, name):
    assert choose_layer_name(Path(target), given) == name


@pytest.mark.parametrize(
    ("target", "given"),
    [
        ("gpkg_ice.gpkg", None),
        ("sqlite_x.gpkg", None),
        ("layer_styles.gpkg", None),
        ("a.gpkg", "rtree_a_geom"),
        ("a.gpkg", "-b"),
        ("a.gpkg", ""),
    ],
)
def test_names_that_a_geopackage_keeps_are_refused_before_the_work(target, given):
    with pytest.raises(OptionError, match="choose another `layer`"):
        check_options(Path(target), VectorOptions(layer=given), None)


def test_targets_that_cannot_become_files_are_refused(tmp_path):
    with pytest.raises(OptionError, match=r"unknown format '\.xyz'; choose one of \.gpkg"):
        find_format(tmp_path / "out.xyz")
    (tmp_path / "there.gpkg").touch()
    with pytest.raises(OutputError, match="exists already; add `overwrite`"):
        check_target(tmp_path / "there.gpkg", overwrite=False)
    check_target(tmp_path / "there.gpkg", overwrite=True)
    with pytest.raises(OutputError, match="there is no folder"):
        check_target(tmp_path / "no" / "out.gpkg", overwrite=False)
    with pytest.raises(OutputError, match="is a folder"):
        check_target(tmp_path, overwrite=True)
