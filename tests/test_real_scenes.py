"""The whole line on real scenes with the shipped model; skipped where the imagery is missing."""

import numpy as np
import pytest
import rasterio

from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import predict
from seaice_cli.raster.reading.sensors import curves


def test_every_modis_scene_is_mapped_and_clear_ice_is_found(tmp_path, real_data):
    right = total = 0
    for scene in sorted((real_data / "modis" / "images").glob("*.tif")):
        target = tmp_path / scene.name
        predict(str(scene), target, options=PredictOptions())
        with (
            rasterio.open(target) as mask,
            rasterio.open(scene) as source,
            rasterio.open(real_data / "modis" / "labels" / scene.name) as label,
        ):
            classes, truth = mask.read(1), label.read(1)
            assert mask.crs == source.crs
            assert mask.transform == source.transform
            assert set(np.unique(classes)) <= {0, 1, 2, 255}
        known = (truth != 255) & (classes != 255)
        right += np.count_nonzero(classes[known] == truth[known])
        total += np.count_nonzero(known)
    assert right / total > 0.85, "weak labels, most of them seen in training: far below this something is broken"


def test_unlabelled_scenes_are_mapped(tmp_path, real_data):
    for scene in sorted((real_data / "modis" / "unlabelled").glob("*.tif")):
        summary = predict(str(scene), tmp_path / scene.name, options=PredictOptions())
        assert sum(summary.shares.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("scale", "offset", "names"),
    [(1e-4, -0.1, ("B02", "B03", "B04", "B08")), (2.75e-5, -0.2, ("SR_B2", "SR_B3", "SR_B4", "SR_B5"))],
    ids=["like Sentinel-2", "like Landsat"],
)
def test_reflectances_in_16_bits_give_the_mask_of_the_picture(tmp_path, real_data, scale, offset, names):
    """A MODIS scene, taken back to reflectances by the inverse of its curve and written as another sensor's file."""
    source = real_data / "modis" / "images" / "ne_greenland-20220914.aqua.tif"
    like = tmp_path / "like.tif"
    with rasterio.open(source) as picture:
        red, green, blue = picture.read()
        profile = picture.profile | {"count": 4, "dtype": "uint16", "nodata": 0, "photometric": "minisblack"}
    reflectance, value = curves()["corrected-reflectance"]
    bands = np.interp(np.stack((blue, green, red, red)), value, reflectance)
    with rasterio.open(like, "w", **profile) as target:
        target.write(np.rint((bands - offset) / scale).astype("uint16"))
        target.scales, target.offsets, target.descriptions = (scale,) * 4, (offset,) * 4, names
    masks = [tmp_path / name for name in ("picture_mask.tif", "like_mask.tif")]
    for scene, mask in zip((source, like), masks, strict=True):
        predict(str(scene), mask, options=PredictOptions())
    ours, theirs = (rasterio.open(mask).read(1) for mask in masks)
    assert np.count_nonzero(ours != theirs) < 0.01 * ours.size


def test_a_whole_olci_swath_keeps_its_nodata(tmp_path, real_data):
    scene, target = real_data / "large" / "olci_kara_2018066.tif", tmp_path / "mask.tif"
    summary = predict(str(scene), target, options=PredictOptions(bands=(1, 2, 3), rescale=(0, 110)))
    with rasterio.open(scene) as source, rasterio.open(target) as mask:
        data = (source.read((1, 2, 3)) != 0).any(axis=0)
        np.testing.assert_array_equal(mask.read(1) != 255, data)
    assert summary.windows_run < summary.windows
    assert 0.51 < summary.valid_share < 0.53


def test_a_grey_scene_across_the_antimeridian_is_mapped_from_one_band(tmp_path, real_data):
    scene, target = real_data / "large" / "modis_chukchi_2020162_grey.tif", tmp_path / "mask.tif"
    predict(str(scene), target, options=PredictOptions(bands=(1, 1, 1)))
    with rasterio.open(scene) as source, rasterio.open(target) as mask:
        assert mask.shape == source.shape
        assert mask.transform == source.transform
