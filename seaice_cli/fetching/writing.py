"""A scene that is fetched, as a file: written strip by strip, complete or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from seaice_cli import __version__
from seaice_cli.errors import OptionError, SceneError
from seaice_cli.locking import alone
from seaice_cli.outputs import new_file, refuse_target, refuse_unwritable_folder

SUFFIXES = (".tif", ".tiff")
_BLOCK = 512
_ENOUGH = 3
"""Bands that are shown as red, green and blue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """What a scene looks like as a file."""

    height: int
    width: int
    dtype: str
    crs: str
    transform: Affine
    nodata: float | None
    descriptions: tuple[str, ...]
    """Of every band."""
    tags: Mapping[str, str] = field(default_factory=dict)
    scales: tuple[float, ...] = ()
    """Of every band; empty: nothing is declared."""
    offsets: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchedScene:
    """A scene that was fetched."""

    target: str
    name: str
    day: str
    height: int
    width: int
    crs: str
    share: float
    """Of its pixels that show something."""
    requests: int
    """Tiles or items that were read from a server."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def text(self) -> str:
        """Return it as a line for a person."""
        return (
            f"{self.target}: {self.width} x {self.height} pixels in {self.crs}, {self.share:.1%} with data; {self.name}, "
            f"{self.requests} read from the server"
        )


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that is no GeoTIFF or cannot be written, before anything is fetched.

    Raises:
        OptionError: Its name says another format.
        OutputError: It exists, or nothing can be made beside it.
    """
    if target.suffix.lower() not in SUFFIXES:
        raise OptionError(f"{target}: a scene is a GeoTIFF; let its name end in .tif")
    refuse_target(target, overwrite=overwrite)
    refuse_unwritable_folder(target)


def write_scene(
    target: Path, raster: Raster, strips: Iterator[tuple[int, npt.NDArray[Any], int]], empty: Callable[[], SceneError], *,
    overwrite: bool,
) -> float:  # fmt: skip
    """Write a scene from strips of full-width rows.

    Args:
        target: A GeoTIFF.
        raster: What it looks like.
        strips: First row, pixels (bands, rows, width), and how many of them show something.
        empty: Makes the error of a scene in which no pixel does.
        overwrite: Replace a target that exists.

    Returns:
        The share of the pixels that show something.

    Raises:
        SceneError: None does, or strips cannot be had.
        OutputError: The target cannot be written.
    """
    check_target(target, overwrite=overwrite)
    with (
        alone(target.parent / f".{target.name}.fetching", target),
        new_file(target, overwrite=overwrite) as partial,
        rasterio.open(partial, "w", **_profile(raster)) as file,
    ):
        shown = _write_strips(file, raster, strips)
        if not shown:
            raise empty()
    return round(shown / (raster.height * raster.width), 6)


def _write_strips(file: Any, raster: Raster, strips: Iterator[tuple[int, npt.NDArray[Any], int]]) -> int:
    file.update_tags(FETCHED_WITH=f"seaice {__version__}", **raster.tags)
    for band, text in enumerate(raster.descriptions, start=1):
        file.set_band_description(band, text)
    if raster.scales:
        file.scales, file.offsets = raster.scales, raster.offsets
    if len(raster.descriptions) >= _ENOUGH:
        rest = [ColorInterp.undefined] * (len(raster.descriptions) - _ENOUGH)
        file.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, *rest]
    shown = 0
    for top, pixels, light in strips:
        file.write(pixels, window=Window(0, top, raster.width, pixels.shape[1]))
        shown += light
    return shown


def _profile(raster: Raster) -> dict[str, Any]:
    tiled = raster.width >= _BLOCK and raster.height >= _BLOCK
    blocks = {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK} if tiled else {}
    return {
        "driver": "GTiff", "height": raster.height, "width": raster.width, "count": len(raster.descriptions), "dtype": raster.dtype,
        "crs": raster.crs, "transform": raster.transform, "nodata": raster.nodata, "compress": "DEFLATE", "zlevel": 1, "predictor": 2,
        "BIGTIFF": "IF_SAFER", "NUM_THREADS": "ALL_CPUS", **blocks,
    }  # fmt: skip
