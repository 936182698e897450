"""Extras: libraries that only some tasks need, and what is said where they are missing.

The names are those of pyproject.toml; `pip install 'seaice[train]'` adds what training needs to an installation that predicts.
"""

from __future__ import annotations

import importlib.util
from typing import NamedTuple

from seaice_cli.errors import InstallationError


class Extra(NamedTuple):
    """What an extra of pyproject.toml is for."""

    use: str
    """What cannot be done without it."""
    modules: tuple[str, ...]
    """Those without which its tasks fail, those that are looked for first in front."""


EXTRAS = {
    "train": Extra(
        "training and exporting models",
        ("torch", "segmentation_models_pytorch", "timm", "safetensors", "accelerate", "onnx", "onnxscript"),
    ),
    "gpu": Extra("the GPU engine", ("torch", "segmentation_models_pytorch", "timm", "safetensors")),
    "products": Extra("concentration as NetCDF, ice edges, maps", ("xarray", "netCDF4", "contourpy", "matplotlib")),
    "stac": Extra("searching STAC, STAC items", ("pystac", "pystac_client")),
    "cluster": Extra("several machines, object storage", ("distributed", "obstore")),
    "notebook": Extra("xarray, geopandas and charts", ("xarray", "rioxarray", "geopandas", "matplotlib")),
}


def installed(module: str) -> bool:
    """Tell whether a module can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # it is imported already, and says nothing about itself
        return True


def missing_modules(extra: str) -> list[str]:
    """Return the modules of an extra that are not installed."""
    return [module for module in EXTRAS[extra].modules if not installed(module)]


def install_command(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'seaice[{extra}]'"


def require_extra(extra: str, task: str, *modules: str) -> None:
    """Refuse a task whose libraries are not installed.

    Args:
        extra: A key of `EXTRAS`.
        task: What needs it, for the text.
        *modules: Those of the extra that the task needs; none: all.

    Raises:
        InstallationError: One is missing; the text names the command that installs it.
    """
    missing = [module for module in modules or EXTRAS[extra].modules if not installed(module)]
    if missing:
        raise InstallationError(
            f"{task} needs {missing[0]}, which is not installed; install it with {install_command(extra)}"
        )
