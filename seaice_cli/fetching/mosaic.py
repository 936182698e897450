"""A scene made of tiles: those that a box touches, laid side by side, row by row."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.fetching.boxes import bounds_in, degrees_of, polar_crs
from seaice_cli.fetching.cache import cache_folder
from seaice_cli.fetching.days import is_polar_night
from seaice_cli.fetching.options import TileOptions
from seaice_cli.fetching.redaction import public
from seaice_cli.fetching.sources import Picture, Source, TileGrid, find_source
from seaice_cli.fetching.tiles import TileStore
from seaice_cli.fetching.transport import Client, check_server
from seaice_cli.fetching.writing import FetchedScene, Raster, write_scene

log = logging.getLogger(__name__)
Progress = Callable[[Iterable[int]], Iterable[int]]
"""Passes rows of tiles on, and counts them."""
DARK = 8
"""A picture without a value above this shows no light: the night, or no data, with what JPEG adds to it."""


@dataclass(frozen=True)
class TileScene:
    """A day of a source, in a box: which pixels of the tile grid it is, and what their tiles are called."""

    source: Source
    satellite: str
    day: date
    grid: TileGrid
    columns: range
    """Pixels of the grid."""
    rows: range

    @classmethod
    def of(cls, day: date, options: TileOptions) -> TileScene:
        """Find out which pixels are wanted.

        Raises:
            OptionError: Unknown names, a day before the first one, a box beyond the grid.
        """
        source = find_source(options.source)
        satellite = source.satellite(options.satellite)
        if day < source.since[satellite]:
            raise OptionError(f"`date` {day}: {source.name} of {satellite} begins on {source.since[satellite]}")
        crs = options.crs or polar_crs(options.bbox)
        grid = source.grids[int(crs.removeprefix("EPSG:"))]
        columns = rows = range(grid.size)
        if options.bbox is not None:
            left, bottom, right, top = bounds_in(options.bbox, crs)
            (first, upper), (last, lower) = ~grid.transform @ (left, top), ~grid.transform @ (right, bottom)
            columns, rows = _touched(first, last, grid.size), _touched(upper, lower, grid.size)
        if not (columns and rows):
            raise OptionError(f"`bbox`: lies beyond what {source.name} shows in {crs}; choose another `crs` or box")
        return cls(source, satellite, day, grid, columns, rows)

    @property
    def name(self) -> str:
        """What tells it from others of its box."""
        return f"{self.source.name}_{self.satellite}_{self.day}"

    @property
    def crs(self) -> str:
        """Its CRS."""
        return f"EPSG:{self.grid.epsg}"

    @cached_property
    def transform(self) -> Affine:
        """From its columns and rows to x and y."""
        return self.grid.transform @ Affine.translation(self.columns.start, self.rows.start)

    @property
    def layers(self) -> list[str]:
        """The names of its layers."""
        return [self._layer(picture) for picture in self.source.pictures]

    @property
    def tile_rows(self) -> range:
        """Rows of tiles that it touches."""
        return range(self.rows.start // self.grid.tile, (self.rows.stop - 1) // self.grid.tile + 1)

    @property
    def tile_columns(self) -> range:
        """Columns of tiles that it touches."""
        return range(self.columns.start // self.grid.tile, (self.columns.stop - 1) // self.grid.tile + 1)

    def path(self, picture: Picture, row: int, column: int) -> str:
        """Return what stands behind the server's address for a tile."""
        return self.source.path.format(
            epsg=self.grid.epsg, layer=self._layer(picture), day=self.day, level=self.grid.level, row=row, column=column
        )

    def is_dark(self) -> bool:
        """Tell whether the sun does not rise there on that day."""
        x, y = self.transform @ (0, len(self.rows))
        right, top = self.transform @ (len(self.columns), 0)
        _, south, _, north = degrees_of((x, y, right, top), self.crs)
        return is_polar_night(self.day, (south, north))

    def _layer(self, picture: Picture) -> str:
        return f"{self.source.satellites[self.satellite]}_{picture.layer}"


def fetch_tiles(
    day: date, target: Path, options: TileOptions, *, overwrite: bool = False, tags: Mapping[str, str] | None = None,
    progress: Progress = iter,
) -> FetchedScene:  # fmt: skip
    """Fetch a day of a source as a GeoTIFF; tiles that were got are kept in the cache, and not asked for again.

    Where the server has no tile, and where a picture is black, the scene has no data.

    Args:
        day: In UTC.
        target: A GeoTIFF.
        options: Source, box, server.
        overwrite: Replace a target that exists.
        tags: More of them.
        progress: Passes rows of tiles on, and counts them.

    Raises:
        OptionError: The options ask for what the source does not have.
        SceneError: The server does not deliver, or there is nothing to be seen on that day.
        OutputError: The target or the cache cannot be written.
    """
    scene = TileScene.of(day, options)
    server = scene.source.address(options.server)
    check_server(server)
    store = TileStore(
        Client(options.connections, options.patience), server, cache_folder(options.cache), scene.grid.tile, options.refresh
    )  # fmt: skip
    raster = Raster(
        height=len(scene.rows), width=len(scene.columns), dtype="uint8", crs=scene.crs, transform=scene.transform,
        nodata=0, descriptions=scene.source.bands, tags={**_tags(scene, server), **(tags or {})},
    )  # fmt: skip
    with warnings.catch_warnings(), ThreadPoolExecutor(options.connections) as pool:
        # Tiles say nothing of where they are. Here, not where they are decoded: the filter is shared by all threads.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        strips = _strips(scene, store, pool, progress)
        try:
            share = write_scene(target, raster, strips, lambda: _empty(scene, store), overwrite=overwrite)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    if store.absent:
        log.warning("%s: the server has no picture of %d tiles; the scene has no data there", target, store.absent)
    return FetchedScene(str(target), scene.name, str(day), raster.height, raster.width, scene.crs, share, store.fetched)


def _touched(first: float, last: float, size: int) -> range:
    """Return the pixels of an axis that lie between two places on it; a box along pixel edges gains none by rounding."""
    return range(max(0, int(np.floor(first + 1e-6))), min(size, int(np.ceil(last - 1e-6))))


def _strips(
    scene: TileScene, store: TileStore, pool: ThreadPoolExecutor, progress: Progress
) -> Iterator[tuple[int, npt.NDArray[np.uint8], int]]:
    """Yield the first row of a strip, its pixels, and how many of them show light; the next row of tiles is fetched meanwhile."""
    size, top = scene.grid.tile, 0
    ahead: dict[int, list[Future[Any]]] = {}
    for row in progress(scene.tile_rows):
        for wanted in (row, row + 1):
            if wanted in scene.tile_rows and wanted not in ahead:
                ahead[wanted] = [pool.submit(_stacked, scene, store, wanted, c) for c in scene.tile_columns]
        tiles = [future.result() for future in ahead.pop(row)]
        first = scene.columns.start - scene.tile_columns.start * size
        rows = slice(max(0, scene.rows.start - row * size), min(size, scene.rows.stop - row * size))
        strip = np.concatenate(tiles, axis=2)[:, rows, first : first + len(scene.columns)]
        yield top, strip, int(np.count_nonzero(strip.max(axis=0) > DARK))
        top += strip.shape[1]


def _stacked(scene: TileScene, store: TileStore, row: int, column: int) -> npt.NDArray[np.uint8]:
    """Return the tiles of all pictures at one place on top of each other; zeros where one is missing."""
    size, found = scene.grid.tile, []
    for picture in scene.source.pictures:
        pixels = store.get(scene.path(picture, row, column), len(picture.bands))
        if pixels is None:
            return np.zeros((len(scene.source.bands), size, size), np.uint8)
        found.append(pixels)
    return np.concatenate(found)


def _empty(scene: TileScene, store: TileStore) -> SceneError:
    """Return the error of a day on which nothing is to be seen."""
    if scene.is_dark():
        why = "the sun does not rise there on that day (polar night); choose a day between spring and autumn, or radar"
    elif store.absent:
        why = f"the server has no picture of that day there (no tile of {', '.join(scene.layers)}); choose another day or satellite"
    else:
        why = "all pictures are black there; choose another day, satellite or box"
    return SceneError(f"{scene.source.name} of {scene.satellite}, {scene.day}: {why}")


def _tags(scene: TileScene, server: str) -> dict[str, str]:
    return {
        "ACQUIRED": str(scene.day),
        "LAYER": ", ".join(scene.layers),
        "SOURCE": f"{scene.source.name}/{scene.satellite}",
        "SERVER": public(server),
        "ATTRIBUTION": scene.source.attribution,
    }
