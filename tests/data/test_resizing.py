"""Scenes of one size: means of what their pixels cover, labels of the nearest pixel, on the same ground."""

import numpy as np
import pytest
import rasterio

from seaice_cli.data.labels.encoding import BINARY, LabelEncoding
from seaice_cli.data.labels.reading import read_label
from seaice_cli.data.resizing import LIST_FILE, resize_scenes
from seaice_cli.data.samples import Sample, read_samples
from seaice_cli.errors import DataError, OptionError, OutputError
from tests.rasters import classes, noise, pixels_of, raster


@pytest.fixture
def sample(tmp_path):
    image = raster(tmp_path / "scenes/s.tif", noise(64, 128))
    return Sample(image, raster(tmp_path / "gt/s.png", classes(64, 128) * 255), "day")


RULES = LabelEncoding(values=BINARY)


def test_a_scene_that_shrinks_is_the_mean_of_its_pixels_on_the_same_ground(sample, tmp_path):
    [small] = resize_scenes([sample], tmp_path / "out", 32, encoding=RULES)
    pixels = pixels_of(sample.image).astype(float).reshape(3, 32, 2, 32, 4).mean((2, 4))
    np.testing.assert_allclose(pixels_of(small.image), pixels, atol=1)
    with rasterio.open(sample.image) as before, rasterio.open(small.image) as after:
        assert after.crs == before.crs
        np.testing.assert_allclose(after.bounds, before.bounds)
    np.testing.assert_array_equal(read_label(small), read_label(sample, encoding=RULES)[1::2, 2::4])
    assert read_samples(tmp_path / "out" / LIST_FILE) == [small]
    assert small.group == "day"


def test_a_scene_that_grows_keeps_its_labels(sample, tmp_path):
    [large] = resize_scenes([sample], tmp_path / "out", 256, encoding=RULES)
    assert pixels_of(large.image).shape == (3, 256, 256)
    np.testing.assert_array_equal(
        read_label(large), read_label(sample, encoding=RULES).repeat(4, axis=0).repeat(2, axis=1)
    )


def test_scenes_without_labels_are_resized_for_prediction(sample, tmp_path):
    [bare] = resize_scenes([Sample(sample.image, None, "g")], tmp_path / "out", 16)
    assert bare.label is None
    assert pixels_of(bare.image).shape == (3, 16, 16)


def test_what_cannot_be_is_refused_and_leaves_nothing(sample, tmp_path):
    with pytest.raises(OptionError, match="0 pixels"):
        resize_scenes([sample], tmp_path / "out", 0)
    with pytest.raises(DataError, match="is no class"):
        resize_scenes([sample], tmp_path / "out", 32, encoding=LabelEncoding(classes=0))
    with pytest.raises(DataError, match="has the name of"):
        resize_scenes([sample, Sample(sample.label, None, "")], tmp_path / "out", 32)
    assert not (tmp_path / "out").exists()
    resize_scenes([sample], tmp_path / "out", 32, encoding=RULES)
    with pytest.raises(OutputError, match="holds files already"):
        resize_scenes([sample], tmp_path / "out", 32, encoding=RULES)
