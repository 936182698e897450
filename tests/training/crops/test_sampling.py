"""Which crops are drawn: inside the scenes, from all classes, the same again after a restart."""

import dataclasses

import numpy as np
import pytest

from seaice_cli.training.crops.dataset import Labelled, SceneStore
from seaice_cli.training.crops.sampling import CropSampler, Plan, find_places, scene_weights


class Made:
    """A scene in memory whose class 1 lies in one corner."""

    def __init__(self, height, width, corner=0):
        self.name, self.height, self.width = f"{height}x{width}", height, width
        self._classes = np.zeros((height, width), np.uint8)
        if corner:
            self._classes[-corner:, -corner:] = 1

    def read(self, window):
        rows, columns = window.toslices()
        classes = self._classes[rows, columns]
        return Labelled(np.repeat(classes[None], 3, 0), classes, np.ones(classes.shape, bool))


SCENES = [Made(300, 500), Made(128, 128, corner=40), Made(20, 40)]


def plan_of(store, **changes):
    weights = scene_weights(store.scenes, [1.0] * len(store.scenes))
    return dataclasses.replace(Plan(batch=4, crop=64, scale=(0.5, 2.0), seed=7, weights=weights), **changes)


@pytest.fixture
def store():
    return SceneStore(SCENES)


def flat(batches):
    return [crop for batch in batches for crop in batch]


def drawn(store, plan, start=0, stop=50, process=0):
    return list(CropSampler(store, plan, start=start, stop=stop, process=process))


def test_crops_lie_in_their_scene(store):
    for crop in flat(drawn(store, plan_of(store))):
        scene = store.scenes[crop.scene]
        assert 0 <= crop.row <= max(0, scene.height - crop.size)
        assert 0 <= crop.column <= max(0, scene.width - crop.size)
        assert 32 <= crop.size <= 128


def test_a_restart_draws_what_would_have_been_drawn(store):
    plan = plan_of(store)
    assert drawn(store, plan, start=20) == drawn(store, plan)[20:]


def test_processes_and_seeds_draw_different_crops(store):
    plan = plan_of(store)
    assert drawn(store, plan) != drawn(store, plan, process=1)
    assert drawn(store, plan) != drawn(store, dataclasses.replace(plan, seed=8))


def test_all_scenes_are_drawn_by_the_root_of_their_area(store):
    counts = np.bincount([c.scene for c in flat(drawn(store, plan_of(store), stop=2000))], minlength=3)
    expected = np.sqrt([150_000, 16_384, 800])
    np.testing.assert_allclose(counts / counts.sum(), expected / expected.sum(), atol=0.02)


def test_balanced_crops_show_the_rare_class(store):
    plan = plan_of(store)
    places = find_places(store, 2, plan.weights)
    assert {int(s) for s in places[1].at[:, 0]} == {1}
    balanced = dataclasses.replace(plan, places=places, shares=(1.0, 1.0), scale=(1.0, 1.0))
    share = {}
    for name, chosen in (("uniform", plan_of(store, scale=(1.0, 1.0))), ("balanced", balanced)):
        crops = flat(drawn(store, chosen, stop=200))
        share[name] = np.mean([c.scene == 1 and c.row + c.size > 88 and c.column + c.size > 88 for c in crops])
    assert share["balanced"] > 0.4
    assert share["uniform"] < 0.2


def test_a_class_that_occurs_nowhere_is_not_drawn_for(store):
    plan = plan_of(store)
    places = find_places(store, 3, plan.weights)
    assert not len(places[2].at)
    assert drawn(store, dataclasses.replace(plan, places=places, shares=(1.0, 1.0, 1.0)))


def test_generated_scenes_are_drawn_as_often_as_asked():
    store = SceneStore(SCENES)
    plan = plan_of(store, weights=scene_weights(SCENES[:2], [1.0, 1.0]), generated=0.3)
    counts = np.bincount([c.scene for c in flat(drawn(store, plan, stop=1000))], minlength=3)
    assert counts[2] / counts.sum() == pytest.approx(0.3, abs=0.03)
