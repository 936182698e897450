"""What is published: valid files of any size, as GDAL and others read them."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from seaice_cli.raster.writing.blocks import BlockWriter, compress
from seaice_cli.raster.writing.cog import Layer, Level, assemble_cog
from seaice_cli.raster.writing.overviews import level_shapes, shrink

PLACE = {"crs": rasterio.CRS.from_epsg(3413), "transform": from_origin(0, 0, 250, 250)}
CLASSES = {"names": ("water", "ice"), "colors": ((0, 0, 90), (250, 250, 250))}


def levels_of(pixels, folder, *, continuous=False):
    """Return the levels of a raster that is no higher than a row of blocks."""
    rows = [pixels, *shrink(pixels, len(level_shapes(*pixels.shape)), continuous=continuous)]
    files = []
    for number, level in enumerate(rows):
        writer = BlockWriter(folder / f"{number}.blocks")
        writer.write(compress(level, continuous=continuous))
        files.append(Level(level.shape, [writer.close()]))
    return files


@pytest.mark.parametrize("kind", [{}, CLASSES])
def test_blocks_become_one_raster_that_gdal_reads(tmp_path, kind):
    cog = pytest.importorskip("rio_cogeo")
    pixels = np.repeat(np.random.default_rng(2).integers(0, 2, (240, 700)).astype(np.uint8), 2, axis=1)
    pixels[:70] = 255
    target = tmp_path / "cog.tif"
    layer = Layer(height=240, width=1400, tags={"SCENE": "a & b"}, **PLACE, **kind)
    assemble_cog(levels_of(pixels, tmp_path, continuous=not kind), target, layer)
    assert cog.cog_validate(target, strict=True) == (True, [], [])
    with rasterio.open(target) as found:
        np.testing.assert_array_equal(found.read(1), pixels)
        assert (found.nodata, found.crs, found.transform) == (255, PLACE["crs"], PLACE["transform"])
        assert found.compression.name == "deflate"
        assert found.overviews(1) == [2, 4]
        assert found.tags()["SCENE"] == "a & b"
        assert found.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert not kind or found.colormap(1)[1] == (250, 250, 250, 255)


@pytest.mark.parametrize("transform", [rasterio.Affine.rotation(17) @ rasterio.Affine.scale(2, -2), None])
def test_rotated_and_missing_georeferencing_survive(tmp_path, transform):
    pixels = np.ones((3, 5), np.uint8)
    layer = Layer(
        height=3, width=5, crs=PLACE["crs"] if transform else None, transform=transform or rasterio.Affine.identity()
    )
    assemble_cog(levels_of(pixels, tmp_path), tmp_path / "cog.tif", layer)
    if transform is None:
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(tmp_path / "cog.tif") as found:
            assert found.crs is None
        return
    with rasterio.open(tmp_path / "cog.tif") as found:
        assert found.transform.almost_equals(transform)


def test_what_is_too_large_for_a_classic_tiff_is_a_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr("seaice_cli.raster.writing.tiff.CLASSIC_LIMIT", 1000)
    pixels = np.random.default_rng(0).integers(0, 2, (500, 1300)).astype(np.uint8)
    target = tmp_path / "cog.tif"
    assemble_cog(levels_of(pixels, tmp_path), target, Layer(height=500, width=1300, **PLACE, **CLASSES))
    assert target.read_bytes()[:4] == b"II+\0"
    with rasterio.open(target) as found:
        np.testing.assert_array_equal(found.read(1), pixels)
        assert found.read(1, out_shape=(125, 325)).max() == 1
        assert found.colormap(1)[0] == (0, 0, 90, 255)
