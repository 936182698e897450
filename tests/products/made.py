"""Small concentrations and masks for the tests of products."""

from datetime import UTC, datetime

import numpy as np
from affine import Affine
from rasterio.crs import CRS

from seaice_cli.products.concentration.cells import ALL_LAND, LITTLE_KNOWN, NO_MASK, OK, Concentration
from seaice_cli.products.concentration.grids import CellGrid
from tests.vectorization.masks import ICE_TAGS, write_mask

EQUAL = CRS.from_epsg(6931)
CELL = 10_000.0
FAR = 1_000_000.0
"""Metres from the pole, close to which PROJ places points on an equal-area grid to centimetres only."""


def concentration(
    fraction, *, land=None, status=None, day=14, crs=EQUAL, left=FAR, top=FAR, cell=CELL, uncertainty=None
):
    """Return concentrations as `concentrate` makes them; NaN is too little known."""
    fraction = np.asarray(fraction, np.float64)
    land = np.zeros(fraction.shape) if land is None else np.asarray(land, np.float64)
    if status is None:
        status = np.where(np.isfinite(fraction), OK, np.where(land >= 1, ALL_LAND, LITTLE_KNOWN))
    grid = CellGrid("test", crs, Affine(cell, 0, left, 0, -cell, top), *fraction.shape)
    moment = datetime(2022, 9, day, 12, 30, tzinfo=UTC)
    return Concentration(
        grid=grid, fraction=fraction, land=land, status=np.asarray(status, np.uint8), time=(moment, moment), sources=("mask.tif",),
        uncertainty=np.full(fraction.shape, np.nan) if uncertainty is None else np.asarray(uncertainty),
        pixels=np.where(np.isfinite(fraction), 100, 0), unknown=np.where(status == LITTLE_KNOWN, 1.0, 0.0),
    )  # fmt: skip


OUTSIDE = NO_MASK


def mask_at(
    path, pixels, *, hour=None, side=250.0, left=-600_000.0, top=500_000.0, crs="EPSG:3413", tags=ICE_TAGS, **options
):
    """Write a mask as `seaice predict` does: water 0, ice 1, cloud 2, land 254, nodata 255."""
    when = {} if hour is None else {"ACQUIRED": f"2022-09-14T{hour:02d}:30:00Z"}
    transform = Affine(side, 0, left, 0, -side, top)
    return write_mask(
        path, np.asarray(pixels, np.uint8), crs=crs, transform=transform, nodata=255, tags={**tags, **when}, **options
    )
