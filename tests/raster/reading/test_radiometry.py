"""What a model reads, and what it refuses."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from seaice_cli.errors import SceneError
from seaice_cli.raster.reading.radiometry import Radiometry, robust_ends
from seaice_cli.raster.reading.scene import Rows, Scene
from seaice_cli.raster.reading.sensors import choose_bands, curves, find_sensor, recognise
from seaice_cli.raster.reading.suitability import checks, pixel_size, warnings

GIBS = "corrected-reflectance"


def made(**changes):
    values = {
        "bands": ("red", "green", "blue"),
        "dtype": np.dtype("uint8"),
        "valid_range": (0.0, 255.0),
        "fill": (90.0, 100.4, 110.6),
    }
    return Radiometry(**(values | changes))


def fitted(radiometry, scene, *, sensor=None, rescale=None, bands=None):
    """Fit as a prediction does."""
    known = find_sensor(sensor) if sensor else recognise(scene.facts)
    nodata = known.nodata if known and scene.all_valid else None
    scene.select(choose_bands(scene.facts, known, radiometry.bands, bands), nodata)
    return radiometry.fitted(scene, known, rescale)


def one_line(error):
    assert "\n" not in str(error)
    return str(error)


def refusal(radiometry, path, *, any_resolution=False, **how):
    with Scene(str(path)) as scene:
        try:
            ready = fitted(radiometry, scene, **how)
            for check in checks(ready, scene, any_resolution=any_resolution, bands_given=bool(how.get("bands"))):
                check()
        except SceneError as error:
            return one_line(error)
    return None


def converted(radiometry, path, **how):
    with Scene(str(path)) as scene:
        return fitted(radiometry, scene, **how).convert(scene.read(0, scene.height))


def told(radiometry, path, **how):
    with Scene(str(path)) as scene:
        return list(warnings(fitted(radiometry, scene, **how), scene))


def test_a_scene_that_fits_is_accepted(write_scene, noise):
    assert refusal(made(), write_scene(noise(100, 100))) is None


@pytest.mark.parametrize("bands", [2, 4])
def test_another_number_of_bands_is_refused_with_the_option_that_helps(write_scene, noise, bands):
    assert "`bands`" in refusal(made(), write_scene(noise(10, 10, bands=bands), photometric="minisblack"))


def test_a_grey_picture_is_not_led_to_stand_for_three_bands(write_scene, noise):
    grey = write_scene(noise(10, 10, bands=1))
    assert "docs/finetune.md" in refusal(made(), grey)
    assert "`model` aerial-floes" in refusal(made(), grey)
    assert "1,1,1" not in refusal(made(), grey)
    assert refusal(made(), grey, bands=(1, 1, 1)) is None
    assert "stands for several" in told(made(), grey, bands=(1, 1, 1))[0]


def test_a_grey_picture_in_three_equal_bands_is_told_of_the_model_for_it(write_scene, noise):
    grey = noise(10, 10, bands=1)
    assert "`model` aerial-floes" in told(made(), write_scene(np.repeat(grey, 3, axis=0)))[0]
    assert told(made(), write_scene(np.full((3, 10, 10), 255, np.uint8))) == []
    assert told(made(), write_scene(noise(10, 10))) == []


@pytest.mark.parametrize("bands", [None, (1, 1, 1)])
@pytest.mark.parametrize("low", [-30.0, 0.01])
def test_radar_in_decibels_or_linear_is_refused_and_led_to_fine_tuning(write_scene, low, bands):
    backscatter = np.random.default_rng(0).uniform(low, low + 25, (1, 50, 50)).astype("float32")
    for pixels in (backscatter, (backscatter * 100 - 5000).astype("int16")):
        text = refusal(made(), write_scene(pixels), bands=bands, rescale=(-30, 0) if bands else None)
        assert "no shipped model reads radar" in text
        assert "docs/finetune.md" in text
        assert "1,1,1" not in text


def test_radar_in_eight_bits_is_known_by_its_names(write_scene, noise):
    path = write_scene(noise(50, 50, bands=2))
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("HH", "HV")
    assert "radar" in refusal(made(), path, bands=(1, 2, 1))


def test_a_model_of_ones_own_may_read_radar(write_scene):
    decibels = np.random.default_rng(0).uniform(-30, -5, (1, 50, 50)).astype("float32")
    sigma = made(bands=("HH",), dtype=np.dtype("float32"), valid_range=(-35.0, 0.0), fill=(-20.0,))
    assert refusal(sigma, write_scene(decibels)) is None


def test_another_type_is_refused_with_the_option_that_helps(write_scene, noise):
    scene = write_scene(noise(10, 10, dtype="uint16", high=10000))
    assert "`rescale`" in refusal(made(), scene)
    assert refusal(made(), scene, rescale=(0, 10000)) is None


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


def test_rescaling_clips_at_the_ends_of_the_type(write_scene):
    path = write_scene(np.array([[[0, 5000, 10000, 20000]]], np.uint16))
    assert converted(made(bands=("a",), fill=(7.0,)), path, rescale=(0, 10000)).tolist() == [[[0, 128, 255, 255]]]


def test_ends_far_from_the_values_are_refused_after_rescaling_too(write_scene, noise):
    scene = write_scene(noise(60, 60, dtype="uint16", high=10000))
    assert "choose ends nearer" in refusal(made(), scene, rescale=(0, 100))
    assert refusal(made(), scene, rescale="auto") is None


def test_automatic_ends_are_those_of_the_whole_scene(write_scene):
    """Half of the scene is bright: windows of either half must not be stretched by their own values."""
    pixels = np.full((3, 400, 400), 1000, np.uint16)
    pixels[:, 200:] = 3000
    pixels[:, 0, 0], pixels[:, 1, 0] = 0, 60000  # two outliers of 160 000 pixels
    path = write_scene(pixels)
    with Scene(str(path)) as scene:
        assert robust_ends(scene) == (1000.0, 3000.0)
    seen = converted(made(), path, rescale="auto")
    assert (seen[:, 10, 10].tolist(), seen[:, 300, 10].tolist()) == ([0, 0, 0], [255, 255, 255])
    assert seen[0, 1, 0] == 255


def test_automatic_ends_stand_for_water_and_snow_where_the_model_knows_its_curve(write_scene):
    pixels = np.full((3, 100, 100), 50, np.uint8)
    pixels[:, :50] = 10
    pixels[0, 0, 0] = 30  # half way
    water, half, snow = as_values(np.array([0.02, 0.46, 0.9]))
    pixels[:, 99, :60] = (
        2  # 0.6 % are far darker: they are as dark as can be, and no reason to refuse what was chosen automatically
    )
    assert refusal(made(stretch=GIBS), write_scene(pixels, name="tail.tif"), rescale="auto") is None
    pixels[:, 99] = 50
    seen = converted(made(stretch=GIBS), write_scene(pixels), rescale="auto")
    assert (seen[0, 40, 0], seen[0, 0, 0], seen[0, 60, 0]) == (water, half, snow)


def test_automatic_ends_may_leave_values_beyond_them(write_scene, monkeypatch):
    """The look that chooses the ends sees other pixels than the one that checks them."""
    pixels = np.full((3, 100, 100), 50, np.uint8)
    pixels[:, :50] = 10
    path = write_scene(pixels, photometric="RGB")
    monkeypatch.setattr("seaice_cli.raster.reading.radiometry.robust_ends", lambda _scene: (12.0, 50.0))
    assert refusal(made(stretch=GIBS), path, rescale="auto") is None
    monkeypatch.setattr("seaice_cli.raster.reading.radiometry.robust_ends", lambda _scene: (30.0, 50.0))
    assert "choose ends nearer" in refusal(made(stretch=GIBS), path, rescale="auto")


def test_automatic_ends_leave_out_what_holds_no_data(write_scene):
    pixels = np.zeros((3, 50, 50), np.uint16)
    pixels[:, :, :25] = np.random.default_rng(0).integers(2000, 3001, (50, 25))
    with Scene(str(write_scene(pixels, nodata=0))) as scene:
        low, high = robust_ends(scene)
    assert 2000 <= low < 2020
    assert 2980 < high <= 3000


def test_a_scene_of_one_value_has_no_automatic_ends(write_scene):
    assert "no two different values" in refusal(made(), write_scene(np.full((3, 9, 9), 7, np.uint8)), rescale="auto")


def test_a_scene_too_dark_for_ice_or_cloud_is_warned_about(write_scene):
    dim = write_scene(np.random.default_rng(0).integers(10, 100, (3, 60, 60)).astype("uint8"))
    assert refusal(made(stretch=GIBS), dim) is None
    assert "`rescale`" in told(made(stretch=GIBS), dim)[0]
    assert told(made(stretch=GIBS), dim, rescale=(0, 100)) == []
    assert told(made(), dim) == [], "a model that takes values as they are has learnt how bright they are"


def reflectances(shape=(3, 60, 60)):
    return np.random.default_rng(0).uniform(0.01, 0.9, shape)


def as_values(reflectance):
    return np.rint(np.interp(reflectance, *curves()[GIBS]))


@pytest.mark.parametrize(
    ("scale", "offset", "descriptions"),
    [(1e-4, -0.1, ("B04", "B03", "B02")), (2.75e-5, -0.2, ("SR_B4", "SR_B3", "SR_B2")), (1e-4, 0.0, ())],
)
def test_reflectances_become_the_values_of_the_pictures_that_the_model_knows(write_scene, scale, offset, descriptions):
    truth = reflectances()
    path = write_scene(np.rint((truth - offset) / scale).astype("uint16"), nodata=0)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (scale,) * 3, (offset,) * 3
        if descriptions:
            dataset.descriptions = descriptions
    assert refusal(made(stretch=GIBS), path) is None
    assert np.abs(converted(made(stretch=GIBS), path).astype(int) - as_values(truth)).max() <= 1


def test_the_scale_of_a_known_sensor_is_that_of_the_table(write_scene):
    truth = reflectances()
    path = write_scene(np.rint(truth * 10000 + 1000).astype("uint16"))
    how = {"sensor": "sentinel2"}
    assert np.abs(converted(made(stretch=GIBS), path, **how).astype(int) - as_values(truth)).max() <= 1
    assert "`sensor`" in refusal(made(stretch=GIBS), path), "nothing in the file tells what it is"


def test_zero_is_no_data_where_the_sensor_says_so_and_the_file_nothing(write_scene):
    values = np.full((3, 40, 40), 4000, np.uint16)
    values[:, :20] = 0
    with Scene(str(write_scene(values))) as scene:
        fitted(made(stretch=GIBS), scene, sensor="sentinel2")
        assert not scene.read(0, 40).valid[:20].any()
        assert scene.read(0, 40).valid[20:].all()


def test_the_files_own_scale_wins_over_the_sensors(write_scene):
    truth = reflectances()
    path = write_scene(np.rint(truth * 20000).astype("uint16"))
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = (5e-5,) * 3
    assert np.abs(converted(made(stretch=GIBS), path, sensor="sentinel2").astype(int) - as_values(truth)).max() <= 1


def test_values_that_are_no_reflectances_of_the_named_sensor_are_refused(write_scene, noise):
    path = write_scene(noise(60, 60, dtype="uint16", low=1, high=1500))
    assert "read as landsat-l2 its reflectances lie between -0.19" in refusal(
        made(stretch=GIBS), path, sensor="landsat-l2"
    )
    assert refusal(made(stretch=GIBS), path, sensor="sentinel2-before-0400") is None


def test_a_picture_of_256_levels_in_16_bits_is_read_as_the_picture_it_was(write_scene, noise):
    picture = noise(60, 60)
    path = write_scene(np.rint(picture / 255 * 10000 + 1000).astype("uint16"), nodata=0)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (1e-4,) * 3, (-0.1,) * 3
    np.testing.assert_array_equal(converted(made(stretch=GIBS), path), picture)


def test_values_that_the_file_scales_to_the_models_own_are_taken_as_they_are(write_scene, noise):
    picture = noise(60, 60)
    path = write_scene(picture.astype("uint16") * 100)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = (0.01,) * 3
    np.testing.assert_array_equal(converted(made(stretch=GIBS), path), picture)


def test_an_eight_bit_picture_of_a_sensor_whose_stretch_nobody_knows_is_refused(write_scene, noise):
    path = write_scene(noise(60, 60))
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("Oa08 665nm", "Oa06 560nm", "Oa04 490nm")
    assert "`rescale`" in refusal(made(stretch=GIBS), path)
    assert refusal(made(stretch=GIBS), path, rescale="auto") is None
    assert refusal(made(), path) is None, "a model that takes values as they are has learnt from such"


def test_bands_of_other_colours_are_refused(write_scene, noise):
    path = write_scene(noise(60, 60))
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("MODIS band 7", "MODIS band 2", "MODIS band 1")
    assert "MODIS band 7, MODIS band 2, MODIS band 1 where the model reads red" in refusal(made(stretch=GIBS), path)


def test_a_low_sun_that_no_tag_tells_is_warned_about(write_scene):
    path = write_scene(np.rint((reflectances() * 0.3 + 0.1) / 2e-5).astype("uint16"))
    assert "sun" in told(made(stretch=GIBS), path, sensor="landsat-l1")[0]
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(SUN_ELEVATION="17.4576")  # whose sine is 0.3
    assert told(made(stretch=GIBS), path, sensor="landsat-l1") == []
    seen = converted(made(stretch=GIBS), path, sensor="landsat-l1").astype(int)
    assert np.abs(seen - as_values(reflectances())).max() <= 1


def test_decibels_are_radar_in_three_bands_too(write_scene):
    decibels = np.random.default_rng(3).normal(-15, 4, (3, 40, 40)).astype(np.float32)
    told = refusal(made(stretch=GIBS), write_scene(decibels), rescale="auto")
    assert "3 bands of radar or other measurements" in told
    reflectances = np.random.default_rng(3).uniform(-0.02, 0.9, (3, 40, 40)).astype(np.float32)
    assert "radar" not in str(refusal(made(stretch=GIBS), write_scene(reflectances, name="r.tif"), rescale="auto"))


def test_a_file_without_the_bands_of_the_model_is_led_to_another_model(write_scene, noise):
    path = write_scene(noise(40, 40))
    with rasterio.open(path, "r+") as scene:
        scene.descriptions = ("MODIS band 7 (2.1 um)", "MODIS band 2 (0.86 um)", "MODIS band 1 (0.65 um)")
    assert "has no green and no blue: take a model that reads these" in refusal(made(stretch=GIBS), path)
    with Scene(str(path)) as scene:
        ready = fitted(made(stretch=GIBS), scene, bands=(1, 2, 3))
        assert any("its mask means nothing" in told for told in warnings(ready, scene))
