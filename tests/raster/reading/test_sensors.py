"""Which sensor a file speaks for, and which bands it is read by."""

import numpy as np
import pytest

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.raster.reading.sensors import Facts, choose_bands, curves, find_sensor, name_bands, recognise, sensors

RED_GREEN_BLUE = ("red", "green", "blue")


def facts(**changes):
    return Facts(**({"path": "scene.tif", "dtype": "uint16", "scales": (1.0,), "offsets": (0.0,)} | changes))


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"tags": {"SPACECRAFT_NAME": "Sentinel-2A", "PROCESSING_BASELINE": "05.09"}}, "sentinel2"),
        ({"tags": {"SPACECRAFT_NAME": "Sentinel-2B", "PROCESSING_BASELINE": "02.14"}}, "sentinel2-before-0400"),
        ({"path": "in/S2A_MSIL2A_20220214T101101_N0400_R022_T33XVG.tif"}, "sentinel2"),
        ({"path": "in/S2B_MSIL1C_20190214T101101_N0207_R022_T33XVG.tif"}, "sentinel2-before-0400"),
        ({"descriptions": ("SR_B4", "SR_B3", "SR_B2")}, "landsat-l2"),
        ({"path": "LC09_L2SP_001002_20220401_20220403_02_T1.tif"}, "landsat-l2"),
        ({"tags": {"PROCESSING_LEVEL": "L1TP"}}, "landsat-l1"),
        ({"descriptions": ("Oa08_reflectance", "Oa06_reflectance", "Oa04_reflectance")}, "olci"),
        ({"path": "20240501_101112_AnalyticMS_SR.tif"}, "planetscope"),
        ({"path": "VIIRS_NOAA20_CorrectedReflectance_TrueColor.tif", "dtype": "uint8"}, "viirs"),
        ({"descriptions": ("MODIS band 1 (0.65 um)",), "dtype": "uint8"}, "modis"),
        ({"dtype": "uint8"}, "rgb"),
        ({}, None),
    ],
)
def test_a_file_speaks_for_its_sensor_by_tags_bands_or_name(told, name):
    found = recognise(facts(**told))
    assert (found.name if found else None) == name


def test_what_contradicts_itself_is_refused_in_one_line():
    told = facts(
        tags={"SPACECRAFT_NAME": "Sentinel-2A", "PROCESSING_BASELINE": "05.09"}, descriptions=("SR_B4", "SR_B3")
    )
    with pytest.raises(SceneError, match=r"tags say sentinel2; its bands say landsat-l2; .*`sensor`") as caught:
        recognise(told)
    assert "\n" not in str(caught.value)


def test_tags_that_speak_for_two_sensors_are_no_majority():
    tags = {"SPACECRAFT_NAME": "Sentinel-2A", "PROCESSING_BASELINE": "05.09", "PROCESSING_LEVEL": "L2SP"}
    with pytest.raises(SceneError, match=r"its tags say sentinel2 and landsat-l2; .*`sensor`"):
        recognise(facts(tags=tags, descriptions=("B04", "B03", "B02")))


def test_what_leaves_two_open_is_refused_unless_the_file_declares_its_scale():
    with pytest.raises(SceneError, match=r"sentinel2 or sentinel2-before-0400.*`sensor`"):
        recognise(facts(descriptions=("B04", "B03", "B02")))
    assert recognise(facts(descriptions=("B04", "B03", "B02"), scales=(1e-4,), offsets=(-0.1,))).name == "sentinel2"


def test_an_unknown_sensor_is_told_the_names_of_all():
    with pytest.raises(OptionError, match=r"`sensor` sputnik: is none of modis, viirs.*sentinel2"):
        find_sensor("sputnik")


@pytest.mark.parametrize(
    ("descriptions", "colors", "bands"),
    [
        (("B02", "B03", "B04", "B08"), ("gray",) * 4, (3, 2, 1)),
        (("blue", "green", "red", "nir"), ("gray",) * 4, (3, 2, 1)),
        (("", "", "", ""), ("blue", "green", "red", "alpha"), (3, 2, 1)),
        (("Oa08 665nm", "Oa06 560nm", "Oa04 490nm", "Oa17 865nm"), ("red", "green", "blue", "undefined"), (1, 2, 3)),
        (("", "", ""), ("gray",) * 3, None),
        # A description that is understood counts more than the colours that GDAL gives to any three bands.
        (("MODIS band 7", "MODIS band 2", "MODIS band 1"), RED_GREEN_BLUE, None),
    ],
)
def test_bands_are_found_by_their_names(descriptions, colors, bands):
    told = facts(descriptions=descriptions, colors=colors, scales=(1e-4,))
    assert choose_bands(told, recognise(told), RED_GREEN_BLUE, None) == bands


def test_a_user_names_bands_by_number_description_or_colour():
    told = facts(descriptions=("B02", "B03", "B04", "haze"), colors=("gray",) * 4, scales=(1e-4,))
    assert choose_bands(told, recognise(told), RED_GREEN_BLUE, ("red", 2, "Haze")) == (3, 2, 4)
    with pytest.raises(SceneError, match=r"no band called 'swir' \(its bands: B02, B03, B04, haze\)"):
        choose_bands(told, recognise(told), RED_GREEN_BLUE, ("swir",))


def test_no_description_of_one_sensor_is_understood_as_two_colours():
    for sensor in sensors().values():
        for color, patterns in sensor.bands.items():
            for pattern in patterns:
                text = (
                    pattern.replace("\\b", "").replace("?", "").replace("(|_)", "").replace("(TOA|Landsat).*", "TOA ")
                )
                if not set(text) & set("([|"):
                    assert name_bands(facts(descriptions=(text,)), sensor) == (color,), (sensor.name, text)


def test_curves_rise_and_span_the_values_of_eight_bits():
    for reflectance, value in curves().values():
        assert len(reflectance) == len(value)
        assert (np.diff(reflectance) > 0).all()
        assert (np.diff(value) > 0).all()
        assert (value[0], value[-1]) == (0, 255)


def test_the_curve_is_that_of_the_rapid_response_pictures():
    """The points of Gumley, Descloitres and Schmaltz (2007): bytes of -0.01 to 1.10 in, bytes out."""
    reflectance, value = curves()["corrected-reflectance"]
    points = np.array([[0, 0], [30, 110], [60, 160], [120, 210], [190, 240], [255, 255]])
    seen = np.interp(points[:, 0] / 255 * 1.11 - 0.01, reflectance, value)
    np.testing.assert_allclose(seen, points[:, 1], atol=0.6)
