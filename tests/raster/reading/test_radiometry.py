"""What a model reads, and what it refuses."""

import numpy as np
import pytest
from rasterio.transform import from_origin

from seaice_cli.errors import SceneError
from seaice_cli.raster.reading.radiometry import Radiometry, pixel_size
from seaice_cli.raster.reading.scene import Rows, Scene


def made(**changes):
    values = {
        "bands": ("red", "green", "blue"),
        "dtype": np.dtype("uint8"),
        "valid_range": (0.0, 255.0),
        "fill": (90.0, 100.4, 110.6),
    }
    return Radiometry(**(values | changes))


def refusal(radiometry, path, **options):
    with Scene(str(path)) as scene:
        for check in radiometry.checks(scene, **options):
            try:
                check()
            except SceneError as error:
                return str(error)
    return None


def test_a_scene_that_fits_is_accepted(write_scene, noise):
    assert refusal(made(), write_scene(noise(100, 100))) is None


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_another_number_of_bands_is_refused_with_the_option_that_helps(write_scene, noise, bands):
    assert "`bands`" in refusal(made(), write_scene(noise(10, 10, bands=bands), photometric="minisblack"))


def test_another_type_is_refused_with_the_option_that_helps(write_scene, noise):
    scene = write_scene(noise(10, 10, dtype="uint16", high=10000))
    assert "`rescale`" in refusal(made(), scene)
    assert refusal(made(rescale=(0, 10000)), scene) is None


def test_values_of_another_range_are_refused(write_scene):
    percent = np.random.default_rng(0).uniform(0, 100, (3, 60, 60)).astype("float32")
    fractions = made(dtype=np.dtype("float32"), valid_range=(0.0, 1.0), fill=(0.5,) * 3)
    assert "between" in refusal(fractions, write_scene(percent))
    assert refusal(fractions, write_scene(percent / 100)) is None


def test_reflectance_where_counts_are_expected_is_refused(write_scene):
    tiny = np.random.default_rng(0).uniform(0, 1, (3, 60, 60)).astype("float32")
    counts = made(dtype=np.dtype("float32"), valid_range=(0.0, 10000.0), fill=(500.0,) * 3)
    assert "`rescale`" in refusal(counts, write_scene(tiny))


@pytest.mark.parametrize(("metres", "fits"), [(250, True), (300, True), (10, False), (1000, False)])
def test_pixels_of_another_size_are_refused(write_scene, noise, metres, fits):
    path = write_scene(noise(20, 20), transform=from_origin(0, 0, metres, metres))
    told = refusal(made(resolution=250.0), path)
    assert (told is None) is fits
    assert refusal(made(resolution=250.0), path, any_resolution=True) is None


@pytest.mark.parametrize(("north", "projected"), [(80, 3413), (-60, 3976)])
def test_a_scene_in_degrees_is_told_of_a_projection_in_metres(write_scene, noise, north, projected):
    path = write_scene(noise(50, 50), crs="EPSG:4326", transform=from_origin(0, north, 0.0005, 0.0005))
    assert f"gdalwarp -t_srs EPSG:{projected} -tr 250 250" in refusal(made(resolution=250.0), path)


def test_pixel_size_is_true_ground_size(write_scene, noise):
    with Scene(str(write_scene(noise(10, 10), transform=from_origin(-1250, 1250, 250, 250)))) as scene:
        assert pixel_size(scene) == pytest.approx(250 / 0.9406**0.5, rel=1e-3)
    with Scene(
        str(write_scene(noise(10, 10), "g.tif", crs="EPSG:4326", transform=from_origin(10, 60.05, 0.01, 0.01)))
    ) as scene:
        assert pixel_size(scene) == pytest.approx((1113.2 * np.cos(np.radians(60)) * 1114.1) ** 0.5, rel=3e-3)


def test_pixels_without_data_are_filled_with_the_models_mean():
    pixels = np.zeros((3, 2, 2), np.uint8)
    valid = np.array([[True, False], [True, True]])
    converted = made().convert(Rows(pixels, valid))
    assert converted[:, 0, 1].tolist() == [90, 100, 111]
    assert converted[:, 0, 0].tolist() == [0, 0, 0]
    assert not pixels.any(), "what was read is not changed"


def test_a_band_without_a_value_is_filled_in_pixels_that_are_data():
    pixels = np.array([[[np.nan, 0.2]], [[0.4, -9999.0]]], np.float32)
    radiometry = made(bands=("a", "b"), dtype=np.dtype("float32"), valid_range=(0.0, 1.0), fill=(0.5, 0.6))
    np.testing.assert_allclose(radiometry.convert(Rows(pixels, None)), [[[0.5, 0.2]], [[0.4, 0.6]]])


def test_rescaling_clips_at_the_ends_of_the_type():
    pixels = np.array([[[0, 5000, 10000, 20000]]], np.uint16)
    radiometry = made(bands=("a",), fill=(7.0,), rescale=(0, 10000))
    assert radiometry.convert(Rows(pixels, None)).tolist() == [[[0, 128, 255, 255]]]


def test_a_scene_too_dark_for_ice_or_cloud_is_warned_about(write_scene, caplog):
    dim = np.random.default_rng(0).integers(10, 100, (3, 60, 60)).astype("uint8")
    assert refusal(made(), write_scene(dim)) is None
    assert "`rescale`" in caplog.text
    caplog.clear()
    assert refusal(made(rescale=(0, 100)), write_scene(dim)) is None
    assert "`rescale`" not in caplog.text
