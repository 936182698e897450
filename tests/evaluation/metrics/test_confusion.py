"""Scores against numbers by hand and against scikit-learn, and the counting under any cutting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from seaice_cli.evaluation.metrics import confusion as cm
from seaice_cli.evaluation.metrics.confusion import Confusion

BY_HAND = Confusion(np.array([[900.0, 20.0], [10.0, 70.0]]))


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (cm.mean_iou, 0.833871),
        (cm.fw_iou, 0.946323),
        (cm.overall_accuracy, 0.97),
        (cm.kappa, 0.807198),
        (lambda c: cm.iou(c)[0], 0.967742),
        (lambda c: cm.iou(c)[1], 0.7),
        (lambda c: cm.f1(c)[1], 0.823529),
        (lambda c: cm.precision(c)[1], 70 / 90),
        (lambda c: cm.recall(c)[1], 70 / 80),
        (cm.mean_accuracy, (900 / 920 + 70 / 80) / 2),
        (cm.mcc, (70 * 900 - 20 * 10) / np.sqrt(90 * 80 * 920 * 910)),
    ],
)
def test_scores_are_the_numbers_computed_by_hand(score, expected):
    assert score(BY_HAND) == pytest.approx(expected, abs=5e-7)


labels = st.integers(0, 2**31).map(np.random.default_rng)


@settings(max_examples=60)
@given(labels, st.integers(2, 6), st.integers(1, 300))
def test_scores_agree_with_scikit_learn(rng, classes, n):
    truth, predicted = rng.integers(0, classes, n), rng.integers(0, classes, n)
    c = Confusion.empty(classes).add(truth, predicted)
    ids = np.arange(classes)
    np.testing.assert_array_equal(c.counts, metrics.confusion_matrix(truth, predicted, labels=ids))
    options = {"labels": ids, "zero_division": np.nan}
    np.testing.assert_allclose(cm.precision(c), metrics.precision_score(truth, predicted, average=None, **options))
    np.testing.assert_allclose(cm.recall(c), metrics.recall_score(truth, predicted, average=None, **options))
    np.testing.assert_allclose(cm.f1(c), metrics.f1_score(truth, predicted, average=None, **options))
    present = np.union1d(truth, predicted)
    assert cm.mean_iou(c) == pytest.approx(metrics.jaccard_score(truth, predicted, average="macro", labels=present))
    assert cm.weighted_f1(c) == pytest.approx(metrics.f1_score(truth, predicted, average="weighted", labels=present))
    assert cm.overall_accuracy(c) == pytest.approx(metrics.accuracy_score(truth, predicted))
    if len(present) > 1:
        assert cm.kappa(c) == pytest.approx(metrics.cohen_kappa_score(truth, predicted))
    if len(np.unique(truth)) > 1 and len(np.unique(predicted)) > 1:
        assert cm.mcc(c) == pytest.approx(metrics.matthews_corrcoef(truth, predicted))


@settings(max_examples=40)
@given(labels, st.integers(0, 40))
def test_counts_do_not_depend_on_the_cutting(rng, cut):
    values = np.array([0, 1, 2, 254, 255], np.uint8)
    truth, predicted = rng.choice(values, (40, 11)), rng.choice(values, (40, 11))
    area = rng.random((40, 11))
    for weights in (None, area):
        whole = Confusion.empty(3).add(truth, predicted, weights=weights)
        above, below = np.s_[:cut], np.s_[cut:]
        first = Confusion.empty(3).add(
            truth[above], predicted[above], weights=None if weights is None else weights[above]
        )
        second = Confusion.empty(3).add(
            truth[below], predicted[below], weights=None if weights is None else weights[below]
        )
        both = first + second
        np.testing.assert_allclose(both.counts, whole.counts)
        assert both.missing == pytest.approx(whole.missing)


def test_ignored_truth_is_left_out_and_unpredicted_truth_is_counted_as_missing():
    truth = np.array([0, 1, 1, 255, 255, 254], np.uint8)
    predicted = np.array([0, 1, 255, 0, 255, 1], np.uint8)
    c = Confusion.empty(2).add(truth, predicted)
    assert c.counts.tolist() == [[1, 0], [0, 1]]
    assert c.missing == 1


def test_a_single_ignored_value_can_be_a_class_id():
    c = Confusion.empty(3).add(np.array([0, 1, 2]), np.array([0, 1, 1]), ignore=2)
    assert c.counts.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("truth", "predicted", "text"),
    [
        ([0, 7], [0, 0], "truth holds 7"),
        ([0, 1], [0, 9], "prediction holds 9"),
        ([0, -1], [0, 0], "0 to 255"),
        ([0, 300], [0, 0], "0 to 255"),
        ([0, 1], [0], "one shape"),
        ([0, 3], [0, 9], "truth holds 3,? ?"),
    ],
)
def test_values_that_are_no_class_are_refused(truth, predicted, text):
    with pytest.raises(ValueError, match=text):
        Confusion.empty(3).add(np.array(truth), np.array(predicted))


def test_a_strange_prediction_where_the_truth_is_ignored_does_no_harm():
    c = Confusion.empty(2).add(np.array([255, 1]), np.array([9, 1]))
    assert c.counts.tolist() == [[0, 0], [0, 1]]


def test_a_class_in_neither_is_left_out_of_the_mean_and_one_only_predicted_counts_as_zero():
    absent = Confusion(np.array([[5.0, 0, 0], [0, 5, 0], [0, 0, 0]]))
    invented = Confusion(np.array([[5.0, 0, 0], [0, 4, 1], [0, 0, 0]]))
    assert cm.mean_iou(absent) == 1
    assert cm.mean_iou(invented) == pytest.approx((1 + 0.8 + 0) / 3)
    assert np.isnan(cm.iou(absent)[2])
    assert cm.iou(invented)[2] == 0


def test_nothing_compared_leaves_every_score_undefined():
    assert all(np.isnan(v) for v in cm.scores(Confusion.empty(2), ["water", "ice"]).values())


def test_against_rest_joins_all_other_classes():
    c = Confusion(np.array([[10.0, 1, 2], [3, 20, 4], [5, 6, 30]]), missing=7)
    ice = c.against_rest(1)
    assert ice.counts.tolist() == [[10 + 2 + 5 + 30, 1 + 6], [3 + 4, 20]]
    assert ice.missing == 7
    assert cm.iou(ice)[1] == cm.iou(c)[1]


def test_scores_are_named_by_class():
    named = cm.scores(BY_HAND, ["water", "ice"])
    assert named["iou:ice"] == pytest.approx(0.7)
    assert named["miou"] == pytest.approx(0.833871, abs=5e-7)
    assert list(named)[:3] == ["miou", "fwiou", "oa"]


def test_a_matrix_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match="square"):
        Confusion(np.zeros((2, 3)))
