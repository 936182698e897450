import numpy as np
import scipy.ndimage

from seaice_cli.vectorization.splitting import watershed


def floes(shape, *discs):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.any([np.hypot(y - row, x - column) < radius for row, column, radius in discs], axis=0).astype(np.uint8)


def split(pixels):
    states = np.select([pixels == 1, pixels == 255], [watershed.INSIDE, watershed.UNKNOWN], watershed.BESIDE)
    return watershed.number_floes(states)


def test_distances_are_exact_to_an_eighth_of_a_pixel():
    water = np.random.default_rng(0).random((90, 120)) < 0.03
    field = water.astype(np.uint16)
    watershed._measure_distance(field)
    assert np.abs(field / 8 - scipy.ndimage.distance_transform_edt(~water)).max() <= 1 / 16


def test_discs_that_touch_are_taken_apart():
    pixels = floes((120, 200), (50, 50, 40), (60, 125, 40), (100, 180, 15))
    labels = split(pixels)
    assert labels.max() == 3
    assert np.array_equal(labels > 0, pixels == 1)
    assert len({int(labels[50, 50]), int(labels[60, 125]), int(labels[100, 180])}) == 3
    assert abs((labels == labels[50, 50]).sum() - np.pi * 1600) < 60


def test_a_floe_with_a_bay_and_one_cut_by_the_edge_stay_whole():
    pixels = np.zeros((100, 100), np.uint8)
    pixels[10:70, 10:90] = 1
    pixels[10:30, 45:55] = 0
    assert split(pixels).max() == 1
    assert split(floes((60, 60), (0, 30, 25))).max() == 1


def test_turning_the_mask_turns_the_floes():
    pixels = floes((150, 150), (40, 40, 30), (75, 75, 25), (110, 100, 22), (30, 100, 28))
    labels, turned = split(pixels), split(np.rot90(pixels).copy())
    assert labels.max() == turned.max() == 4
    sizes = [np.sort(np.bincount(found[found > 0])[1:]) for found in (labels, turned)]
    assert np.abs(sizes[0] - sizes[1]).max() <= 20  # pixels as far from both sides


def test_nodata_is_no_shore():
    pixels = np.ones((40, 80), np.uint8)
    pixels[:15, 38:42] = pixels[25:, 38:42] = 255
    assert split(pixels).max() == 1
