"""What a map shows: a mask or concentrations, and the scene below, as pictures of one frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.enums import Resampling
from rasterio.io import MemoryFile

from seaice_cli.errors import OptionError
from seaice_cli.products.fields import Field, is_concentration, read_last_field
from seaice_cli.products.map.options import MapOptions
from seaice_cli.products.pictures.colors import (
    CONCENTRATION,
    LAND_COLOR,
    UNKNOWN_COLOR,
    Color,
    Rgba,
    class_colors,
    paint_concentration,
    paint_scene,
    stretch_ends,
)
from seaice_cli.products.pictures.frames import Frame, frame_of
from seaice_cli.products.pictures.reading import open_source
from seaice_cli.raster.reading.acquisition import acquired
from seaice_cli.raster.reading.raster import Raster
from seaice_cli.raster.reading.region import LAND, UNSURE
from seaice_cli.vectorization.masks import Mask

_BARE = {0: "water", 1: "ice"}


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that is drawn within the frame."""

    frame: Frame
    scene: Rgba | None = None
    painted: Rgba | None = None
    """Concentrations in their colours."""
    classes: npt.NDArray[np.int64] | None = None
    """(height, width) of a mask, -1 without data."""
    colors: dict[int, Color] = field(default_factory=dict)
    """Of the classes."""
    legend: tuple[tuple[str, Color], ...] = ()
    title: str = ""


def read_content(path: Path, scene: Path | None, options: MapOptions, *, longest: int) -> Content:
    """Read what a map shows, at most so many pixels along the longer side.

    Raises:
        SceneError: A raster cannot be read.
        DataError: Concentrations cannot be read.
        OptionError: The rasters do not fit each other.
    """
    if is_concentration(path):
        return _concentrations(path, scene, options, longest)
    with Mask(path, band=options.band) as mask:
        names, colors, tags, band = dict(mask.names), mask.colors, mask.tags, mask.band
    with open_source(path, bands=(band,)) as source:
        frame = frame_of(source.raster, longest)
        pixels, valid = source.read(frame, Resampling.mode)
    classes = np.where(valid, pixels[0].astype(np.int64), -1)
    present = {int(v) for v in np.unique(classes[valid])}
    for value in sorted(present - set(names) - {LAND, UNSURE}):
        names[value] = _BARE.get(value, str(value)) if not mask.names else str(value)
    chosen = class_colors(names, colors, own=options.own_colors)
    shown = {v: n for v, n in {**names, LAND: "land", UNSURE: "unsure"}.items() if v in present}
    return Content(
        frame, _scene(scene, frame), classes=classes, colors=chosen,
        legend=tuple((name, chosen[value]) for value, name in sorted(shown.items())), title=_title(path, tags),
    )  # fmt: skip


def _concentrations(path: Path, scene: Path | None, options: MapOptions, longest: int) -> Content:
    found = read_last_field(path, variable=options.variable)
    painted = paint_field(found)
    with as_raster(painted, found) as (memory, dataset):
        raster = Raster(path, dataset)
        own = frame_of(raster, longest)
        frame = _enlarged(own, longest)
        picture = _warp(memory, frame)
    legend = [(name, color) for name, _, color in CONCENTRATION]
    legend += [("unknown", UNKNOWN_COLOR), *([("land", LAND_COLOR)] if found.land is not None else [])]
    parts = (path.name, found.time, "sea-ice concentration")
    return Content(
        frame, _scene(scene, frame), painted=picture, legend=tuple(legend), title=" · ".join(p for p in parts if p)
    )


def paint_field(found: Field) -> Rgba:
    """Return concentrations in WMO's colours; transparent where nothing was looked for."""
    land = None if found.land is None else np.nan_to_num(found.land) >= 0.5
    painted = paint_concentration(found.fraction, None if land is None else land & ~np.isfinite(found.fraction))
    painted[found.outside] = 0
    return painted


class as_raster:  # noqa: N801 - used as a function
    """Give painted cells as a raster in memory, for reprojecting.

    Args:
        painted: (height, width, 4).
        found: Where the cells lie.
    """

    def __init__(self, painted: Rgba, found: Field) -> None:
        height, width = painted.shape[:2]
        self._memory = MemoryFile()
        with self._memory.open(
            driver="GTiff", height=height, width=width, count=4, dtype="uint8", crs=found.grid.crs,
            transform=found.grid.transform, photometric="RGB", alpha="YES",
        ) as made:  # fmt: skip
            made.write(np.moveaxis(painted, 2, 0))

    def __enter__(self) -> tuple[MemoryFile, object]:
        self._dataset = self._memory.open()
        return self._memory, self._dataset

    def __exit__(self, *_error: object) -> None:
        self._dataset.close()
        self._memory.close()


def _warp(memory: MemoryFile, frame: Frame) -> Rgba:
    with open_source(Path(memory.name), bands=(1, 2, 3)) as source:
        pixels, valid = source.read(frame, Resampling.nearest)
    return paint_scene(pixels, valid, (0.0, 255.0))


def _enlarged(frame: Frame, longest: int) -> Frame:
    """Return the frame of few cells, each as many pixels."""
    times = max(1, longest // max(frame.height, frame.width))
    return Frame(frame.crs, frame.bounds, frame.height * times, frame.width * times)


def _scene(scene: Path | None, frame: Frame) -> Rgba | None:
    if scene is None:
        return None
    with open_source(scene) as source:
        if frame.crs is None and (source.raster.height, source.raster.width) != (
            -round(frame.bounds[1]),
            round(frame.bounds[2]),
        ):
            raise OptionError(
                f"`scene` {scene}: neither it nor the mask says where on earth it is, and they differ in size"
            )
        pixels, valid = source.read(frame, Resampling.average)
    if not valid.any():
        raise OptionError(f"`scene` {scene}: shows nothing of what the map covers")
    return paint_scene(pixels, valid, stretch_ends(pixels, valid))


def _title(path: Path, tags: dict[str, str]) -> str:
    times = acquired(tags)
    when = ""
    if times:
        first, last = times[0]
        when = (
            f"{first:%Y-%m-%d %H:%M} UTC" if first == last else f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
        )
        if first.date() == last.date() and (first.hour, last.hour) == (0, 23):
            when = f"{first:%Y-%m-%d}"
    parts = (tags.get("SCENE") or path.name, when, tags.get("MODEL", ""))
    return " · ".join(part for part in parts if part)
