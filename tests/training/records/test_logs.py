"""Pictures show every scene beside its label and the prediction, whatever their sizes."""

import numpy as np

from seaice_cli.training.records.logs import GAP, write_picture
from tests.rasters import pixels_of

COLORS = [(10, 20, 30), (200, 210, 220)]


def scene(height, width, bands=3):
    pixels = np.full((bands, height, width), 128, np.uint8)
    return pixels, np.zeros((height, width), np.uint8), np.ones((height, width), np.uint8)


def test_scenes_of_different_sizes_stand_in_one_picture(tmp_path):
    write_picture(tmp_path / "p.png", [scene(20, 30), scene(12, 50, bands=1)], COLORS, (0.0, 255.0))
    picture = pixels_of(tmp_path / "p.png")
    assert picture.shape == (3, 20 + 12 + 2 * GAP, 3 * (50 + GAP))
    second = 20 + GAP
    assert picture[:, second, 0].tolist() == [128] * 3
    assert picture[:, second, 50 + GAP].tolist() == [10, 20, 30]
    assert picture[:, second + 11, 2 * (50 + GAP) + 49].tolist() == [200, 210, 220]
    assert picture[:, 0, 3 * (30 + GAP) :].min() == 255


def test_what_is_ignored_is_black_and_values_beyond_the_range_are_cut(tmp_path):
    pixels, label, predicted = scene(8, 8)
    label[:] = 255
    pixels[:, :4] = 250
    write_picture(tmp_path / "p.png", [(pixels, label, predicted)], COLORS, (128.0, 200.0))
    picture = pixels_of(tmp_path / "p.png")
    assert picture[0, 0, 0] == 255
    assert picture[0, 7, 0] == 0
    assert picture[:, 0, 8 + GAP].tolist() == [0, 0, 0]
