"""Extent, area, marginal ice zone and edge: by hand on small grids, and from files of others."""

import csv
import json

import numpy as np
import pyogrio
import pytest
import shapely
import xarray as xr
from rasterio.crs import CRS

from seaice_cli.errors import DataError, OptionError
from seaice_cli.products.concentration.geotiff import write_geotiff
from seaice_cli.products.concentration.netcdf import append_netcdf, write_netcdf
from seaice_cli.products.extent.chart import draw_series
from seaice_cli.products.extent.edge import cut_at_antimeridian, find_edge, write_edges
from seaice_cli.products.extent.pipeline import ExtentOptions, measure_extents, write_table
from seaice_cli.products.fields import read_fields
from tests.products.made import CELL, FAR, OUTSIDE, concentration

CELL_KM2 = CELL**2 / 1e6
X = np.nan


def extents(path, **options):
    return measure_extents([path], options=ExtentOptions(**options)).extents


def written(tmp_path, *arguments, name="sic.nc", **options):
    target = tmp_path / name
    (write_netcdf if name.endswith("nc") else write_geotiff)(concentration(*arguments, **options), target)
    return target


@pytest.mark.parametrize("name", ["sic.nc", "sic.tif"])
def test_sums_are_those_by_hand(name, tmp_path):
    """0.1 is no ice, 0.15 is; 0.8 is pack ice; one cell is half land, one unknown, one beyond the scenes."""
    fraction = [[0.1, 0.15, 0.5], [0.8, 1.0, X], [0.6, X, X]]
    land = [[0, 0, 0], [0, 0, 0], [0.5, 1, 0]]
    status = [[0, 0, 0], [0, 0, 2], [0, 3, OUTSIDE]]
    found = extents(written(tmp_path, fraction, land=land, status=np.array(status), name=name))[0]
    assert found.extent_km2 == pytest.approx((1 + 1 + 1 + 1 + 0.5) * CELL_KM2, rel=1e-9 if name == "sic.nc" else 1e-6)
    assert found.area_km2 == pytest.approx((0.15 + 0.5 + 0.8 + 1 + 0.5 * 0.6) * CELL_KM2, rel=1e-6)
    assert found.marginal_ice_zone_km2 == pytest.approx((1 + 1 + 0.5) * CELL_KM2, rel=1e-6)
    assert found.known_km2 == pytest.approx(5.5 * CELL_KM2, rel=1e-6)
    assert found.missing_km2 == pytest.approx(CELL_KM2, rel=1e-6)
    assert found.outside_km2 == pytest.approx(CELL_KM2, rel=1e-6)
    assert found.time == "2022-09-14T12:30:00Z"


def test_on_an_equal_area_grid_sums_are_planar_and_elsewhere_true(tmp_path):
    rng = np.random.default_rng(0)
    fraction = rng.integers(0, 10_001, (40, 50)) / 10_000
    planar = (fraction[fraction >= 0.15].size * CELL_KM2, fraction[fraction >= 0.15].sum() * CELL_KM2)
    found = extents(written(tmp_path, fraction))[0]
    assert (found.extent_km2, found.area_km2) == pytest.approx(planar, rel=1e-9)
    polar = extents(written(tmp_path, fraction, crs=CRS.from_epsg(3413), name="polar.nc", left=0.0, top=0.0))[0]
    assert polar.extent_km2 / planar[0] == pytest.approx(1 / 0.945, abs=0.01)  # planar areas are too small there


def test_a_threshold_is_chosen(tmp_path):
    path = written(tmp_path, [[0.1, 0.3, 0.5]])
    assert extents(path, threshold=0.3)[0].extent_km2 == pytest.approx(2 * CELL_KM2)
    with pytest.raises(OptionError, match="`threshold`"):
        ExtentOptions(threshold=1.5)


def test_regions_get_extents_of_their_own(tmp_path):
    path = written(tmp_path, np.ones((2, 4)))
    boxes = [
        shapely.box(FAR, FAR - 2 * CELL, FAR + 3 * CELL, FAR),
        shapely.box(FAR + 3 * CELL, FAR - CELL, FAR + 4 * CELL, FAR),
    ]
    regions = tmp_path / "regions.gpkg"
    pyogrio.raw.write(
        regions, shapely.to_wkb(boxes), [np.array(["west", "east"], object)], ["sea"], geometry_type="Polygon", crs="EPSG:6931",
        layer="seas",
    )  # fmt: skip
    found = {e.region: e.extent_km2 for e in extents(path, regions=regions, attribute="sea")}
    assert found == pytest.approx({"all": 8 * CELL_KM2, "west": 6 * CELL_KM2, "east": CELL_KM2})
    assert [e.region for e in extents(path, regions=regions)] == ["all", "1", "2"]


def test_the_edge_lies_where_ice_meets_water_and_nowhere_else(tmp_path):
    """Columns of water, ice, then cloud; the frame and the cloud are no edge."""
    fraction = np.array([[0.0, 0.0, 1.0, 1.0, X, X]] * 4)
    field = next(read_fields(written(tmp_path, fraction)))
    edge = find_edge(field, threshold=0.15)
    assert len(edge.lines) == 1
    x, y = edge.lines[0].T
    assert x == pytest.approx(FAR + (1.5 + 0.15) * CELL, abs=1)
    assert sorted(y[[0, -1]]) == pytest.approx([FAR - 3.5 * CELL, FAR - 0.5 * CELL], abs=1)
    assert edge.lengths_km == pytest.approx([30], rel=0.02)
    assert not find_edge(field, threshold=0.15, min_length_km=40).lines


def test_there_is_no_edge_where_ice_meets_cloud_or_land(tmp_path):
    fraction = np.array([[0.0, X, 1.0]] * 3)
    field = next(read_fields(written(tmp_path, fraction)))
    assert not find_edge(field, threshold=0.15).lines


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp"])
def test_edges_are_written_as_lines(suffix, tmp_path):
    path = written(tmp_path, [[0.0, 0.0, 1.0]] * 3)
    append_netcdf(concentration([[0.0, 1.0, 1.0]] * 3, day=15), path)
    report = measure_extents([path])
    target = tmp_path / f"edge{suffix}"
    write_edges(report.edges, target)
    info, _, lines, fields = pyogrio.raw.read(target)
    assert info["geometry_type"] == "LineString"
    assert len(lines) == 2
    assert fields[list(info["fields"]).index("length_km")] == pytest.approx([20, 20], rel=0.02)
    assert pyogrio.read_info(target)["crs"] in ("EPSG:4326", "EPSG:6931") or suffix == ".shp"


def test_lines_are_cut_at_the_antimeridian():
    line = np.array([[178.0, 70.0], [179.0, 71.0], [-179.0, 73.0], [-178.0, 74.0]])
    east, west = cut_at_antimeridian(line)
    assert east.tolist() == [[178, 70], [179, 71], [180, 72]]
    assert west.tolist() == [[-180, 72], [-179, 73], [-178, 74]]
    assert len(cut_at_antimeridian(line[:2])) == 1
    assert [len(p) for p in cut_at_antimeridian(line[::-1])] == [3, 3]


def test_an_edge_over_the_antimeridian_is_in_pieces(tmp_path):
    """In EPSG:3413 the antimeridian runs along x = y < 0 ... to the upper left."""
    fraction = np.repeat([[0.0], [0.0], [1.0], [1.0]], 8, axis=1)
    path = written(tmp_path, fraction, crs=CRS.from_epsg(3413), left=-1_000_000.0, top=1_000_000.0)
    report = measure_extents([path])
    write_edges(report.edges, tmp_path / "edge.geojson")
    lines = json.loads((tmp_path / "edge.geojson").read_text())["features"]
    for line in lines:
        longitudes = np.array(line["geometry"]["coordinates"])[:, 0]
        assert np.abs(np.diff(longitudes)).max() < 10


def test_a_series_becomes_a_table_and_a_picture(tmp_path):
    path = written(tmp_path, [[0.0, 1.0], [0.4, X]])
    append_netcdf(concentration([[1.0, 1.0], [1.0, X]], day=20), path)
    report = measure_extents([path])
    write_table(report.extents, tmp_path / "series.csv")
    with (tmp_path / "series.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["extent_km2"]) for row in rows] == pytest.approx([2 * CELL_KM2, 3 * CELL_KM2])
    assert [row["time"][:10] for row in rows] == ["2022-09-14", "2022-09-20"]
    draw_series(report.extents, tmp_path / "series.png")
    assert (tmp_path / "series.png").stat().st_size > 10_000
    with pytest.raises(OptionError, match=r"\.png"):
        draw_series(report.extents, tmp_path / "series.gif")


def test_files_of_others_are_read(tmp_path):
    """As OSI SAF writes them: per cent, axes in km, no area of cells, rows from the south or the north."""
    crs = {
        "grid_mapping_name": "lambert_azimuthal_equal_area", "latitude_of_projection_origin": 90.0,
        "longitude_of_projection_origin": 0.0, "semi_major_axis": 6378137.0, "inverse_flattening": 298.257223563,
    }  # fmt: skip
    values = np.array([[[0.0, 50.0, np.nan], [100.0, 10.0, 90.0]]])
    dataset = xr.Dataset(
        {
            "ice_conc": (("time", "yc", "xc"), values, {
                "standard_name": "sea_ice_area_fraction", "units": "%", "grid_mapping": "Lambert",
            }),
            "Lambert": ((), 0, crs),
        },
        coords={"time": [np.datetime64("2020-01-02T12:00", "ns")], "xc": ("xc", [1012.5, 1037.5, 1062.5], {"units": "km"}),
                "yc": ("yc", [1012.5, 987.5], {"units": "km"})},
    )  # fmt: skip
    dataset.to_netcdf(tmp_path / "osisaf.nc")
    found = extents(tmp_path / "osisaf.nc")[0]
    assert found.extent_km2 == pytest.approx(3 * 625, rel=1e-6)
    assert found.area_km2 == pytest.approx(2.4 * 625, rel=1e-6)
    assert found.missing_km2 == pytest.approx(625, rel=1e-6)
    assert found.time == "2020-01-02T12:00:00Z"


def test_what_cannot_be_measured_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        extents(tmp_path / "none.nc")
    (tmp_path / "text.nc").write_text("no NetCDF at all")
    with pytest.raises(DataError, match="as NetCDF"):
        extents(tmp_path / "text.nc")
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(DataError, match="`variable`"):
        extents(tmp_path / "a.nc")
    with pytest.raises(DataError, match="no variable 'b'"):
        extents(tmp_path / "a.nc", variable="b")
    whole = written(tmp_path, [[0.5, 0.5]])
    cut = tmp_path / "cut.nc"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(DataError):
        extents(cut)
    other = written(tmp_path, [[0.5]], name="other.tif")
    with pytest.raises(DataError, match="another grid"):
        measure_extents([whole, other])
