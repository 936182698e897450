"""Windows in which the network failed are drawn more often, wherever in a scene they lie."""

import dataclasses

import numpy as np
import pytest
import torch

from seaice_cli.training.crops.dataset import SceneStore
from seaice_cli.training.crops.difficulty import SIDE, Difficulty, crop_losses
from seaice_cli.training.crops.sampling import CropSampler
from tests.training.crops.test_sampling import Made, flat, plan_of

SCENES = [Made(4 * SIDE, 5 * SIDE), Made(100, 100)]
WEIGHTS = np.array([0.8, 0.2])


def crops(*rows):
    return np.array(rows, dtype=np.int64)


def test_without_losses_scenes_are_drawn_by_their_weights():
    places = Difficulty(SCENES).places(WEIGHTS)
    assert len(places.at) == 4 * 5 + 1
    assert places.weights[places.at[:, 0] == 0].sum() == pytest.approx(0.8)
    assert len(np.unique(places.weights[places.at[:, 0] == 0])) == 1


def test_a_crop_counts_for_every_square_it_covers():
    known = Difficulty(SCENES)
    known.learn(crops((0, SIDE - 1, 0, SIDE), (0, 0, 0, SIDE)), np.array([3.0, 1.0]))
    assert known.maps[0][:3, 0].tolist() == [2.0, 3.0, pytest.approx(np.nan, nan_ok=True)]
    assert np.isnan(known.maps[0][:, 1:]).all()


def test_what_was_not_seen_again_is_remembered_and_what_was_is_replaced():
    known = Difficulty(SCENES)
    known.learn(crops((0, 0, 0, SIDE), (1, 0, 0, 100)), np.array([5.0, 2.0]))
    known.learn(crops((0, 0, 0, SIDE)), np.array([1.0]))
    assert known.maps[0][0, 0] == 1
    assert known.maps[1].tolist() == [[2.0]]


def test_crops_without_a_loss_and_of_generated_scenes_teach_nothing():
    known = Difficulty(SCENES)
    known.learn(crops((0, 0, 0, SIDE), (2, 0, 0, SIDE)), np.array([np.nan, 3.0]))
    assert all(np.isnan(m).all() for m in known.maps)


def test_a_hard_corner_of_a_large_scene_is_drawn_more_often_than_its_size_says():
    scenes = [Made(8 * SIDE, 8 * SIDE)]
    known = Difficulty(scenes)
    known.learn(
        crops(*((0, r * SIDE, c * SIDE, SIDE) for r in range(8) for c in range(8))),
        np.array([100.0] + 63 * [1.0]),
    )
    store = SceneStore(scenes)
    plan = plan_of(store, crop=SIDE, scale=(1.0, 1.0), weights=np.ones(1))
    plan = dataclasses.replace(plan, places=[known.places(plan.weights)], shares=(1.0,))
    drawn = flat(CropSampler(store, plan, start=0, stop=1000))
    share = np.mean([c.row + c.size // 2 < SIDE and c.column + c.size // 2 < SIDE for c in drawn])
    # The mean loss is 2.547: the corner weighs 4, which is the most, the others 1 / 2.547 each.
    assert share == pytest.approx(4 / (4 + 63 * 0.3926), abs=0.04)
    assert share > 4 / 64


def test_the_state_goes_through_a_checkpoint_and_not_to_other_scenes(tmp_path):
    known = Difficulty(SCENES)
    known.learn(crops((1, 0, 0, 100)), np.array([2.0]))
    torch.save(known.state_dict(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    again, other = Difficulty(SCENES), Difficulty(SCENES[1:])
    again.load_state_dict(state)
    other.load_state_dict(state)
    np.testing.assert_array_equal(again.maps[1], known.maps[1])
    assert np.isnan(other.maps[0]).all()


def test_the_loss_of_a_crop_is_the_mean_over_its_labelled_pixels():
    logits = torch.zeros(3, 2, 4, 4)
    target = torch.zeros(3, 4, 4, dtype=torch.long)
    logits[1, 1] = 2.0
    target[1, :2], target[2] = 255, 255
    losses = crop_losses(logits, target)
    assert losses[0].item() == pytest.approx(np.log(2))
    assert losses[1].item() == pytest.approx(np.log(1 + np.e**2))
    assert losses[2].isnan()
