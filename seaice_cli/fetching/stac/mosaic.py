"""Items as one scene: in one CRS, at one resolution, read by ranges, strip by strip."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import CRSError
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform, transform_bounds
from rasterio.windows import Window

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.fetching.boxes import Box, bounds_in, in_degrees, polar_crs
from seaice_cli.fetching.options import SearchOptions
from seaice_cli.fetching.stac.assets import Band, find_bands, tags_of
from seaice_cli.fetching.writing import FetchedScene, Raster, write_scene
from seaice_cli.outputs import reason_of
from seaice_cli.raster.gdal import FAILURES, PATIENCE

if TYPE_CHECKING:
    import pystac

Progress = Callable[[Iterable[int]], Iterable[int]]
"""Passes first rows of strips on, and counts them."""
_STRIP = 512
_COARSER = 1.5
"""Pixels so many times as large as the items' are means of these; else the nearest one."""
_MAX_PIXELS = 1 << 33


@dataclass(frozen=True, slots=True)
class _Open:
    """An item with its assets open in its own CRS."""

    item: pystac.Item
    bands: list[Band]
    datasets: list[Any]


def mosaic_items(
    items: Sequence[pystac.Item], target: Path, options: SearchOptions, *, name: str, overwrite: bool = False,
    tags: dict[str, str] | None = None, progress: Progress = iter,
) -> FetchedScene:  # fmt: skip
    """Lay items side by side in one scene; where several have data, the first one counts.

    Values stay as they are; scale and offset that the items declare are declared by the scene.

    Args:
        items: The most wanted first.
        target: A GeoTIFF.
        options: Bands, box, CRS, resolution.
        name: What is told of the scene.
        overwrite: Replace a target that exists.
        tags: More of them.
        progress: Passes first rows of strips on, and counts them.

    Raises:
        SceneError: An asset cannot be read, items differ in what their values mean, or nothing is to be seen.
        OptionError: The items lack an asset, or the box lies elsewhere.
        OutputError: The target cannot be written.
    """
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", **_patience()))
        opened = [_opened(stack, item, options.assets) for item in items]
        raster = _raster(opened, options, {**tags_of(list(items)), **(tags or {})})
        views = [[_view(stack, one, k, raster) for k in range(len(one.bands))] for one in opened]
        strips = _strips(opened, views, raster, progress)
        empty = SceneError(f"{name}: its items show nothing in that box; choose another day or box")
        share = write_scene(target, raster, strips, lambda: empty, overwrite=overwrite)
    day = raster.tags.get("ACQUIRED", "")[:10]
    return FetchedScene(str(target), name, day, raster.height, raster.width, raster.crs, share, len(items))


def _patience() -> dict[str, Any]:
    return {key: value for key, value in PATIENCE.items() if key not in os.environ}


def _opened(stack: ExitStack, item: pystac.Item, names: tuple[str, ...]) -> _Open:
    bands = find_bands(item, names)
    datasets = []
    for band in bands:
        with _telling(band):
            dataset = stack.enter_context(rasterio.open(band.path, driver=_driver(band)))
        if dataset.crs is None or band.index > dataset.count:
            raise SceneError(f"{band.path}: has no CRS, or no band {band.index}; it cannot be put into a scene")
        datasets.append(dataset)
    return _Open(item, bands, datasets)


def _driver(band: Band) -> str:
    """Return the only driver that may open an asset: not one whose files name others, such as VRT."""
    return "JP2OpenJPEG" if band.path.partition("?")[0].lower().endswith(".jp2") else "GTiff"


class _telling:  # noqa: N801 - used as a statement
    """Turns what GDAL cannot read of an asset into one line."""

    def __init__(self, band: Band) -> None:
        self._band = band

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, FAILURES):
            path = self._band.path.removeprefix("/vsicurl/").partition("?")[0]
            raise SceneError(
                f"{path}: cannot be read ({reason_of(error)}); it is damaged, unreachable or needs a key; run the same command again"
            ) from error


def _raster(opened: Sequence[_Open], options: SearchOptions, tags: dict[str, str]) -> Raster:
    """Find out what the scene looks like."""
    crs = _crs(opened, options)
    size = options.resolution or _native(opened[0].datasets[0], crs)
    bounds = bounds_in(options.bbox, crs.to_string()) if options.bbox else _union(opened, crs)
    left, bottom, right, top = (
        math.floor(bounds[0] / size + 1e-6), math.floor(bounds[1] / size + 1e-6), math.ceil(bounds[2] / size - 1e-6),
        math.ceil(bounds[3] / size - 1e-6),
    )  # fmt: skip
    if (right - left) * (top - bottom) > _MAX_PIXELS:
        raise OptionError(
            f"`bbox`: {right - left} x {top - bottom} pixels are no scene; choose a smaller box or a coarser `resolution`"
        )
    scales, offsets = _meaning(opened)
    return Raster(
        height=top - bottom, width=right - left, dtype=str(np.result_type(*(d.dtypes[0] for d in opened[0].datasets))),
        crs=crs.to_string(), transform=Affine(size, 0, left * size, 0, -size, top * size), nodata=_nodata(opened[0]),
        descriptions=options.assets, tags=tags, scales=scales, offsets=offsets,
    )  # fmt: skip


def _crs(opened: Sequence[_Open], options: SearchOptions) -> CRS:
    """Return the CRS that is asked for, that all items have, or the polar one of the box."""
    if options.crs:
        try:
            return CRS.from_user_input(options.crs)
        except CRSError as error:
            raise OptionError(f"`crs` {options.crs}: is none that PROJ knows; give EPSG:3413") from error
    found = {dataset.crs.to_string() for one in opened for dataset in one.datasets}
    return (
        opened[0].datasets[0].crs if len(found) == 1 else CRS.from_user_input(polar_crs(_degrees(opened[0], options)))
    )


def _degrees(one: _Open, options: SearchOptions) -> Box:
    if options.bbox and in_degrees(options.bbox):
        return options.bbox
    dataset = one.datasets[0]
    left, bottom, right, top = transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds)
    return left, bottom, right, top


def _native(dataset: Any, crs: CRS) -> float:
    """Return the size of a dataset's pixels in a CRS."""
    if dataset.crs == crs:
        return float(abs(dataset.transform.a))
    transform, *_ = calculate_default_transform(dataset.crs, crs, dataset.width, dataset.height, *dataset.bounds)
    return float(round(transform.a, 3) or transform.a)


def _union(opened: Sequence[_Open], crs: CRS) -> Box:
    all_bounds = np.array([transform_bounds(d.crs, crs, *d.bounds) for one in opened for d in one.datasets])
    (left, bottom), (right, top) = all_bounds[:, :2].min(0), all_bounds[:, 2:].max(0)
    return float(left), float(bottom), float(right), float(top)


def _meaning(opened: Sequence[_Open]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return scales and offsets of the bands, which must be the same for all items; none where no item tells."""
    told = [[(band.scale, band.offset) for band in one.bands] for one in opened]
    if any(one != told[0] for one in told):
        raise SceneError(
            f"the items {opened[0].item.id} and others differ in scale and offset: their values cannot stand in one scene; fetch fewer"
        )
    if all(scale is None and offset is None for scale, offset in told[0]):
        return (), ()
    return tuple(1.0 if s is None else s for s, _ in told[0]), tuple(0.0 if o is None else o for _, o in told[0])


def _nodata(one: _Open) -> float:
    """Return what stands for no data in a scene: what its first band says, or zero."""
    told = _told_nodata(one, 0)
    return 0.0 if told is None else told


def _told_nodata(one: _Open, number: int) -> float | None:
    """Return what stands for no data in a band, by the item or else its file; None also for what no pixel of its type can hold."""
    band, dataset = one.bands[number], one.datasets[number]
    told = band.nodata if band.nodata is not None else dataset.nodatavals[band.index - 1]
    fits = told is not None and rasterio.dtypes.can_cast_dtype(told, dataset.dtypes[band.index - 1])
    return float(told) if fits else None


def _view(stack: ExitStack, one: _Open, number: int, raster: Raster) -> Any:
    """Return a band as it lies in the scene's grid."""
    band, dataset = one.bands[number], one.datasets[number]
    coarser = raster.transform.a >= _COARSER * _native(dataset, CRS.from_user_input(raster.crs))
    source = _told_nodata(one, number)
    with _telling(band):
        return stack.enter_context(WarpedVRT(
            dataset, crs=raster.crs, transform=raster.transform, height=raster.height, width=raster.width,
            resampling=Resampling.average if coarser else Resampling.nearest, src_nodata=raster.nodata if source is None else source,
            nodata=raster.nodata,
        ))  # fmt: skip


def _strips(
    opened: Sequence[_Open], views: Sequence[Sequence[Any]], raster: Raster, progress: Progress
) -> Iterator[tuple[int, npt.NDArray[Any], int]]:
    """Yield the first row of a strip, its pixels, and how many of them hold data."""
    for top in progress(range(0, raster.height, _STRIP)):
        rows = min(_STRIP, raster.height - top)
        window = Window(0, top, raster.width, rows)
        pixels = np.full((len(raster.descriptions), rows, raster.width), raster.nodata, raster.dtype)
        free = np.ones((rows, raster.width), bool)
        for one, bands in zip(opened, views, strict=True):
            if not free.any():
                break
            found = np.stack([_read(view, band, window) for view, band in zip(bands, one.bands, strict=True)])
            new = free & _is_data(found, raster.nodata).all(axis=0)
            pixels[:, new] = found[:, new]
            free &= ~new
        yield top, pixels, int(np.count_nonzero(~free))


def _is_data(pixels: npt.NDArray[Any], nodata: float | None) -> npt.NDArray[np.bool_]:
    there: npt.NDArray[np.bool_] = ~np.isnan(pixels) if nodata is not None and math.isnan(nodata) else pixels != nodata
    return there


def _read(view: Any, band: Band, window: Window) -> npt.NDArray[Any]:
    with _telling(band):
        found: npt.NDArray[Any] = view.read(band.index, window=window)
        return found
