"""Writing a generated scene and its truth as GeoTIFFs of any size, window by window."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import rasterio
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.windows import Window

from seaice_cli.errors import OutputError
from seaice_cli.raster.processors import processors
from seaice_cli.synthetic.recipe import SceneRecipe
from seaice_cli.synthetic.rendering import NODATA, Bytes, generate

CRS = "EPSG:3413"
RESOLUTION = 250.0
"""Metres per pixel."""
ORIGIN = (-1_500_000.0, 500_000.0)
"""Easting and northing in metres of the upper left corner: the Beaufort Sea."""
_CHUNK = 1024
"""Height and width in pixels of what is generated and written at once."""
_COLORS = {0: (16, 44, 84), 1: (226, 240, 250), 2: (214, 120, 110), NODATA: (0, 0, 0)}


def write_scene(path: Path | str, recipe: SceneRecipe, *, truth: Path | str | None = None) -> None:
    """Write a scene, and its true mask, as tiled and compressed GeoTIFFs.

    Args:
        path: Where the scene goes: uint8 red, green, blue, nodata 0. An existing file is replaced.
        recipe: What the scene is like.
        truth: Where its classes go: uint8, 0 water, 1 ice, 2 cloud, nodata 255. None: they are not written.

    Raises:
        OutputError: A file cannot be written; nothing is left behind.
    """
    targets = [Path(path)] + ([Path(truth)] if truth is not None else [])
    partials = [t.with_name(f".{t.name}.partial") for t in targets]
    debris = list(partials)
    try:
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
        _write(partials, recipe)
        for partial, target in zip(partials, targets, strict=True):
            partial.replace(target)
            debris.append(target)
        debris.clear()
    except (OSError, RasterioError) as error:
        names = " and ".join(str(t) for t in targets)
        raise OutputError(f"{names}: cannot be written ({error}); choose another folder or make room") from error
    finally:
        for path_left in debris:
            with suppress(OSError):
                path_left.unlink()


def profile(recipe: SceneRecipe) -> dict[str, Any]:
    """Return the rasterio profile that a scene and its truth share."""
    return {
        "driver": "GTiff", "height": recipe.height, "width": recipe.width, "dtype": "uint8", "crs": CRS,
        "transform": Affine(RESOLUTION, 0, ORIGIN[0], 0, -RESOLUTION, ORIGIN[1]), "tiled": True, "blockxsize": 512,
        "blockysize": 512, "compress": "deflate", "predictor": 2, "zlevel": 1, "bigtiff": "if_safer",
    }  # fmt: skip


def _write(partials: list[Path], recipe: SceneRecipe) -> None:
    with ExitStack() as stack:
        scene = stack.enter_context(
            rasterio.open(partials[0], "w", **profile(recipe), count=3, nodata=0, interleave="pixel", photometric="rgb")
        )
        scene.update_tags(generated="seaice", seed=recipe.seed)
        mask = None
        if len(partials) > 1:
            mask = stack.enter_context(rasterio.open(partials[1], "w", **profile(recipe), count=1, nodata=NODATA))
            mask.write_colormap(1, _COLORS)
        for window, (pixels, classes) in _chunks(recipe):
            scene.write(pixels, window=window)
            if mask is not None:
                mask.write(classes, 1, window=window)


def _chunks(recipe: SceneRecipe) -> Iterator[tuple[Window, tuple[Bytes, Bytes]]]:
    """Yield the scene chunk by chunk; a few are generated ahead, one per processor."""
    windows = (
        Window(col, row, min(_CHUNK, recipe.width - col), min(_CHUNK, recipe.height - row))
        for row in range(0, recipe.height, _CHUNK)
        for col in range(0, recipe.width, _CHUNK)
    )
    with ThreadPoolExecutor(processors()) as pool:
        ahead: deque[tuple[Window, Future[tuple[Bytes, Bytes]]]] = deque()
        try:
            for window in windows:
                ahead.append((window, pool.submit(generate, recipe, window)))
                if len(ahead) > processors():
                    first, chunk = ahead.popleft()
                    yield first, chunk.result()
            while ahead:
                first, chunk = ahead.popleft()
                yield first, chunk.result()
        finally:
            for _, chunk in ahead:
                chunk.cancel()
