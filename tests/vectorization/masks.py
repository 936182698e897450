"""Masks for the tests of this room, and the way from pixels to outlines without a file."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from scipy.ndimage import gaussian_filter

from seaice_cli.vectorization.tracing.joining import Joiner
from seaice_cli.vectorization.tracing.outlines import Outlines, arrange, join_parts
from seaice_cli.vectorization.tracing.strips import Tracing, trace_strip

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
POLAR = Affine(250, 0, -600_000, 0, -250, 500_000)


def outline(pixels, *, cuts=(), probability=None, **options) -> Outlines:
    """Trace an array whose value 0 is nodata, cut into strips at the rows given."""
    height, width = pixels.shape
    tracing = Tracing(**{"width": width, "height": height, "nodata": 0, "values": None, "eight": False, **options})
    joiner, finished = Joiner(least=tracing.least), []
    edges = [0, *cuts, height]
    for top, stop in pairwise(edges):
        first = max(top - 1, 0)
        known = None if probability is None else np.ascontiguousarray(probability[first:stop])
        strip = trace_strip(np.ascontiguousarray(pixels[first:stop]), first, tracing, shared=top > 0, probability=known)
        finished.append(joiner.add(strip))
    return arrange(join_parts(finished))


def blobs(height, width, *, seed=0, classes=3, blur=2.0, holes=0.0):
    """Return smooth regions of classes 1, 2, ... with a share of nodata pixels, and the noise they were made of."""
    rng = np.random.default_rng(seed)
    fields = rng.standard_normal((classes, height, width))
    fields = np.stack([gaussian_filter(field, blur) if blur else field for field in fields])
    fields /= fields.std()
    pixels = (fields.argmax(axis=0) + 1).astype(np.uint8)
    pixels[rng.random(pixels.shape) < holes] = 0
    return pixels, fields


def write_mask(path, pixels, *, crs="EPSG:3413", transform=POLAR, nodata=0, tags=None, colors=None, **profile):
    """Write an array as a GeoTIFF."""
    pixels = np.atleast_3d(pixels.T).T if pixels.ndim == 2 else pixels
    options = {
        "driver": "GTiff",
        "dtype": pixels.dtype,
        "crs": crs,
        "transform": transform,
        "nodata": nodata,
        **profile,
    }
    count, height, width = pixels.shape
    with rasterio.open(path, "w", count=count, height=height, width=width, **options) as target:
        target.write(pixels)
        target.update_tags(**(tags or {}))
        if colors:
            target.write_colormap(1, colors)
    return path


ICE_TAGS = {"CLASS_0": "water", "CLASS_1": "ice", "CLASS_2": "cloud", "ICE_CLASS": "1"}
ICE_COLORS = {0: (0, 100, 255), 1: (240, 250, 255), 2: (190, 190, 190)}


def ice_mask(path, *, size=96, seed=1, blur=3.0, **options):
    """Write a mask as `seaice predict` does: water 0, ice 1, nodata 255."""
    _, fields = blobs(size, size, seed=seed, classes=2, blur=blur)
    pixels = (fields[0] > 0.3).astype(np.uint8)
    pixels[:3] = 255
    return write_mask(path, pixels, nodata=255, tags=ICE_TAGS, colors=ICE_COLORS, **options)
