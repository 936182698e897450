"""What a run works with follows from options and data."""

import numpy as np
import pytest
import shapely
from rasterio.windows import Window

from seaice_cli.errors import DataError, ModelError, OptionError
from seaice_cli.training.options import TrainOptions
from seaice_cli.training.preparation import prepare
from tests import rasters as made


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        made.raster(tmp_path / "image" / f"s{'abcd'[number]}.tif", made.noise(48, 64, seed=number, dtype="uint16"))
        made.raster(tmp_path / "gt" / f"s{'abcd'[number]}.tif", made.classes(48, 64, seed=number))
    return tmp_path


def prepared(folder, **changes):
    return prepare(TrainOptions(data=(str(folder),), val_share=0.25, crop=32, **changes))


def test_the_radiometry_is_that_of_the_data(folder):
    found = prepared(folder)
    spec = found.spec
    assert (spec.dtype, spec.bands) == ("uint16", ("red", "green", "blue"))
    values = [made.pixels_of(folder / "image" / f"{scene.name[-6:-4]}.tif") for scene in found.train.scenes]
    mean = sum(v.mean(axis=(1, 2)) for v in values) / len(values)
    assert spec.mean == pytest.approx(tuple(mean), abs=1e-3)
    assert spec.valid_range[0] >= 1
    assert spec.valid_range[1] <= 249
    assert len(found.train.scenes) == 3
    assert len(found.val.scenes) == 1


def test_chosen_bands_bring_their_own_statistics(folder):
    whole, some = prepared(folder).spec, prepared(folder, bands=(3, 1)).spec
    assert some.mean == (whole.mean[2], whole.mean[0])
    assert some.bands == ("band3", "band1")


def test_one_mean_stands_for_all_bands(folder):
    assert prepared(folder, mean=(5.0,), std=(2.0,), valid_range=(0, 300)).spec.mean == (5.0, 5.0, 5.0)


def test_weights_follow_the_share_of_the_classes(folder):
    assert prepared(folder, class_weights="inverse").class_weights == pytest.approx((1.0, 1.0), abs=0.1)
    assert prepared(folder, class_weights="1,4").class_weights == (1.0, 4.0)


def test_scenes_of_different_kinds_are_refused(folder):
    made.raster(folder / "image" / "sa.tif", made.noise(48, 64, dtype="uint8"))
    with pytest.raises(DataError, match="train on scenes of one kind"):
        prepared(folder)


def test_an_image_without_a_label_is_refused(folder):
    (folder / "train.csv").write_text("image,label\nimage/sa.tif,gt/sa.tif\nimage/sb.tif,\nimage/sc.tif,gt/sc.tif\n")
    with pytest.raises(DataError, match=r"sb\.tif: has no label"):
        prepare(TrainOptions(data=(str(folder / "train.csv"),), crop=32))


@pytest.mark.parametrize(("background", "outside"), [(0, 0), (255, 255)])
def test_a_scene_may_be_labelled_in_part_by_polygons(folder, background, outside):
    left, top = made.TRANSFORM @ (8, 8)
    right, bottom = made.TRANSFORM @ (40, 24)
    made.layer(folder / "some.gpkg", [(shapely.box(left, bottom, right, top), 1)], geometry="Polygon")
    (folder / "train.csv").write_text("image,label\nimage/sa.tif,some.gpkg\n")
    (folder / "val.csv").write_text("image,label\nimage/sb.tif,gt/sb.tif\n")
    lists = {"data": (str(folder / "train.csv"),), "val": (str(folder / "val.csv"),)}
    found = prepare(TrainOptions(**lists, attribute="class", background=background, crop=32))
    labels = found.train.read(0, Window(0, 0, 64, 48)).classes
    assert set(np.unique(labels)) == {1, outside}
    with pytest.raises(OptionError, match="background 7 is none of the 2"):
        prepare(TrainOptions(**lists, attribute="class", background=7, crop=32))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"colors": ("red", "#ffffff")}, "color 'red'"),
        ({"mean": (1.0, 1.0), "std": (1.0, 1.0)}, "3 bands"),
        ({"mean": (1.0,), "std": (1.0,)}, "valid_range: state it"),
        ({"class_weights": "many"}, "class_weights"),
        ({"generated": 0.5}, "generated"),
    ],
)
def test_options_that_do_not_fit_the_data_are_named(folder, changes, text):
    with pytest.raises(OptionError, match=text):
        prepared(folder, **changes)


def test_the_curve_of_the_images_is_the_models(folder):
    assert prepared(folder).spec.stretch == ""
    assert prepared(folder, stretch="corrected-reflectance").spec.stretch == "corrected-reflectance"
    with pytest.raises(ModelError, match="stretch 'gamma' is none of"):
        prepared(folder, stretch="gamma")
