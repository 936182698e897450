"""Layers of a page: what is read for each, and how it is described to the browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import Resampling
from rasterio.io import MemoryFile

from seaice_cli.products.fields import Field
from seaice_cli.products.pictures.colors import (
    CONCENTRATION,
    LAND_COLOR,
    UNKNOWN_COLOR,
    Color,
    class_colors,
    paint_scene,
    stretch_ends,
)
from seaice_cli.products.pictures.frames import Frame, frame_of
from seaice_cli.products.pictures.reading import Source, open_source
from seaice_cli.products.view.pyramid import NOTHING, Read, Tile, as_jpeg, as_png
from seaice_cli.raster.reading.region import LAND, UNSURE
from seaice_cli.vectorization.masks import Mask

_LOOK = 1500
"""Pixels along the longer side of what a scene's stretch, and a mask's classes, are told from."""
_LOW, _MIDDLE, _HIGH = np.array([(68, 1, 84), (33, 145, 140), (253, 231, 37)], np.float64)
"""The colours of viridis."""


@dataclass(slots=True)
class RasterLayer:
    """A raster as tiles."""

    id: str
    name: str
    read: Read
    encode: Callable[[Tile], bytes]
    suffix: str
    legend: list[tuple[str, str]] = field(default_factory=list)
    opacity: float = 1.0
    visible: bool = True

    def describe(self) -> dict[str, Any]:
        """Return what the browser is told, without the tiles."""
        kind = "image/jpeg" if self.suffix == "jpg" else "image/png"
        return {
            "id": self.id, "name": self.name, "type": kind, "suffix": self.suffix, "legend": self.legend,
            "opacity": self.opacity, "visible": self.visible, "smooth": self.suffix == "jpg",
        }  # fmt: skip


def scene_layer(stack: ExitStack, path: Path, frame: Frame) -> RasterLayer:
    """Return a scene as a layer, stretched for the eye by the whole of it."""
    source = stack.enter_context(open_source(path))
    pixels, valid = source.read(_decimated(frame))
    ends = stretch_ends(pixels, valid)

    def read(part: Frame) -> Tile | None:
        pixels, valid = source.read(part, Resampling.nearest)
        return paint_scene(pixels, valid, ends) if valid.any() else None

    return RasterLayer("scene", path.name, read, as_jpeg, "jpg")


def mask_layer(stack: ExitStack, path: Path, frame: Frame, *, number: int, own_colors: bool) -> RasterLayer:
    """Return a mask as a layer of classes."""
    with Mask(path) as mask:
        names, table, band = dict(mask.names), mask.colors, mask.band
    source = stack.enter_context(open_source(path, bands=(band,)))
    pixels, valid = source.read(_decimated(frame))
    present = {int(v) for v in np.unique(pixels[0][valid]) if 0 <= v < NOTHING}
    bare = {} if names else {0: "water", 1: "ice"}
    for value in present - set(names) - {LAND, UNSURE}:
        names[value] = bare.get(value, str(value))
    colors = class_colors({v: n for v, n in names.items() if 0 <= v < NOTHING}, table, own=own_colors)
    shown = {**names, LAND: "land", UNSURE: "unsure"}
    legend = [(shown[v], css(c)) for v, c in sorted(colors.items()) if v in present or v in names]
    palette = _palette({v: (*c, 255) for v, c in colors.items()})
    return RasterLayer(
        f"mask{number}", path.name, _classes(source), palette, "png", legend, 0.5, visible=number == 0
    )  # fmt: skip


def probability_layers(stack: ExitStack, path: Path) -> list[RasterLayer]:
    """Return per cent of ice as two layers: the probability, and the doubt, which is largest at 50 per cent."""
    source = stack.enter_context(open_source(path, bands=(1,)))
    fractions = np.dtype(source.raster.dtypes[0]).kind == "f"

    def read(part: Frame) -> Tile | None:
        pixels, valid = source.read(part)
        percent = np.clip(np.nan_to_num(pixels[0].astype(np.float32)) * (100 if fractions else 1), 0, 100)
        return np.where(valid, np.rint(percent), NOTHING).astype(np.uint8) if valid.any() else None

    ramp = {v: (*_viridis(v / 100), 255) for v in range(101)}
    doubt = {v: (213, 94, 0, round(255 * (1 - abs(v - 50) / 50))) for v in range(101)}
    ends = [(f"{v} %", css(_viridis(v / 100))) for v in (0, 25, 50, 75, 100)]
    return [
        RasterLayer("probability", f"probability: {path.name}", read, _palette(ramp), "png", ends, 0.7, visible=False),
        RasterLayer("doubt", "doubt", read, _palette(doubt), "png", [("most at 50 %", css((213, 94, 0)))], visible=False),
    ]  # fmt: skip


def concentration_layer(stack: ExitStack, path: Path, found: Field, *, number: int) -> RasterLayer:
    """Return concentrations as a layer in WMO's colours."""
    source = stack.enter_context(open_cells(stack, found))
    colors: list[Color] = [color for *_, color in CONCENTRATION] + [UNKNOWN_COLOR, LAND_COLOR]
    names = [name for name, *_ in CONCENTRATION] + ["unknown", "land"]
    legend = [(n, css(c)) for n, c in zip(names, colors, strict=True)]
    palette = _palette({v: (*c, 255) for v, c in enumerate(colors)})
    return RasterLayer(
        f"concentration{number}", f"concentration: {path.name}", _classes(source), palette, "png", legend, 0.6
    )


def open_cells(stack: ExitStack, found: Field) -> Source:
    """Return concentrations as classes in memory: 0 to 4 by WMO, 5 unknown, 6 land."""
    ends = np.array([end for _, end, _ in CONCENTRATION[:-1]])
    known = np.isfinite(found.fraction)
    values: Tile = np.full(found.grid.shape, 5, np.uint8)
    values[known] = np.searchsorted(ends, found.fraction[known], side="right")
    if found.land is not None:
        values[~known & (np.nan_to_num(found.land) >= 0.5)] = 6
    values[found.outside] = NOTHING
    memory = stack.enter_context(MemoryFile())
    height, width = found.grid.shape
    with memory.open(
        driver="GTiff", height=height, width=width, count=1, dtype="uint8", crs=found.grid.crs,
        transform=found.grid.transform, nodata=NOTHING,
    ) as file:  # fmt: skip
        file.write(values, 1)
    return open_source(Path(memory.name), bands=(1,))


def css(color: tuple[int, ...]) -> str:
    """Return a colour as CSS writes it."""
    return "#" + "".join(f"{channel:02x}" for channel in color[:3])


def _classes(source: Source) -> Read:
    def read(part: Frame) -> Tile | None:
        pixels, valid = source.read(part)
        if not valid.any():
            return None
        usual = valid & (pixels[0] >= 0) & (pixels[0] < NOTHING)
        return np.where(usual, pixels[0], NOTHING).astype(np.uint8)

    return read


def _palette(palette: Mapping[int, tuple[int, int, int, int]]) -> Callable[[Tile], bytes]:
    return lambda tile: as_png(tile, palette)


def _viridis(share: float) -> Color:
    low, high, at = (_LOW, _MIDDLE, 2 * share) if share < 0.5 else (_MIDDLE, _HIGH, 2 * share - 1)
    red, green, blue = (int(v) for v in np.rint(low + (high - low) * at))
    return red, green, blue


def _decimated(frame: Frame) -> Frame:
    scale = min(1.0, _LOOK / max(frame.height, frame.width))
    return Frame(frame.crs, frame.bounds, max(1, round(frame.height * scale)), max(1, round(frame.width * scale)))


def native_frame(source: Source) -> Frame:
    """Return the frame of a raster in its own pixels, made square."""
    frame = frame_of(source.raster, max(source.raster.height, source.raster.width))
    left, bottom, right, top = frame.bounds
    side = max((right - left) / frame.width, (top - bottom) / frame.height)
    width, height = (max(1, int(np.ceil(v / side - 1e-9))) for v in (right - left, top - bottom))
    return Frame(frame.crs, (left, top - height * side, left + width * side, top), height, width)
