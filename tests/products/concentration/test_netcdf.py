"""What is written opens in the programs of the field, at the right place, and follows the conventions."""

import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.crs import CRS

from seaice_cli.errors import OptionError, OutputError
from seaice_cli.products.concentration.cells import LITTLE_KNOWN, OK
from seaice_cli.products.concentration.geotiff import write_geotiff
from seaice_cli.products.concentration.metadata import parse_attributes
from seaice_cli.products.concentration.netcdf import append_netcdf, write_netcdf
from tests.products.made import CELL, FAR, concentration

FRACTION = [[0.0, 0.25, np.nan], [1.0, 0.5, 0.125]]
CRSS = [3411, 3412, 3413, 3976, 6931, 6932, 32633]


@pytest.fixture
def made():
    return concentration(FRACTION, land=[[0, 0, 0.5], [0, 0, 0]], uncertainty=[[0.01, 0.02, np.nan], [0, 0.03, 0.04]])


def test_xarray_reads_what_was_known(made, tmp_path):
    write_netcdf(made, tmp_path / "sic.nc")
    with xr.open_dataset(tmp_path / "sic.nc") as found:
        assert found.sea_ice_area_fraction.values[0] == pytest.approx(np.array(FRACTION), abs=5e-5, nan_ok=True)
        assert found.standard_error.values[0, 1, 2] == pytest.approx(0.04, abs=5e-5)
        assert found.status_flag.values[0].tolist() == [[OK, OK, LITTLE_KNOWN], [OK, OK, OK]]
        assert found.land_fraction.values[0, 0, 2] == 0.5
        assert found.cell_area.values == pytest.approx(CELL**2)
        assert str(found.time.values[0])[:16] == "2022-09-14T12:30"
        longitude, latitude = made.grid.degrees(*np.meshgrid(made.grid.x, made.grid.y))
        assert found.lat.values == pytest.approx(latitude)
        assert found.lon.values == pytest.approx(longitude)
        assert found.x_bnds.values[0].tolist() == [FAR, FAR + CELL]
        assert found.y_bnds.values[0].tolist() == [FAR, FAR - CELL]


@pytest.mark.parametrize("epsg", CRSS)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # of the file as a whole
@pytest.mark.filterwarnings(
    "ignore::PendingDeprecationWarning"
)  # rioxarray multiplies affine 3 matrices the old way round
def test_gdal_and_rioxarray_place_it(epsg, tmp_path):
    import rioxarray

    made = concentration(
        FRACTION, crs=CRS.from_epsg(epsg), left=600_000.0, top=800_000.0 if epsg != 32633 else 8_800_000.0
    )
    write_netcdf(made, tmp_path / "sic.nc")
    with rasterio.open(f"netcdf:{tmp_path / 'sic.nc'}:sea_ice_area_fraction") as file:
        assert file.crs.to_epsg() == epsg
        assert file.transform.almost_equals(made.grid.transform, precision=1e-6)
        values = file.read(1, masked=True) * file.scales[0]
    assert values.filled(np.nan) == pytest.approx(np.array(FRACTION), abs=5e-5, nan_ok=True)
    with rioxarray.open_rasterio(tmp_path / "sic.nc", variable=["sea_ice_area_fraction"]) as found:
        assert found.rio.crs.to_epsg() == epsg
        assert found.rio.bounds() == pytest.approx(rasterio.transform.array_bounds(2, 3, made.grid.transform))


@pytest.mark.parametrize("epsg", [3413, 3412, 6931])
def test_the_checker_of_conventions_finds_no_error(epsg, tmp_path):
    pytest.importorskip("compliance_checker")
    made = concentration(FRACTION, crs=CRS.from_epsg(epsg))
    write_netcdf(made, tmp_path / "sic.nc")
    append_netcdf(concentration(FRACTION, crs=CRS.from_epsg(epsg), day=15), tmp_path / "sic.nc")
    checker = Path(sys.executable).with_name("compliance-checker")
    done = subprocess.run(
        [checker, "--test=cf:1.11", "--test=acdd:1.3", tmp_path / "sic.nc"], capture_output=True, text=True, check=False
    )
    assert "cf:1.11" in done.stdout, done.stderr
    errors = done.stdout.split("Errors\n")[1:]
    assert not errors, errors
    assert "Highly Recommended" not in done.stdout, done.stdout


def test_the_uncompressed_type_and_its_range_are_said(made, tmp_path):
    write_netcdf(made, tmp_path / "sic.nc")
    with netCDF4.Dataset(tmp_path / "sic.nc") as file:
        variable = file["sea_ice_area_fraction"]
        assert (variable.dtype, variable._FillValue, variable.scale_factor) == (np.int16, -32767, 1e-4)
        assert variable.valid_range.tolist() == [0, 10_000]
        assert variable.grid_mapping == "crs"
        for name in variable.ancillary_variables.split():
            assert file[name].dimensions == ("time", "y", "x")
        flags = file["status_flag"]
        assert len(flags.flag_values) == len(flags.flag_meanings.split())
        assert file["time"].bounds == "time_bnds"
        assert file.Conventions == "CF-1.11, ACDD-1.3"
        assert "mask.tif" in file.history


def test_a_series_is_in_the_order_of_time(tmp_path):
    target = tmp_path / "sic.nc"
    write_netcdf(concentration([[0.2, 0.2]], day=14), target)
    append_netcdf(concentration([[0.6, np.nan]], day=16), target)
    append_netcdf(concentration([[0.4, 0.4]], day=15), target)
    append_netcdf(concentration([[0.0, 0.1]], day=13), target)
    with xr.open_dataset(target) as found:
        assert [str(t)[8:10] for t in found.time.values] == ["13", "14", "15", "16"]
        assert found.sea_ice_area_fraction.values[:, 0, 0] == pytest.approx([0, 0.2, 0.4, 0.6], abs=5e-5)
        assert np.isnan(found.sea_ice_area_fraction.values[3, 0, 1])
        assert (found.time_bnds.values[:, 0] == found.time.values).all()
        assert found.time_coverage_start == "2022-09-13T12:30:00Z"
        assert found.time_coverage_end == "2022-09-16T12:30:00Z"
        assert found.history.count("added") == 3


def test_what_cannot_be_added_leaves_the_series_as_it_was(tmp_path):
    target = tmp_path / "sic.nc"
    write_netcdf(concentration([[0.2, 0.2]]), target)
    before = target.read_bytes()
    with pytest.raises(OptionError, match="already"):
        append_netcdf(concentration([[0.3, 0.3]]), target)
    for other in (concentration([[0.2]], day=15), concentration([[0.2, 0.2]], day=15, left=0.0)):
        with pytest.raises(OptionError, match="another `grid`"):
            append_netcdf(other, target)
    with pytest.raises(OptionError, match="another `grid`"):
        append_netcdf(concentration([[0.2, 0.2]], day=15, crs=CRS.from_epsg(3413)), target)
    assert target.read_bytes() == before
    foreign = tmp_path / "other.nc"
    netCDF4.Dataset(foreign, "w").close()
    with pytest.raises(OutputError, match="no series"):
        append_netcdf(concentration([[0.2, 0.2]], day=15), foreign)
    foreign.write_text("no NetCDF")
    with pytest.raises(OutputError, match="no NetCDF"):
        append_netcdf(concentration([[0.2, 0.2]], day=15), foreign)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.nc", "sic.nc"]


def test_a_time_must_be_known(made, tmp_path):
    made.time = None
    with pytest.raises(OptionError, match="`time`"):
        write_netcdf(made, tmp_path / "sic.nc")
    assert not list(tmp_path.iterdir())


def test_attributes_of_the_user_stand_in_the_file(made, tmp_path):
    write_netcdf(
        made, tmp_path / "sic.nc", attributes=parse_attributes(("creator_name=A. Person", "license=CC-BY-4.0"))
    )
    with netCDF4.Dataset(tmp_path / "sic.nc") as file:
        assert (file.creator_name, file.license) == ("A. Person", "CC-BY-4.0")
    for wrong in ("creator_name", "=x", "a b=c", "Conventions=CF-1.0", "geospatial_lat_min=3"):
        with pytest.raises(OptionError, match="`attribute`"):
            parse_attributes((wrong,))


def test_a_geotiff_has_a_band_for_each(made, tmp_path):
    write_geotiff(made, tmp_path / "sic.tif")
    with rasterio.open(tmp_path / "sic.tif") as file:
        assert file.descriptions[0] == "sea_ice_area_fraction"
        assert file.crs.to_epsg() == 6931
        assert file.read(1) == pytest.approx(np.array(FRACTION), nan_ok=True)
        assert file.tags()["ACQUIRED"] == "2022-09-14T12:30:00Z/2022-09-14T12:30:00Z"
