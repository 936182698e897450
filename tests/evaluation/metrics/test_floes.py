import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seaice_cli.evaluation.metrics.accumulators import flatten
from seaice_cli.evaluation.metrics.floes import FloeAccumulator
from seaice_cli.evaluation.metrics.objects import Features, Labels, Overlaps


def compare(true, predicted, sizes=(20,), *, incomplete=False, rows=1000):
    overlaps = Overlaps(Features(), Features())
    for top in range(0, true.shape[0], rows):
        overlaps.add(true[top : top + rows].astype(np.int64), predicted[top : top + rows].astype(np.int64))
    return FloeAccumulator.of(overlaps.finish(), sizes, incomplete=incomplete)


def drawn(shape, *boxes):
    """Return an array in which every box (top, bottom, left, right) has its number."""
    ids = np.zeros(shape, int)
    for number, (top, bottom, left, right) in enumerate(boxes, start=1):
        ids[top:bottom, left:right] = number
    return ids


TRUE = drawn((20, 40), (0, 4, 0, 4), (0, 4, 5, 9), (6, 12, 0, 6), (6, 12, 10, 16), (14, 18, 0, 4), (14, 18, 20, 24))
"""Floes of 16, 16, 36, 36, 16 and 16 pixels."""
PREDICTED = drawn(
    (20, 40),
    (0, 4, 0, 9),  # merges the first two
    (6, 9, 0, 6), (9, 12, 0, 6),  # breaks the third into halves
    (6, 12, 10, 15),  # finds the fourth: 30 of 36
    (14, 18, 0, 4),  # finds the fifth
    (0, 4, 30, 34),  # is nowhere; the sixth is missed
)  # fmt: skip


def test_what_becomes_of_floes_is_counted_by_size():
    sums = compare(TRUE, PREDICTED)
    assert sums.true.tolist() == [4, 2]
    assert sums.found.tolist() == [1, 2], "a half is half a floe: an IoU of one half counts"
    assert sums.merged.tolist() == [2, 0]
    assert sums.broken.tolist() == [0, 0]
    assert sums.missed.tolist() == [1, 0]
    assert sums.predicted.tolist() == [4, 2]
    assert sums.paired.tolist() == [2, 1], "of two halves one finds it"


def test_a_floe_in_small_pieces_is_broken():
    pieces = drawn((12, 12), (0, 4, 0, 10), (4, 8, 0, 10), (8, 10, 0, 10))
    sums = compare(drawn((12, 12), (0, 10, 0, 10)), pieces)
    assert (sums.found.sum(), sums.broken.sum(), sums.missed.sum()) == (0, 1, 0)


def test_scores_are_those_worked_out_by_hand():
    scores = compare(TRUE, PREDICTED).scores(incomplete=False)
    found = 0.5 + 30 / 36 + 1
    assert scores["recall"] == 3 / 6
    assert scores["precision"] == 3 / 6
    assert scores["f1"] == 6 / 12
    assert scores["sq"] == pytest.approx(found / 3)
    assert scores["pq"] == pytest.approx(found / (3 + 3 / 2 + 3 / 2))
    # the merged object twice (16 of 36), a half (18 of 36), 30 of 36, 16 of 16, one alone and missed, two predicted alone
    assert scores["aji"] == pytest.approx((16 + 16 + 18 + 30 + 16) / (36 + 36 + 36 + 36 + 16 + 16 + 18 + 16))
    assert (scores["merged"], scores["missed"]) == (2 / 6, 1 / 6)


def test_an_incomplete_reference_has_no_precision_and_no_false_floes():
    scores = compare(TRUE, PREDICTED, incomplete=True).scores(incomplete=True)
    assert scores["recall"] == 3 / 6
    assert all(math.isnan(scores[name]) for name in ("precision", "f1", "pq"))
    assert scores["aji"] == pytest.approx((16 + 16 + 18 + 30 + 16) / (36 + 36 + 36 + 36 + 16 + 16))


def test_the_same_is_perfect_and_nothing_is_nothing():
    same = compare(TRUE, TRUE).scores(incomplete=False)
    assert [same[name] for name in ("recall", "precision", "f1", "pq", "aji", "merged")] == [1, 1, 1, 1, 1, 0]
    none = compare(TRUE, np.zeros_like(TRUE)).scores(incomplete=False)
    assert (none["recall"], none["missed"], none["pq"], none["aji"], none["f1"]) == (0, 1, 0, 0, 0)
    assert math.isnan(none["precision"])
    empty = FloeAccumulator.empty(2).scores(incomplete=False)
    assert math.isnan(empty["recall"])
    assert empty["floes"] == 0


def test_no_floe_is_found_twice_and_none_finds_two():
    one, halves = drawn((4, 4), (0, 4, 0, 4)), drawn((4, 4), (0, 4, 0, 2), (0, 4, 2, 4))
    for true, predicted in ((one, halves), (halves, one)):
        sums = compare(true, predicted)
        assert (sums.found.sum(), sums.paired.sum()) == (1, 1)


def test_what_is_too_small_to_count_as_false_may_still_be_found():
    true, predicted = drawn((9, 9), (0, 2, 0, 2), (4, 8, 4, 8)), drawn((9, 9), (0, 2, 0, 2), (4, 8, 4, 8), (0, 2, 6, 8))
    overlaps = Overlaps(Features(), Features())
    overlaps.add(true.astype(np.int64), predicted.astype(np.int64))
    scores = FloeAccumulator.of(overlaps.finish(), (), incomplete=False, smallest=5).scores(incomplete=False)
    assert (scores["recall"], scores["precision"], scores["aji"]) == (1, 1, 1)


def test_ids_need_not_be_without_gaps():
    assert np.array_equal(flatten(compare(TRUE * 700, PREDICTED * 90)), flatten(compare(TRUE, PREDICTED)))


def naive(true, predicted):
    """Return (found, merged, broken, missed, paired) by trying all pairs."""
    trues = {t: true == t for t in np.unique(true) if t}
    others = {p: predicted == p for p in np.unique(predicted) if p}
    iou = {(t, p): (a & b).sum() / (a | b).sum() for t, a in trues.items() for p, b in others.items()}
    most = {t: [p for p, b in others.items() if (a & b).sum() > a.sum() / 2] for t, a in trues.items()}
    found = {t for t, p in iou if iou[t, p] >= 0.5}
    merged = {t for t in trues if t not in found and any(set(most[t]) & set(most[u]) for u in trues if u != t)}
    lost = {t for t in trues if t not in found and not most[t]}
    broken = {t for t in lost if (trues[t] & (predicted > 0)).sum() > trues[t].sum() / 2}
    return len(found), len(merged), len(broken), len(lost - broken), len({p for t, p in iou if iou[t, p] >= 0.5})


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, (7, 9), elements=st.integers(0, 4)), arrays(np.int64, (7, 9), elements=st.integers(0, 4)))
def test_counts_are_those_of_all_pairs_whatever_the_strips(true, predicted):
    whole, strips = compare(true, predicted), compare(true, predicted, rows=2)
    assert np.array_equal(flatten(whole), flatten(strips))
    counts = [getattr(whole, name).sum() for name in ("found", "merged", "broken", "missed", "paired")]
    assert tuple(counts) == naive(true, predicted)


def test_connected_pixels_may_stand_on_either_side():
    overlaps = Overlaps(Features(), Labels())
    overlaps.add(TRUE.astype(np.int64), PREDICTED > 0)
    assert FloeAccumulator.of(overlaps.finish(), (), incomplete=False).found.sum() == 3
