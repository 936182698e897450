import dataclasses

import numpy as np
import pytest
import rasterio

from seaice_cli.errors import DataError, OutputError, SceneError
from seaice_cli.evaluation.criteria import Pair
from seaice_cli.evaluation.inference import Engines, run_model
from seaice_cli.evaluation.pipeline import evaluate
from seaice_cli.prediction.options import PredictOptions
from tests.models import expected_classes


@pytest.fixture
def scenes(write_scene, noise):
    found = []
    for i, size in enumerate([(70, 90), (70, 90), (40, 50)]):
        pixels = noise(*size)
        label = expected_classes(pixels)[None]
        found.append(
            Pair(
                predicted=write_scene(pixels, f"scene{i}.tif"), image=write_scene(pixels, f"scene{i}.tif"),
                reference=write_scene(label, f"label{i}.tif"), name=f"scene{i}",
            )
        )  # fmt: skip
    return found


def made(folder):
    (folder / "kept").mkdir(exist_ok=True)
    return folder / "kept"


def test_a_model_is_scored_on_what_predict_writes(scenes, two_class_model, tmp_path):
    options = PredictOptions(model=str(two_class_model), precision="float32", tile=64, overlap=16)
    pairs = list(run_model(scenes, options, made(tmp_path)))
    for scene, pair in zip(scenes, pairs, strict=True):
        with rasterio.open(pair.predicted) as mask, rasterio.open(scene.image) as image:
            np.testing.assert_array_equal(mask.read(1), expected_classes(image.read()))
        assert pair.seconds > 0
        assert pair.reference == scene.reference
    found = evaluate(pairs, resamples=0)
    assert found.scores["miou"] == 1
    assert found.scores["brier"] < 0.25
    assert found.scores["mpx_per_second"] > 0


def test_an_engine_is_loaded_once_for_scenes_of_one_shape(scenes, two_class_model, tmp_path):
    engines = Engines()
    shapes = []
    original = engines.open

    def counting(job):
        before = engines.seconds
        engine = original(job)
        shapes.append(engines.seconds > before)
        return engine

    engines.open = counting
    list(run_model(scenes, PredictOptions(model=str(two_class_model)), made(tmp_path), engines=engines))
    assert shapes == [True, False, True]


@pytest.mark.parametrize("read", ["image", "reference"])
def test_masks_never_replace_what_is_read(scenes, two_class_model, tmp_path, read):
    name = getattr(scenes[0], read).stem
    with pytest.raises(OutputError, match="is one of the images or references"):
        list(
            run_model([dataclasses.replace(scenes[0], name=name)], PredictOptions(model=str(two_class_model)), tmp_path)
        )


def test_scenes_of_one_name_do_not_overwrite_each_other(scenes, two_class_model, tmp_path):
    twins = [dataclasses.replace(scene, name="twin") for scene in scenes[:2]] + scenes[2:]
    pairs = list(run_model(twins, PredictOptions(model=str(two_class_model)), made(tmp_path)))
    assert [p.predicted.name for p in pairs] == ["00000-twin.tif", "00001-twin.tif", "scene2.tif"]


def test_files_that_the_options_name_are_left_alone(scenes, two_class_model, tmp_path):
    mine = tmp_path / "mine.tif"
    options = PredictOptions(model=str(two_class_model), probability=mine, vector=tmp_path / "mine.gpkg")
    list(run_model(scenes[:1], options, made(tmp_path)))
    assert not mine.exists()
    assert not (tmp_path / "mine.gpkg").exists()


def test_a_scene_that_cannot_be_run_ends_the_run_with_its_name(scenes, two_class_model, tmp_path):
    options = PredictOptions(model=str(two_class_model))
    with pytest.raises(SceneError, match=r"none\.tif"):
        list(run_model([dataclasses.replace(scenes[0], image=tmp_path / "none.tif")], options, made(tmp_path)))
    with pytest.raises(DataError, match="scene0: has no image"):
        list(run_model([dataclasses.replace(scenes[0], image=None)], options, made(tmp_path)))
