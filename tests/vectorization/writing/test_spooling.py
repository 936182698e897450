import sqlite3
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely

from seaice_cli.vectorization.writing import formats
from seaice_cli.vectorization.writing.formats import GEOMETRY, Layer, write_features
from seaice_cli.vectorization.writing.spooling import Spool, bound

SCHEMA = pa.schema([("id", pa.int64()), ("class_name", pa.string()), (GEOMETRY, pa.binary())])


def holed(x, holes):
    """Return a square at x with a row of holes along its upper edge."""
    gaps = [shapely.box(x + 2 * k + 1, 1, x + 2 * k + 2, 2).exterior.coords[::-1] for k in range(holes)]
    return shapely.Polygon(shapely.box(x, 0, x + 2 * holes + 1, 9).exterior, gaps)


def batches(polygons, size):
    for start in range(0, len(polygons), size):
        some = polygons[start : start + size]
        columns = [range(start, start + len(some)), ["ice"] * len(some), shapely.to_wkb(np.array(some, object))]
        yield pa.record_batch([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def dump(path):
    """Return what a GeoPackage holds: rows with the bytes of their geometries, index entries, triggers."""
    with closing(sqlite3.connect(path)) as database:
        return [
            database.execute("SELECT * FROM ice ORDER BY fid").fetchall(),
            database.execute("SELECT * FROM rtree_ice_geom ORDER BY id").fetchall(),
            sorted(database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()),
        ]


@pytest.mark.parametrize("several", [False, True])
def test_a_geopackage_is_the_same_whether_its_geometries_waited_or_not(tmp_path, monkeypatch, several):
    polygons = [holed(0, 3), holed(100, 300), holed(900, 2), holed(1000, 500)]
    if several:
        polygons = [shapely.multipolygons([p, shapely.box(-5, -5, -4, -4)]) for p in polygons]
    layer = Layer(name="ice", wkt="EPSG:3413", geometry_type="MultiPolygon" if several else "Polygon")
    write_features(tmp_path / "one.gpkg", SCHEMA, batches(polygons, 2), layer)
    waited = []

    class Sooner(Spool):
        def __init__(self, path, column):
            super().__init__(path, column, large=5000)

        def _put(self, row, geometry):
            waited.append(row)
            return super()._put(row, geometry)

    monkeypatch.setattr(formats, "Spool", Sooner)
    write_features(tmp_path / "other.gpkg", SCHEMA, batches(polygons, 2), layer)
    assert waited == [1, 3]
    assert dump(tmp_path / "one.gpkg") == dump(tmp_path / "other.gpkg")
    _, _, geometries, _ = pyogrio.raw.read(tmp_path / "other.gpkg", bbox=(1000, 0, 1001, 1))
    assert shapely.from_wkb(geometries)[-1].equals(polygons[3])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.gpkg", "other.gpkg"]


def test_a_bounding_box_is_that_of_all_parts():
    parts = shapely.multipolygons([holed(0, 2), shapely.box(-3, -4, -2, 20)])
    assert shapely.from_wkb(bound(memoryview(shapely.to_wkb(parts)))).bounds == parts.bounds
    assert shapely.from_wkb(bound(memoryview(shapely.to_wkb(holed(7, 2))))).geom_type == "Polygon"


def test_a_full_disk_is_an_error_that_names_it(tmp_path):
    spool = Spool(tmp_path / "large", GEOMETRY, large=1)
    list(spool.divert(batches([holed(0, 3)], 1)))
    with pytest.raises(OSError, match="polygon of many points could not be stored"):
        spool.restore(tmp_path / "there is none.gpkg", "ice", "geom")
