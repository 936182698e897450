import numpy as np
import pytest
import rasterio
import scipy.ndimage

from seaice_cli.errors import OptionError
from seaice_cli.vectorization.masks import Mask
from seaice_cli.vectorization.tracing import watershed
from tests.vectorization.masks import ICE_TAGS, write_mask


def floes(shape, *discs):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.any([np.hypot(y - row, x - column) < radius for row, column, radius in discs], axis=0).astype(np.uint8)


def split(tmp_path, pixels):
    with Mask(write_mask(tmp_path / "mask.tif", pixels, nodata=255, tags=ICE_TAGS)) as mask:
        return watershed.split_floes(mask, 1)


def test_distances_are_exact_to_an_eighth_of_a_pixel():
    water = np.random.default_rng(0).random((90, 120)) < 0.03
    field = water.astype(np.uint16)
    watershed._measure_distance(field)
    assert np.abs(field / 8 - scipy.ndimage.distance_transform_edt(~water)).max() <= 1 / 16


def test_discs_that_touch_are_taken_apart(tmp_path):
    pixels = floes((120, 200), (50, 50, 40), (60, 125, 40), (100, 180, 15))
    labels = split(tmp_path, pixels)
    assert labels.max() == 3
    assert np.array_equal(labels > 0, pixels == 1)
    assert len({int(labels[50, 50]), int(labels[60, 125]), int(labels[100, 180])}) == 3
    assert abs((labels == labels[50, 50]).sum() - np.pi * 1600) < 60


def test_a_floe_with_a_bay_and_one_cut_by_the_edge_stay_whole(tmp_path):
    pixels = np.zeros((100, 100), np.uint8)
    pixels[10:70, 10:90] = 1
    pixels[10:30, 45:55] = 0
    assert split(tmp_path, pixels).max() == 1
    assert split(tmp_path, floes((60, 60), (0, 30, 25))).max() == 1


def test_turning_the_mask_turns_the_floes(tmp_path):
    pixels = floes((150, 150), (40, 40, 30), (75, 75, 25), (110, 100, 22), (30, 100, 28))
    labels, turned = split(tmp_path, pixels), split(tmp_path, np.rot90(pixels).copy())
    assert labels.max() == turned.max() == 4
    sizes = [np.sort(np.bincount(found[found > 0])[1:]) for found in (labels, turned)]
    assert np.abs(sizes[0] - sizes[1]).max() <= 20  # pixels as far from both sides


def test_a_mask_too_large_for_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(watershed, "MAX_PIXELS", 100)
    with pytest.raises(OptionError, match="too many for `split_floes`"):
        split(tmp_path, np.ones((11, 11), np.uint8))


def test_nodata_is_no_shore(tmp_path):
    pixels = np.ones((40, 80), np.uint8)
    pixels[:15, 38:42] = pixels[25:, 38:42] = 255
    assert split(tmp_path, pixels).max() == 1
    with rasterio.open(tmp_path / "mask.tif") as source:
        assert source.nodata == 255
