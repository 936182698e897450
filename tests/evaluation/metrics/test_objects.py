import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

from seaice_cli.evaluation.metrics.objects import ObjectAccumulator, ObjectCollector

rngs = st.integers(0, 2**31).map(np.random.default_rng)


def match(truth, predicted, *, strips=1, **options):
    collector = ObjectCollector(**options)
    step = -(-len(truth) // strips)
    for top in range(0, len(truth), step):
        collector.add(truth[top : top + step], predicted[top : top + step])
    return collector.finish()


def brute(truth, predicted, smallest=1):
    """Match labelled objects by trying all pairs."""
    true = [truth == i for i in range(1, truth.max() + 1) if (truth == i).sum() >= smallest]
    claimed = [predicted == i for i in range(1, predicted.max() + 1) if (predicted == i).sum() >= smallest]
    ious = [(a & b).sum() / (a | b).sum() for a in true for b in claimed]
    hits = [v for v in ious if v > 0.5]
    return len(true), len(claimed), len(hits), sum(hits)


def test_three_floes_by_hand():
    truth, predicted = np.zeros((12, 30), bool), np.zeros((12, 30), bool)
    truth[1:5, 1:5] = True  # 16 pixels, found as 20: IoU 0.8
    predicted[1:5, 1:6] = True
    truth[1:5, 10:14] = True  # half of it found: IoU 0.5 is not above one half
    predicted[1:5, 10:12] = True
    truth[7:11, 1:5] = True  # missed
    predicted[7:9, 20:24] = True  # invented
    sums = match(truth, predicted)
    assert (sums.true, sums.predicted, sums.matched) == (3, 3, 1)
    assert sums.scores() == pytest.approx(
        {"object_precision": 1 / 3, "object_recall": 1 / 3, "object_f1": 1 / 3, "object_iou": 0.8}
    )


@settings(max_examples=60)
@given(rngs, st.integers(1, 24), st.integers(1, 6))
def test_objects_are_those_of_scikit_image_however_rows_come(rng, strips, smallest):
    truth = rng.random((24, 17)) < 0.55
    predicted = truth ^ (rng.random((24, 17)) < 0.1)
    sums = match(truth, predicted, strips=strips, smallest=smallest)
    expected = brute(label(truth, connectivity=1), label(predicted, connectivity=1), smallest)
    assert (sums.true, sums.predicted, sums.matched, sums.iou) == pytest.approx(expected)


def test_features_that_touch_stay_apart():
    ids = np.zeros((6, 8), np.int64)
    ids[1:5, 1:4], ids[1:5, 4:7] = 7, 3
    predicted = np.zeros((6, 8), bool)
    predicted[1:5, 1:4] = True
    for strips in (1, 3):
        sums = match(ids, predicted, strips=strips, features=True)
        assert (sums.true, sums.predicted, sums.matched, sums.iou) == (2, 1, 1, 1)


def test_nothing_at_all_is_not_defined_and_nothing_found_is_zero():
    empty = np.zeros((5, 5), bool)
    assert match(empty, empty) == ObjectAccumulator()
    assert all(math.isnan(v) for v in ObjectAccumulator().scores().values())
    missed = match(~empty, empty).scores()
    assert missed["object_recall"] == 0
    assert missed["object_f1"] == 0
    assert math.isnan(missed["object_precision"])
