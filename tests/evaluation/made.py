"""Small rasters for tests of the assessment."""

from affine import Affine
from rasterio.crs import CRS

from seaice_cli.evaluation.pixel_geometry import PixelGeometry

POLAR = CRS.from_epsg(3413)
AT_70_NORTH = (0.0, -2_200_000.0)
"""Near the standard parallel, where a metre of the projection is a metre."""


def polar_ground(shape, pixel=1000.0):
    """Return ground in polar stereographic coordinates at 70 degrees north."""
    x, y = AT_70_NORTH
    return PixelGeometry(Affine(pixel, 0, x, 0, -pixel, y), POLAR, shape)
