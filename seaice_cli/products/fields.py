"""Reading concentrations on a grid: NetCDF by CF, ours and those of services, and GeoTIFF."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.crs import CRS

from seaice_cli.errors import DataError
from seaice_cli.extras import require_extra
from seaice_cli.raster.area import pixel_area
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.acquisition import acquired
from seaice_cli.raster.reading.opening import open_raster

Array = npt.NDArray[Any]

NAME = "sea_ice_area_fraction"
LAND, STATUS = "land_fraction", "status_flag"
OUTSIDE = "outside_of_masks"
_TOLERANCE = 1e-3
"""By which share steps of a regular axis may differ."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of a grid and their true areas."""

    crs: CRS
    transform: Affine
    area: Array
    """(height, width) in m²; 0 where the projection is not defined."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.area.shape
        return height, width


@dataclass(frozen=True, slots=True)
class Field:
    """Concentrations at one time."""

    source: Path
    grid: Grid
    fraction: Array
    """(height, width) from 0 to 1; NaN where none is known."""
    land: Array | None
    """(height, width) share of land from 0 to 1; None: the file does not say."""
    outside: Array
    """(height, width) True: beyond all scenes, so that nothing was looked for."""
    time: str | None
    """ISO 8601; None: the file does not say."""


NETCDF = (".nc", ".nc4", ".cdf", ".h5")


def is_concentration(path: Path) -> bool:
    """Tell concentrations from masks: NetCDF, and rasters of fractions that say where they are.

    Raises:
        SceneError: It is no raster.
    """
    if path.suffix.lower() in NETCDF:
        return True
    with open_raster(str(path)) as raster:
        return np.dtype(raster.dtypes[0]).kind == "f" and raster.crs is not None


def read_last_field(path: Path, *, variable: str | None = None) -> Field:
    """Read the concentrations of the last time of a file.

    Raises:
        DataError: As `read_fields`, or it holds no time.
        InstallationError: What reads NetCDF is missing.
    """
    last = deque(read_fields(path, variable=variable), maxlen=1)
    if not last:
        raise DataError(f"{path}: holds no concentrations")
    return last[0]


def read_fields(path: Path, *, variable: str | None = None) -> Iterator[Field]:
    """Read the concentrations of a file, one time after the other.

    Args:
        path: NetCDF whose variable has the standard name `sea_ice_area_fraction`, in shares or per cent; or a GeoTIFF of ours
            or of one band.
        variable: Another variable that holds shares or per cent.

    Raises:
        DataError: The file is missing or damaged, or holds none.
        InstallationError: What reads NetCDF is missing.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if head in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        yield _read_geotiff(path)
        return
    yield from _read_netcdf(path, variable)


def _read_geotiff(path: Path) -> Field:
    try:
        with rasterio.open(path) as file:
            names = {name: index for index, name in enumerate(file.descriptions, start=1) if name}
            if (
                (NAME not in names and file.count != 1)
                or file.crs is None
                or file.dtypes[0] not in ("float32", "float64")
            ):
                raise DataError(f"{path}: is no GeoTIFF of concentrations from 0 to 1 that says where it is")
            fraction = file.read(names.get(NAME, 1), masked=True).astype(np.float64).filled(np.nan)
            land = file.read(names[LAND]).astype(np.float64) if LAND in names else None
            status = file.read(names[STATUS]) if STATUS in names else None
            tags, crs, transform = file.tags(), file.crs, file.transform
    except FAILURES as error:
        raise DataError(f"{path}: cannot be read as a raster; copy the file anew") from error
    outside = np.zeros(fraction.shape, bool)
    for key, meaning in tags.items():
        if key.startswith("STATUS_") and meaning == OUTSIDE and status is not None:
            outside = status == int(key.removeprefix("STATUS_"))
    times = acquired(tags)
    time = times[0][0] + (times[0][1] - times[0][0]) / 2 if times else None
    grid = Grid(crs, transform, _areas(crs, transform, fraction.shape))
    return Field(
        path, grid, _checked(path, fraction, 1.0), land, outside, time.isoformat()[:19] + "Z" if time else None
    )


def _read_netcdf(path: Path, variable: str | None) -> Iterator[Field]:
    require_extra("products", "reading NetCDF", "xarray", "netCDF4")
    import xarray as xr

    with ExitStack() as stack:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset = stack.enter_context(xr.open_dataset(path, engine="netcdf4", decode_coords="all"))
        except (OSError, ValueError, RuntimeError) as error:
            raise DataError(f"{path}: cannot be read as NetCDF; copy the file anew") from error
        found = _choose(path, dataset, variable)
        grid = _grid_of(path, dataset, found)
        scale = 0.01 if str(found.attrs.get("units", "1")).strip() in ("%", "percent", "per cent") else 1.0
        for index in range(found.sizes.get("time", 1)):
            yield _field(path, dataset, found, grid, (index, scale))


def _field(path: Path, dataset: Any, found: Any, grid: Grid, at: tuple[int, float]) -> Field:
    index, scale = at

    def values(array: Any) -> Array:
        chosen = np.asarray((array.isel(time=index) if "time" in array.dims else array).values)
        if chosen.size != np.prod(grid.shape):
            raise DataError(
                f"{path}: {array.name} has other dimensions than time and the two of the grid; select one of each first"
            )
        return chosen.reshape(grid.shape)

    try:
        fraction = _checked(path, values(found).astype(np.float64), scale)
        land = np.nan_to_num(values(dataset[LAND]).astype(np.float64)) if LAND in dataset else None
        status = values(dataset[STATUS]) if STATUS in dataset else None
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: is damaged or cut short; copy the file anew") from error
    outside = np.zeros(grid.shape, bool)
    if status is not None:
        outside = status == _flag(dataset[STATUS], OUTSIDE)
    time = str(np.datetime64(dataset["time"].values.ravel()[index], "s")) + "Z" if _has_times(dataset) else None
    return Field(path, grid, fraction, land, outside, time)


def _has_times(dataset: Any) -> bool:
    return "time" in dataset.variables and np.issubdtype(dataset["time"].dtype, np.datetime64)


def _flag(variable: Any, meaning: str) -> int:
    """Return the value of a flag; -1 where there is none of that meaning."""
    meanings = str(variable.attrs.get("flag_meanings", "")).split()
    values = np.atleast_1d(variable.attrs.get("flag_values", []))
    return int(values[meanings.index(meaning)]) if meaning in meanings and len(values) == len(meanings) else -1


def _choose(path: Path, dataset: Any, variable: str | None) -> Any:
    if variable is not None:
        if variable not in dataset:
            raise DataError(
                f"{path}: has no variable {variable!r}; it has {', '.join(map(str, dataset.data_vars)) or 'none'}"
            )
        return dataset[variable]
    for name in dataset.data_vars:
        if str(dataset[name].attrs.get("standard_name", "")) == NAME and dataset[name].ndim >= 2:
            return dataset[name]
    raise DataError(f"{path}: no variable has the standard name {NAME}; name one with `variable`")


def _grid_of(path: Path, dataset: Any, found: Any) -> Grid:
    y, x = found.dims[-2:]
    if x not in dataset.variables or y not in dataset.variables:
        raise DataError(f"{path}: has no coordinates {x} and {y}, so where its cells lie is not known")
    mapping = found.encoding.get("grid_mapping") or found.attrs.get("grid_mapping")
    crs, unit = _crs_of(path, dataset, mapping, str(dataset[x].attrs.get("units", "")))
    (left, across), (top, down) = (_axis(path, dataset, name, unit) for name in (x, y))
    transform = Affine(across, 0, left - across / 2, 0, down, top - down / 2)
    shape = (found.sizes[y], found.sizes[x])
    if "cell_area" in dataset and dataset["cell_area"].shape == shape:
        return Grid(crs, transform, np.nan_to_num(np.asarray(dataset["cell_area"].values, np.float64)))
    return Grid(crs, transform, _areas(crs, transform, shape))


def _crs_of(path: Path, dataset: Any, mapping: str | None, units: str) -> tuple[CRS, float]:
    """Return the reference system, and how many of its units one of the coordinates' is."""
    import pyproj

    if units.startswith("degree"):
        return CRS.from_epsg(4326), 1.0
    if mapping is None or mapping not in dataset.variables:
        raise DataError(f"{path}: names no grid mapping, so where its cells lie is not known")
    try:
        found = pyproj.CRS.from_cf(dict(dataset[mapping].attrs))
    except (pyproj.exceptions.CRSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: its grid mapping {mapping} cannot be read ({str(error)[:100]})") from error
    return CRS.from_wkt(found.to_wkt()), 1000.0 if units in ("km", "kilometre", "kilometres") else 1.0


def _axis(path: Path, dataset: Any, name: str, unit: float) -> tuple[float, float]:
    """Return the first value of a regular axis, and its step."""
    values = np.asarray(dataset[name].values, np.float64) * unit
    bounds = dataset[name].attrs.get("bounds") or dataset[name].encoding.get("bounds")
    if values.size == 1 and bounds in dataset.variables:
        low, high = np.asarray(dataset[bounds].values, np.float64).ravel() * unit
        return float(values.ravel()[0]), float(high - low)
    if values.ndim != 1 or len(values) < 2:
        raise DataError(f"{path}: its coordinate {name} is no axis of two or more values")
    steps = np.diff(values)
    step = float(steps.mean())
    if step == 0 or np.abs(steps / step - 1).max() > _TOLERANCE:
        raise DataError(f"{path}: its coordinate {name} is not regular; bring it onto a regular grid first")
    return float(values[0]), step


def _areas(crs: CRS, transform: Affine, shape: tuple[int, int]) -> Array:
    rows, columns = np.meshgrid(np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5, indexing="ij")
    areas = pixel_area(crs, transform, rows.ravel(), columns.ravel()).reshape(shape)
    return np.where(np.isfinite(areas), areas, 0)


def _checked(path: Path, values: Array, scale: float) -> Array:
    fraction = values * scale
    known = fraction[np.isfinite(fraction)]
    if known.size and (known.min() < -1e-6 or known.max() > 1 + 1e-6):
        raise DataError(
            f"{path}: holds concentrations from {known.min():g} to {known.max():g}, not from 0 to 1; are its units right?"
        )
    return fraction
