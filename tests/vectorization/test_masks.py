"""Masks are read in strips of a few million pixels, and no block of the file twice."""

from itertools import pairwise

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from seaice_cli.vectorization import masks
from seaice_cli.vectorization.masks import STRIP_PIXELS, Mask


def empty(path, height, width, block):
    """Write a mask without a block in it."""
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8", "SPARSE_OK": True,
               "tiled": True, "blockxsize": block, "blockysize": block, "BIGTIFF": "YES",
               "transform": rasterio.Affine(40, 0, 0, 0, -40, 0)}  # fmt: skip
    with rasterio.open(path, "w", **profile):
        pass
    return path


@settings(max_examples=40)
@given(
    height=st.integers(1, 3000),
    width=st.sampled_from([1, 500, 9000, 16_000, 20_000, 40_000, 90_000]),
    block=st.sampled_from([16, 256, 512, 1024]),
)
def test_strips_cover_the_mask_and_are_small_where_no_block_is_read_twice_for_it(
    tmp_path_factory, height, width, block
):
    with Mask(empty(tmp_path_factory.mktemp("cuts") / "mask.tif", height, width, block)) as mask:
        cuts = mask.cuts()
    assert (cuts[0], cuts[-1]) == (0, height)
    assert all(a < b for a, b in pairwise(cuts))
    held = block * width < masks._CACHE_MEGABYTES * 10**6
    for top, stop in pairwise(cuts):
        whole = top % block == 0 and (stop % block == 0 or stop == height)
        assert whole or (held and top // block == (stop - 1) // block), (
            "a strip lies within the row of blocks that is cached"
        )
        assert (stop - top) * width <= STRIP_PIXELS or stop - top == 1 or not held or block * width <= STRIP_PIXELS


@pytest.mark.parametrize("width", [40_000, 1_000])
def test_parts_of_rows_of_blocks_read_as_the_raster_itself(tmp_path, width):
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 3, (700, width), np.uint8)
    path = empty(tmp_path / "mask.tif", 700, width, 512)
    with rasterio.open(path, "r+") as target:
        target.write(pixels, 1)
    with Mask(path) as mask:
        strips = list(mask.strips(mask.cuts()))
    assert len(strips) == (5 if width == 40_000 else 1)
    whole = np.concatenate([rows.pixels[int(rows.shared) :] for rows in strips])
    assert np.array_equal(whole, pixels)
    assert all(rows.top == before.top + len(before.pixels) - 1 for before, rows in pairwise(strips))
