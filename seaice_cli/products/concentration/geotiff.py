"""Concentrations as a GeoTIFF: a band each for concentration and what it rests on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

from seaice_cli import __version__
from seaice_cli.outputs import new_file
from seaice_cli.products.concentration.cells import STATUS, Concentration
from seaice_cli.products.concentration.metadata import NAME, stamp
from seaice_cli.raster.reading.acquisition import TAG
from seaice_cli.raster.writing.verification import verify, written


def write_geotiff(made: Concentration, target: Path, *, overwrite: bool = False) -> None:
    """Write float32 bands, NaN where there is nothing: concentration (0 to 1), its standard error, unknown, land, pixels, status.

    Raises:
        OutputError: The target exists or cannot be written.
    """
    bands = {
        NAME: made.fraction, "standard_error": made.uncertainty, "unknown_fraction": made.unknown,
        "land_fraction": made.land, "number_of_pixels": made.pixels, "status_flag": made.status,
    }  # fmt: skip
    tags = {
        "SOFTWARE": f"seaice {__version__}", "MASKS": ", ".join(made.sources), "GRID": made.grid.name,
        **({TAG: "/".join(map(stamp, made.time))} if made.time else {}),
        **{f"STATUS_{value}": meaning for value, meaning in STATUS.items()},
    }  # fmt: skip
    profile = {
        "driver": "GTiff", "dtype": "float32", "count": len(bands), "height": made.grid.height, "width": made.grid.width,
        "crs": made.grid.crs, "transform": made.grid.transform, "nodata": np.nan, "compress": "DEFLATE",
        "tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "band", "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    pixels = np.stack([values.astype(np.float32) for values in bands.values()])
    with new_file(target, overwrite=overwrite) as partial:
        with rasterio.open(partial, "w", **profile) as file:
            file.write(pixels)
            file.update_tags(**tags)
            for index, name in enumerate(bands, start=1):
                file.set_band_description(index, name)
        verify(partial, [written(Window(0, 0, made.grid.width, made.grid.height), pixels)], target)
