"""Crops are the pixels of the scene, whatever its size, type and holes."""

import numpy as np
import pytest
import torch
from rasterio.windows import Window

from seaice_cli.data.labels.encoding import LabelEncoding
from seaice_cli.data.samples import Sample
from seaice_cli.errors import DataError
from seaice_cli.training.crops.dataset import Crop, Crops, FileScene, GeneratedScene, SceneStore
from tests import rasters as made

RULES = LabelEncoding(classes=2)


def scene(folder, pixels, classes, **how):
    image = made.raster(folder / f"{how.pop('name', 'scene')}.tif", pixels, **how)
    label = made.raster(folder / f"{image.stem}_label.tif", classes)
    return FileScene(Sample(image, label, image.stem), RULES, None)


def test_a_crop_is_the_pixels_of_its_window(tmp_path):
    pixels, classes = made.noise(90, 120), made.classes(90, 120)
    crops = Crops(SceneStore([scene(tmp_path, pixels, classes)]), 32)
    found, target, valid, which = crops[Crop(0, 17, 40, 32)]
    np.testing.assert_array_equal(found.numpy(), pixels[:, 17:49, 40:72])
    np.testing.assert_array_equal(target.numpy(), classes[17:49, 40:72])
    assert valid.all()
    assert which.tolist() == [0, 17, 40, 32]
    assert found.dtype == torch.float32
    assert target.dtype == torch.int64


def test_reading_by_windows_equals_reading_the_whole(tmp_path):
    source = scene(tmp_path, made.noise(90, 120), made.classes(90, 120))
    kept, fresh = SceneStore([source]), SceneStore([source], cache_bytes=0)
    window = Window(col_off=5, row_off=60, width=100, height=30)
    for _ in range(2):
        for one, other in zip(*((getattr(s.read(0, window), f) for f in ("pixels", "classes", "valid")) for s in (kept, fresh)),
                              strict=True):  # fmt: skip
            np.testing.assert_array_equal(one, other)


def test_a_scene_smaller_than_the_crop_is_reflected(tmp_path):
    pixels, classes = made.noise(20, 24), made.classes(20, 24)
    found, target, _, _ = Crops(SceneStore([scene(tmp_path, pixels, classes)]), 32)[Crop(0, 0, 0, 32)]
    np.testing.assert_array_equal(found.numpy(), np.pad(pixels, ((0, 0), (0, 12), (0, 8)), mode="symmetric"))
    np.testing.assert_array_equal(target.numpy(), np.pad(classes, ((0, 12), (0, 8)), mode="symmetric"))


@pytest.mark.parametrize("size", [16, 64])
def test_a_scaled_crop_keeps_labels_on_their_pixels(tmp_path, size):
    classes = np.zeros((96, 96), np.uint8)
    classes[32:64, 16:80] = 1
    pixels = np.repeat(classes[None] * 200, 3, axis=0).astype(np.uint8)
    found, target, valid, _ = Crops(SceneStore([scene(tmp_path, pixels, classes)]), 32)[Crop(0, 20, 10, size)]
    assert found.shape == (3, 32, 32)
    assert set(target.unique().tolist()) == {0, 1}
    assert ((found[0] > 100) == (target == 1)).float().mean() > 0.95
    assert valid.all()


def test_nodata_is_ignored(tmp_path):
    pixels = made.noise(40, 40)
    pixels[:, :10] = 0
    source = scene(tmp_path, pixels, made.classes(40, 40), nodata=0)
    _, target, valid, _ = Crops(SceneStore([source]), 32)[Crop(0, 0, 0, 32)]
    assert not valid[:10].any()
    assert (target[:10] == 255).all()
    assert valid[10:].all()


def test_values_that_are_not_finite_reach_no_network(tmp_path):
    pixels = made.noise(40, 40, dtype="float32")
    pixels[:, 3, 4] = np.nan
    pixels[1, 5, 6] = np.inf
    found, target, valid, _ = Crops(SceneStore([scene(tmp_path, pixels, made.classes(40, 40))]), 32)[Crop(0, 0, 0, 32)]
    assert found.isfinite().all()
    assert not valid[3, 4]
    assert target[3, 4] == 255
    assert valid[5, 6]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [1, 5])
def test_any_bands_of_any_type(tmp_path, dtype, bands):
    source = scene(tmp_path, made.noise(40, 40, bands=bands, dtype=dtype), made.classes(40, 40))
    assert (len(source.bands), str(source.dtype)) == (bands, dtype)
    assert Crops(SceneStore([source]), 32)[Crop(0, 0, 0, 32)][0].shape == (bands, 32, 32)


def test_a_label_of_another_size_is_refused(tmp_path):
    source = scene(tmp_path, made.noise(40, 40), made.classes(41, 40))
    with pytest.raises(DataError, match="scene_label"):
        source.read(Window(col_off=0, row_off=0, width=40, height=40))


def test_a_label_value_beyond_the_classes_is_refused(tmp_path):
    source = scene(tmp_path, made.noise(40, 40), made.classes(40, 40, count=4))
    with pytest.raises(DataError, match=r"scene_label.*no class"):
        source.read(Window(col_off=0, row_off=0, width=40, height=40))


def test_the_store_keeps_no_more_than_it_may(tmp_path):
    scenes = [scene(tmp_path, made.noise(64, 64), made.classes(64, 64), name=f"s{i}") for i in range(5)]
    store = SceneStore(scenes, cache_bytes=3 * 64 * 64 * 5)
    window = Window(col_off=0, row_off=0, width=8, height=8)
    for number in range(5):
        store.read(number, window)
    assert sum(kept.nbytes for kept in store._kept.values()) <= 3 * 64 * 64 * 5
    assert list(store._kept) == [2, 3, 4]


def test_generated_scenes_are_the_same_for_a_seed_and_hold_their_truth():
    window = Window(col_off=0, row_off=0, width=64, height=64)
    first, again, other = (GeneratedScene(seed).read(window) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)
    assert set(np.unique(first.classes)) <= {0, 1, 2, 255}
