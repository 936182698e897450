"""Scenes: every way to say "no data here", what is refused, and reading by rows."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from seaice_cli.errors import SceneError
from seaice_cli.raster.reading.scene import Scene, _spread


def valid_of(path, **options):
    with Scene(str(path), **options) as scene:
        rows = scene.read(0, scene.height)
        return np.ones(rows.pixels.shape[1:], bool) if rows.valid is None else rows.valid


def test_rows_are_what_rasterio_reads(write_scene, noise):
    path = write_scene(noise(90, 5000), tiled=True, blockxsize=256, blockysize=256)
    with Scene(str(path)) as scene, rasterio.open(path) as oracle:
        whole = oracle.read()
        for start, stop in ((0, 33), (33, 90), (12, 13)):
            np.testing.assert_array_equal(scene.read(start, stop).pixels, whole[:, start:stop])


def test_a_subset_counts_rows_and_columns_from_its_corner(write_scene, noise):
    pixels = noise(200, 5000)
    path = write_scene(pixels, tiled=True, blockxsize=256, blockysize=256)
    with Scene(str(path)) as scene, rasterio.open(path) as oracle:
        scene.subset(Window(100, 50, 4500, 120))
        assert (scene.height, scene.width) == (120, 4500)
        np.testing.assert_array_equal(scene.read(10, 20).pixels, pixels[:, 60:70, 100:4600])
        assert scene.transform == oracle.window_transform(scene.window)


def test_declared_nodata_is_combined_as_gdal_does(write_scene):
    pixels = np.full((3, 4, 4), 7, np.uint8)
    pixels[:, 0, 0] = 0
    pixels[1, 2, 2] = 0
    path = write_scene(pixels, nodata=0)
    with rasterio.open(path) as oracle:
        np.testing.assert_array_equal(valid_of(path), oracle.dataset_mask() > 0)
    assert not valid_of(path)[0, 0]
    assert valid_of(path)[2, 2], "one band of zero is data: dark leads look like that"


def test_nan_counts_without_being_declared(write_scene):
    pixels = np.ones((2, 3, 3), np.float32)
    pixels[:, 1, 1] = np.nan
    pixels[0, 2, 2] = np.nan
    valid = valid_of(write_scene(pixels))
    assert not valid[1, 1]
    assert valid[2, 2]


@pytest.mark.parametrize("nodata", [-9999.0, float("nan")])
def test_float_nodata(write_scene, nodata):
    pixels = np.ones((1, 3, 3), np.float32)
    pixels[:, 1, 1] = nodata
    valid = valid_of(write_scene(pixels, nodata=nodata))
    assert not valid[1, 1]
    assert valid.sum() == 8


def test_an_alpha_band_is_no_spectral_band_and_says_where_data_is(write_scene, noise):
    pixels = noise(10, 10, bands=4)
    pixels[3] = 255
    pixels[3, :5] = 0
    path = write_scene(pixels, photometric="RGB", alpha="YES")
    with Scene(str(path)) as scene:
        assert scene.bands == (1, 2, 3)
    valid = valid_of(path)
    assert not valid[:5].any()
    assert valid[5:].all()


@pytest.mark.parametrize("internal", [True, False])
def test_mask_bands_inside_and_beside_the_file(tmp_path, write_scene, noise, internal):
    path = write_scene(noise(10, 10))
    mask = np.full((10, 10), 255, np.uint8)
    mask[:, 3:5] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(mask)
    assert (tmp_path / "scene.tif.msk").exists() is not internal
    np.testing.assert_array_equal(valid_of(path), mask > 0)


def test_nodata_can_be_overridden_and_switched_off(write_scene):
    pixels = np.arange(9, dtype=np.uint8).reshape(1, 3, 3)
    path = write_scene(pixels, nodata=0)
    assert (~valid_of(path, nodata=5.0)).sum() == 1
    assert not valid_of(path, nodata=5.0)[1, 2]
    assert valid_of(path, nodata="none").all()


def test_bands_are_read_in_the_order_asked_for(write_scene, noise):
    pixels = noise(5, 5)
    with Scene(str(write_scene(pixels)), bands=(3, 1)) as scene:
        np.testing.assert_array_equal(scene.read(0, 5).pixels, pixels[[2, 0]])


def test_the_fingerprint_changes_with_the_file(write_scene, noise):
    path = write_scene(noise(5, 5))
    with Scene(str(path)) as scene:
        before = scene.fingerprint()
    write_scene(noise(5, 5)[:, ::-1])
    with Scene(str(path)) as scene:
        assert scene.fingerprint() != before


def test_gdal_settings_are_put_back(write_scene, noise):
    from rasterio._env import get_gdal_config

    before = get_gdal_config("GDAL_CACHEMAX")
    with Scene(str(write_scene(noise(5, 5)))):
        assert get_gdal_config("GDAL_CACHEMAX") != before
    assert get_gdal_config("GDAL_CACHEMAX") == before


def test_missing_empty_and_strange_files_are_refused_with_their_name(tmp_path):
    empty, text = tmp_path / "empty.tif", tmp_path / "text.tif"
    empty.touch()
    text.write_text("no raster")
    for path, fault in (
        (tmp_path / "nope.tif", "no such file"),
        (empty, "empty file"),
        (text, "not a raster"),
        (tmp_path, "a folder"),
    ):
        with pytest.raises(SceneError, match=fault) as caught:
            Scene(str(path))
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_truncated_file_is_refused_while_reading(write_scene, noise):
    path = write_scene(noise(500, 500), tiled=True, blockxsize=128, blockysize=128)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SceneError, match=r"damaged|open"), Scene(str(path)) as scene:
        scene.read(0, 500)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_gcp_only_scenes_are_refused_with_the_line_that_mends_them(tmp_path, noise):
    path = tmp_path / "gcp.tif"
    points = [rasterio.control.GroundControlPoint(r, c, 10 + c, 80 - r) for r in (0, 9) for c in (0, 9)]
    with rasterio.open(path, "w", driver="GTiff", width=10, height=10, count=3, dtype="uint8") as dataset:
        dataset.write(noise(10, 10))
        dataset.gcps = (points, rasterio.crs.CRS.from_epsg(4326))
    with pytest.raises(SceneError, match=r"gdalwarp -order 3 -t_srs EPSG:3413 .*gcp\.tif gcp_warped\.tif"):
        Scene(str(path))


def test_complex_values_and_palettes_are_refused(write_scene, noise):
    with pytest.raises(SceneError, match="complex"):
        Scene(str(write_scene(np.ones((1, 4, 4), np.complex64), "c.tif")))
    path = write_scene(noise(4, 4, bands=1), "p.tif", photometric="palette")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (0, 0, 0, 255), 1: (255, 255, 255, 255)})
        assert dataset.colorinterp[0] == ColorInterp.palette
    with pytest.raises(SceneError, match="expand rgb"):
        Scene(str(path))


@pytest.mark.parametrize(
    ("length", "block", "offset"), [(8192, 512, 0), (8192, 512, 100), (1000, 256, 3), (64, 512, 0), (90, 16, 0)]
)
def test_sampled_windows_lie_in_one_block_each_where_they_fit(length, block, offset):
    starts = _spread(length, 64, 5, block, offset)
    assert all(0 <= start <= length - 64 for start in starts)
    if length > 5 * 64:
        assert len(starts) == 5
    if block >= 64:
        inside = [(offset + s) // block == (offset + s + 63) // block for s in starts]
        assert sum(inside) >= len(starts) - 1, "the first one may have nowhere to go"
