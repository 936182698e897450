"""The installation: packages, GDAL and PROJ, the engine, models, caches."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from seaice_cli.choices import DEFAULT_MODEL
from seaice_cli.errors import SeaIceError

BASE = {
    "rasterio": "rasterio", "numpy": "numpy", "scipy": "scipy", "openvino": "openvino", "shapely": "shapely", "pyproj": "pyproj",
    "pyogrio": "pyogrio", "pyarrow": "pyarrow", "fiona": "fiona", "numba": "numba",
}  # fmt: skip
"""Modules that prediction and polygons import, and the packages they come from."""
DRIVERS = ("GTiff", "COG", "PNG", "VRT", "JP2OpenJPEG", "HDF4", "HDF5", "netCDF", "WMS")
"""Raster drivers that scenes of the field come in; those that are written first."""
NEEDED_DRIVERS = ("GTiff", "COG", "PNG", "VRT")
VECTOR_DRIVERS = ("GPKG", "FlatGeobuf", "ESRI Shapefile", "GeoJSON")


def try_imports() -> Iterator[tuple[str, str, str]]:
    """Yield module, version and error (empty if it can be imported) of everything that prediction imports."""
    for module, package in BASE.items():
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - a damaged installation fails in any way
            yield module, "", (str(error).splitlines() or [type(error).__name__])[0][:200]
        else:
            yield module, version_of(package), ""


def version_of(package: str) -> str:
    """Return the version of an installed package, empty if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def describe_gdal() -> dict[str, Any]:
    """Return GDAL's version and drivers, and where PROJ's data lies and whether a projection can be computed."""
    import pyogrio
    import pyproj
    import rasterio
    from rasterio.warp import transform

    with rasterio.Env() as env:
        raster = env.drivers()
        x, _ = transform("EPSG:4326", "EPSG:3413", [-45.0], [75.0])
    return {
        "gdal": rasterio.__gdal_version__,
        "drivers": [name for name in DRIVERS if name in raster],
        "drivers_missing": [name for name in DRIVERS if name not in raster],
        "vector_drivers": [name for name in VECTOR_DRIVERS if "w" in pyogrio.list_drivers().get(name, "")],
        "proj": pyproj.proj_version_str,
        "proj_data": pyproj.datadir.get_data_dir(),
        "projects": abs(x[0]) < 1.0,
    }


def describe_engine() -> dict[str, Any]:
    """Return the engine that "auto" stands for, and what OpenVINO says of the processor."""
    import openvino

    from seaice_cli.network.engines import choose_engine

    core = openvino.Core()
    able = list(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return {
        "auto": choose_engine("auto", "auto"),
        "openvino": openvino.__version__,
        "openvino_capabilities": able,
        "precision": "bfloat16" if "BF16" in able else "float32",
    }


def describe_models() -> list[dict[str, str]]:
    """Return name, directory and fault (empty: none) of the shipped models, their files read and checked."""
    from seaice_cli.network.catalog import find_model, models_folder, shipped
    from seaice_cli.network.spec import ONNX_FILE

    def check(name: str) -> str:
        try:
            find_model(name).file(ONNX_FILE)
        except SeaIceError as error:
            return str(error)
        return ""

    names = sorted({*shipped(), DEFAULT_MODEL})
    return [{"name": name, "directory": str(models_folder() / name), "fault": check(name)} for name in names]


def describe_caches() -> dict[str, dict[str, Any]]:
    """Return where what is compiled or exported once is kept, how large it is, and whether it can be written."""
    from seaice_cli.network.graph_cache import cache_folder

    return {
        "kernels": _folder(_numba_folder, "compiled by numba at the first use of vectorize"),
        "graphs": _folder(cache_folder, "exported for model directories without network.onnx"),
    }


def _numba_folder() -> Path:
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(named)
    return Path(__file__).resolve().parents[1] / "vectorization" / "tracing" / "__pycache__"


def _folder(find: Callable[[], Path], about: str) -> dict[str, Any]:
    folder = find()
    files = [f for f in folder.rglob("*") if f.is_file()] if folder.is_dir() else []
    parent = next((p for p in (folder, *folder.parents) if p.exists()), Path("/"))
    return {
        "folder": str(folder),
        "about": about,
        "size_mb": round(sum(f.stat().st_size for f in files) / 1e6, 1),
        "writable": os.access(parent, os.W_OK),
    }
