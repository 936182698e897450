"""Concentrations as NetCDF-4 by CF-1.11 and ACDD-1.3, one time or a series of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli import __version__
from seaice_cli.errors import OptionError, OutputError
from seaice_cli.extras import require_extra
from seaice_cli.outputs import new_file
from seaice_cli.products.concentration import metadata
from seaice_cli.products.concentration.cells import Concentration
from seaice_cli.products.concentration.grids import CellGrid
from seaice_cli.products.concentration.metadata import FILL, NAME, SCALE, VARIABLES
from seaice_cli.raster.reading.acquisition import Span

Array = npt.NDArray[Any]

TIME_UNITS = "seconds since 1970-01-01 00:00:00"
_PACKED = (NAME, "unknown_fraction", "land_fraction", "standard_error")


def write_netcdf(
    made: Concentration, target: Path, *, attributes: Mapping[str, str] | None = None, overwrite: bool = False
) -> None:
    """Write concentrations of one time as a new file, complete or not at all.

    Args:
        made: With a time.
        target: The file.
        attributes: Global ones, of who makes it: creator_name, license, ...
        overwrite: Replace a file that exists.

    Raises:
        OptionError: It has no time.
        OutputError: The target exists or cannot be written.
        InstallationError: xarray or netCDF4 are missing.
    """
    require_extra("products", "writing NetCDF", "xarray", "netCDF4")
    span = span_of(made)
    with new_file(target, overwrite=overwrite) as partial, _telling(target):
        partial.unlink(missing_ok=True)
        dataset = _dataset(made, span).assign_attrs(metadata.discovery(made, span, attributes or {}))
        _write(dataset, partial)


def append_netcdf(made: Concentration, target: Path) -> None:
    """Add a time to a series in its order, complete or not at all; a file that does not exist yet is begun by `write_netcdf`.

    Raises:
        OptionError: It has no time, is of another grid, or the series holds the time already.
        OutputError: The target is no series of ours, or cannot be written.
        InstallationError: xarray or netCDF4 are missing.
    """
    require_extra("products", "writing NetCDF", "xarray", "netCDF4")
    import netCDF4

    span = span_of(made)
    with new_file(target, overwrite=True) as partial, _telling(target):
        shutil.copyfile(target, partial)
        try:
            series = netCDF4.Dataset(partial, "a")
        except OSError as error:
            raise OutputError(f"{target}: is no NetCDF file; name one that `seaice concentration` wrote") from error
        with series:
            series.set_auto_maskandscale(False)
            _refuse_other(series, made.grid, target)
            _insert(series, made, span, target)
            _renew(series, made)


@contextmanager
def _telling(target: Path) -> Iterator[None]:
    """Turn what the library of NetCDF says of a full disk or a damaged file into an error that names it."""
    try:
        yield
    except RuntimeError as error:
        raise OutputError(f"{target}: cannot be written ({str(error)[:100]}); make room, or name a new file") from error


def span_of(made: Concentration) -> Span:
    """Return when the scenes were acquired.

    Raises:
        OptionError: That is not known.
    """
    if made.time is None:
        raise OptionError(
            f"{', '.join(made.sources)}: the tags do not say when the scenes were acquired; say it with `time`"
        )
    return made.time


def _values(made: Concentration) -> dict[str, Array]:
    """Return what is known of cells, packed as it is written, (height, width) each."""
    fractions = (made.fraction, made.unknown, made.land, made.uncertainty)
    return {
        **{name: _pack(values) for name, values in zip(_PACKED, fractions, strict=True)},
        "number_of_pixels": np.minimum(made.pixels, 2**31 - 1).astype(np.int32),
        "status_flag": made.status.astype(np.int8),
    }


def _pack(values: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(values), np.rint(values / SCALE), FILL).astype(np.int16)


def _seconds(span: Span) -> tuple[float, float, float]:
    """Return the middle, the first and the last moment."""
    first, last = span[0].timestamp(), span[1].timestamp()
    return (first + last) / 2, first, last


def _dataset(made: Concentration, span: Span) -> Any:
    import xarray as xr

    grid = made.grid
    middle, first, last = _seconds(span)
    variables: dict[str, Any] = {}
    for name, values in _values(made).items():
        packed = {"scale_factor": SCALE, "add_offset": 0.0} if name in _PACKED else {}
        variables[name] = (("time", "y", "x"), values[None], {**VARIABLES[name], **packed})
    variables["cell_area"] = (("y", "x"), grid.cell_area.astype(np.float64), {
        "standard_name": "cell_area", "long_name": "true area of the cell", "units": "m2", "grid_mapping": "crs",
        "coverage_content_type": "coordinate",
    })  # fmt: skip
    variables["crs"] = ((), np.int32(0), metadata.grid_mapping(grid))
    variables["time_bnds"] = (("time", "bnds"), np.array([[first, last]]))
    time = (("time",), np.array([middle]), {
        "standard_name": "time", "long_name": "middle of the times of acquisition", "units": TIME_UNITS, "calendar": "standard",
        "units_metadata": "leap_seconds: none",
        "axis": "T", "bounds": "time_bnds", "coverage_content_type": "coordinate",
    })  # fmt: skip
    places, bounds = _places(grid)
    return xr.Dataset(variables | bounds, coords={"time": time, **places})


def _places(grid: CellGrid) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return coordinates of cells, and the bounds of these."""
    half = grid.cell / 2
    unit = {
        "units": grid.crs.linear_units if grid.crs.linear_units != "metre" else "m",
        "coverage_content_type": "coordinate",
    }
    longitude, latitude = grid.degrees(*np.meshgrid(grid.x, grid.y))
    steps = ((-half, half), (-half, -half), (half, -half), (half, half))
    corners = [grid.degrees(*np.meshgrid(grid.x + dx, grid.y + dy)) for dx, dy in steps]
    places = {
        "x": (("x",), grid.x, {"standard_name": "projection_x_coordinate", "long_name": "x", "axis": "X", "bounds": "x_bnds", **unit}),
        "y": (("y",), grid.y, {"standard_name": "projection_y_coordinate", "long_name": "y", "axis": "Y", "bounds": "y_bnds", **unit}),
        "lat": (("y", "x"), latitude, {
            "standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "bounds": "lat_bnds",
            "coverage_content_type": "coordinate",
        }),
        "lon": (("y", "x"), longitude, {
            "standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "bounds": "lon_bnds",
            "coverage_content_type": "coordinate",
        }),
    }  # fmt: skip
    bounds = {
        "x_bnds": (("x", "bnds"), np.stack([grid.x - half, grid.x + half], axis=-1)),
        "y_bnds": (("y", "bnds"), np.stack([grid.y + half, grid.y - half], axis=-1)),
        "lat_bnds": (("y", "x", "vertices"), np.stack([c[1] for c in corners], axis=-1)),
        "lon_bnds": (("y", "x", "vertices"), np.stack([c[0] for c in corners], axis=-1)),
    }
    return places, bounds


def _write(dataset: Any, partial: Path) -> None:
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        packed = zipped = variable.ndim > 1
        packed = name in _PACKED
        encoding[name] = {"_FillValue": np.int16(FILL) if packed else None} | (
            {"zlib": True, "complevel": 4} if zipped else {}
        )
        # xarray would add them itself from what it takes for coordinates
        dataset[name].attrs.pop("coordinates", None)
    for name in VARIABLES:
        dataset[name].encoding["coordinates"] = "lat lon"
    dataset["cell_area"].encoding["coordinates"] = "lat lon"
    dataset.to_netcdf(partial, engine="netcdf4", format="NETCDF4", encoding=encoding, unlimited_dims=["time"])


def _refuse_other(series: Any, grid: CellGrid, target: Path) -> None:
    """Refuse to add to what is no series of ours, or one on another grid."""
    if NAME not in series.variables or not {"time", "x", "y", "crs", *VARIABLES} <= set(series.variables):
        raise OutputError(f"{target}: is no series that `seaice concentration` wrote; name another, or a new file")
    same = all(
        len(series[axis]) == len(values) and np.allclose(series[axis][:], values, rtol=0, atol=1e-6 * grid.cell)
        for axis, values in (("x", grid.x), ("y", grid.y))
    )
    if not same or series["crs"].crs_wkt != metadata.grid_mapping(grid)["crs_wkt"]:
        raise OptionError(f"{target}: holds concentrations on another `grid`; use the same, or name a new file")


def _insert(series: Any, made: Concentration, span: Span, target: Path) -> None:
    middle, first, last = _seconds(span)
    times = np.asarray(series["time"][:], np.float64)
    at = int(np.searchsorted(times, middle))
    if at < len(times) and times[at] == middle:
        raise OptionError(
            f"{target}: holds {metadata.stamp(span[0])} already; give another `time`, or begin it anew with `overwrite`"
        )
    values = _values(made) | {"time": np.float64(middle), "time_bnds": np.array([first, last])}
    for name, value in values.items():
        variable = series[name]
        for index in range(len(times), at, -1):
            variable[index] = variable[index - 1]
        variable[at] = value


def _renew(series: Any, made: Concentration) -> None:
    """Let the global attributes tell of what was added."""
    bounds = series["time_bnds"][:]
    span = tuple(datetime.fromtimestamp(float(t), UTC) for t in (bounds.min(), bounds.max()))
    now = metadata.stamp(datetime.now(UTC))
    sources = ", ".join(made.sources)
    series.setncatts({
        **metadata.coverage((span[0], span[1])),
        "date_modified": now, "date_metadata_modified": now,
        "source": f"{series.source}, {sources}",
        "history": f"{now} seaice {__version__}: concentration from {sources} added\n{series.history}",
    })  # fmt: skip
