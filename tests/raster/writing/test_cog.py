"""What is published: files of any size, and what parts become."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from seaice_cli.prediction.parts.layers import LayerWriter
from seaice_cli.raster.writing.cog import Layer, assemble_cog

PLACE = {"crs": rasterio.CRS.from_epsg(3413), "transform": from_origin(0, 0, 250, 250)}
CLASSES = {"names": ("water", "ice"), "colors": ((0, 0, 90), (250, 250, 250))}


def part(path, pixels):
    writer = LayerWriter(path, (0, pixels.shape[0]), pixels.shape[1])
    writer.write(rasterio.windows.Window(0, 0, pixels.shape[1], pixels.shape[0]), pixels)
    writer.close()
    return path


@pytest.mark.parametrize("kind", [{}, CLASSES])
def test_parts_become_one_compressed_raster_with_nodata_where_there_is_none(tmp_path, kind):
    rng = np.random.default_rng(2)
    pixels = np.repeat(rng.integers(0, 2, (150, 700)).astype(np.uint8), 2, axis=1)
    parts = [(part(tmp_path / "a.tif", pixels[:70]), 0), (part(tmp_path / "b.tif", pixels[70:]), 90)]
    assemble_cog(parts, tmp_path / "cog.tif", Layer(height=240, width=1400, **PLACE, **kind))
    with rasterio.open(tmp_path / "cog.tif") as cog:
        found = cog.read(1)
        assert cog.nodata == 255
        assert cog.compression.name in ("deflate", "lzw")
        assert cog.overviews(1) == [2, 4]
    np.testing.assert_array_equal(found[:70], pixels[:70])
    assert (found[70:90] == 255).all()
    np.testing.assert_array_equal(found[90:170], pixels[70:])
    assert (found[170:] == 255).all()


@pytest.mark.slow
def test_what_might_be_too_large_for_a_classic_tiff_is_a_bigtiff(tmp_path):
    assemble_cog([], tmp_path / "cog.tif", Layer(height=47_000, width=47_000, **PLACE, **CLASSES))
    with (tmp_path / "cog.tif").open("rb") as file:
        assert file.read(4) == b"II+\0"
    with rasterio.open(tmp_path / "cog.tif") as cog:
        assert cog.shape == (47_000, 47_000)
        assert (cog.read(1, out_shape=(600, 600)) == 255).all()
