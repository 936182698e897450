"""Overviews are those that GDAL makes."""

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.io import MemoryFile

from seaice_cli.raster.writing.blocks import BLOCK
from seaice_cli.raster.writing.overviews import Overviews, halve_by_mean, halve_by_mode, level_shapes, shrink


@pytest.mark.parametrize(("halve", "kind"), [(halve_by_mode, Resampling.mode), (halve_by_mean, Resampling.average)])
@pytest.mark.parametrize("values", [(0, 1), (0, 1, 2, 255), range(256)])
def test_halving_is_what_gdal_does(halve, kind, values):
    pixels = np.random.default_rng(1).choice(np.array(values, np.uint8), (256, 512))
    place = {"crs": "EPSG:3413", "transform": rasterio.Affine(2, 0, 0, 0, -2, 0)}
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", height=256, width=512, count=1, dtype="uint8", nodata=255, **place) as raster:
            raster.write(pixels, 1)
            raster.build_overviews([2], kind)
        with memory.open(overview_level=0) as smaller:
            np.testing.assert_array_equal(halve(pixels), smaller.read(1))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_every_value_is_one_of_the_four_and_no_other_is_more_frequent(height, width, seed):
    pixels = np.random.default_rng(seed).choice(np.array([0, 1, 2, 255], np.uint8), (height, width))
    smaller = halve_by_mode(pixels)
    assert smaller.shape == (-(-height // 2), -(-width // 2))
    for (row, column), value in np.ndenumerate(smaller):
        of_four = pixels[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        known = of_four[of_four != 255]
        counts = np.bincount(known, minlength=256)
        assert value == 255 if not known.size else counts[value] == counts.max()


def test_levels_end_where_one_fits_in_a_block():
    assert level_shapes(BLOCK, BLOCK) == []
    assert level_shapes(8192, 1025) == [(4096, 513), (2048, 257), (1024, 129), (512, 65)]
    assert len(level_shapes(10**6, 10**6)) == 9, "a row of blocks halved nine times is one row"


def test_levels_do_not_depend_on_how_rows_came(tmp_path):
    height, width = 3 * BLOCK + 77, 2 * BLOCK + 5
    pixels = np.random.default_rng(0).integers(0, 3, (height, width)).astype(np.uint8)
    shapes = level_shapes(height, width)
    overviews, taken = Overviews(tmp_path, "mask", (height, width)), {}
    for top in range(0, height, BLOCK):
        for rows, then in overviews.add(shrink(pixels[top : top + BLOCK], len(shapes))):
            taken.setdefault(rows.shape[1], []).append(rows)
            then([b"block"] * -(-rows.shape[1] // BLOCK))
    whole = pixels
    for shape, file in zip(shapes, overviews.close(), strict=True):
        whole = halve_by_mode(whole)
        assert whole.shape == shape
        np.testing.assert_array_equal(np.concatenate(taken[shape[1]]), whole)
        assert len(file.sizes) == -(-shape[0] // BLOCK) * -(-shape[1] // BLOCK)
