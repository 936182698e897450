"""Coordinates that cannot be degrees, and axes that are exchanged, are told and never taken for land elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS

from seaice_cli.errors import DataError
from seaice_cli.raster.polygons.placing import move
from seaice_cli.raster.polygons.reading import Polygons
from seaice_cli.raster.reading.region import read_region
from seaice_cli.raster.reading.scene import Scene

POLAR = CRS.from_epsg(3413)
BOUNDS = (-1e6, 4e5, -9e5, 5e5)
INSIDE = shapely.box(-98e4, 42e4, -92e4, 48e4)


def polygons(geometries, crs):
    return Polygons(Path("land.gpkg"), np.array(geometries, object), np.arange(len(geometries)), None, crs)


def degrees(box):
    import pyproj

    change = pyproj.Transformer.from_crs(3413, 4326, always_xy=True)
    return shapely.transform(
        shapely.segmentize(box, 500), lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1]))
    )


def swap(geometry):
    return shapely.transform(geometry, lambda xy: xy[:, ::-1])


@pytest.mark.parametrize(
    ("geometry", "crs", "words"),
    [
        (INSIDE, "EPSG:4326", "are no longitude and latitude; say which CRS they are in: ogr2ogr -a_srs"),
        (swap(degrees(INSIDE)), "EPSG:4326", "latitude and longitude look exchanged; exchange them: ogr2ogr"),
        (shapely.box(0, 60, 1000, 70), "EPSG:4326", "no longitude and latitude"),
        (swap(shapely.box(-98e4, 42e4, -92e4, 48e4)), "EPSG:3413", "they would with their coordinates exchanged"),
    ],
)
def test_refused(geometry, crs, words):
    with pytest.raises(DataError, match=r"land\.gpkg.*" + words):
        move(polygons([geometry], crs), POLAR, BOUNDS, "scene.tif")


@pytest.mark.parametrize(
    "geometry",
    [
        degrees(INSIDE), shapely.box(-180, 60, 180, 90), shapely.box(0, -90.000001, 360, 90.000001), shapely.box(350, 60, 540, 80),
        shapely.Polygon(), shapely.box(20, 20, 21, 21), shapely.box(60, 10, 61, 11),
    ],
)  # fmt: skip
def test_accepted(geometry):
    move(polygons([geometry], "EPSG:4326"), POLAR, BOUNDS, "scene.tif")


def test_exchanged_degrees_that_are_possible_are_told_where_they_would_meet():
    bounds = (30.0, 40.0, 31.0, 41.0)
    with pytest.raises(DataError, match="they would with their coordinates exchanged"):
        move(polygons([shapely.box(40.2, 30.2, 40.5, 30.5)], "EPSG:4326"), CRS.from_epsg(4326), bounds, "scene.tif")


def scene_and_land(folder, geometry, crs="EPSG:4326"):
    with rasterio.open(
        folder / "s.tif", "w", driver="GTiff", count=1, height=40, width=40, dtype="uint8", crs=POLAR,
        transform=Affine(2500, 0, -1e6, 0, -2500, 5e5),
    ) as file:  # fmt: skip
        file.write(np.ones((1, 40, 40), np.uint8))
    pyogrio.raw.write(
        folder / "land.gpkg",
        np.array([shapely.to_wkb(geometry)], object),
        [],
        [],
        geometry_type="Polygon",
        crs=crs,
        driver="GPKG",
    )
    return folder / "land.gpkg"


def test_land_that_meets_the_scene_nowhere_is_said(tmp_path, caplog):
    path = scene_and_land(tmp_path, shapely.box(20, -70, 21, -69))
    with Scene(str(tmp_path / "s.tif")) as scene:
        assert read_region(path, scene, "land") == ()
    assert "land.gpkg: none of its polygons meets" in caplog.text


def test_land_that_meets_the_scene_is_not_spoken_of(tmp_path, caplog):
    path = scene_and_land(tmp_path, degrees(INSIDE))
    with Scene(str(tmp_path / "s.tif")) as scene:
        assert len(read_region(path, scene, "land")) == 1
    assert not caplog.text


def test_a_real_coast_with_its_axes_exchanged_is_told(real_data):
    with (
        Scene(str(real_data / "bohai/modis_bohai_1.tif")) as scene,
        pytest.raises(DataError, match=r"landedge\.shp.*latitude and longitude look exchanged"),
    ):
        read_region(real_data / "bohai/landedge.shp", scene, "land")
