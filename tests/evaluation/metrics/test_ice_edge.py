import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import hausdorff_distance

from seaice_cli.evaluation.metrics.boundaries import touches
from seaice_cli.evaluation.metrics.ice_edge import HALO, EdgeCollector, edge_cells
from tests.evaluation.made import polar_ground

rngs = st.integers(0, 2**31).map(np.random.default_rng)
KNOWN = np.ones((30, 40), bool)


def measure(true, predicted, known=KNOWN, pixel=1000.0):
    collector = EdgeCollector(polar_ground(true.shape, pixel))
    collector.add(0, slice(0, len(true)), (true, predicted), known)
    return collector.finish()


def half(columns):
    """Ice in the left columns."""
    ice = np.zeros((30, 40), bool)
    ice[:, :columns] = True
    return ice


def test_an_edge_that_is_three_kilometres_too_far_out():
    scores = measure(half(15), half(18)).scores()
    # 30 rows of 3 cells of 1 km2, all on one side; both edges are straight and 30 cells long, ends counted longer.
    length = 28 + 2 * (1 + math.sqrt(2)) / 2
    assert scores["iiee_km2"] == pytest.approx(90, rel=3e-3)
    assert scores["over_km2"] == scores["aee_km2"] == scores["iiee_km2"]
    assert scores["under_km2"] == scores["me_km2"] == 0
    assert scores["d_iiee_km"] == pytest.approx(2 * 90 / (2 * length), rel=1e-3)
    assert scores["edge_bias_km"] == scores["d_iiee_km"]
    for name in ("d_avg_km", "d_rms_km", "mhd_km"):
        assert scores[name] == pytest.approx(3, rel=1e-3)


def test_the_length_of_an_edge_counts_lonely_cells_and_ends_longer():
    ice = np.zeros((7, 9), bool)
    ice[1, 1] = True
    ice[4, 2:7] = True
    edge, sides = edge_cells(ice, np.ones_like(ice))
    assert (edge == ice).all()
    assert sides[1, 1] == pytest.approx(math.sqrt(2))
    assert sides[4, 2:7] == pytest.approx([(1 + math.sqrt(2)) / 2, 1, 1, 1, (1 + math.sqrt(2)) / 2])


def test_land_and_the_frame_make_no_edge():
    ice = np.ones((30, 40), bool)
    known = KNOWN.copy()
    known[:, 25:] = False
    sums = measure(ice & known, ice & known, known)
    assert sums.true_length == sums.true_points == 0
    assert math.isnan(sums.scores()["d_iiee_km"])


def test_where_one_has_no_edge_areas_count_and_distances_are_not_defined():
    scores = measure(half(10), np.zeros((30, 40), bool)).scores()
    assert scores["under_km2"] == pytest.approx(300, rel=3e-3)
    assert scores["d_iiee_km"] > 0
    assert math.isnan(scores["mhd_km"])


@settings(max_examples=25)
@given(rngs)
def test_scores_hold_together_and_mirror_when_the_roles_change(rng):
    true, predicted = rng.random((30, 40)) < 0.6, rng.random((30, 40)) < 0.5
    known = rng.random((30, 40)) < 0.9
    one, other = measure(true, predicted, known).scores(), measure(predicted, true, known).scores()
    assert one["iiee_km2"] == pytest.approx(one["over_km2"] + one["under_km2"])
    assert one["iiee_km2"] == pytest.approx(one["aee_km2"] + one["me_km2"])
    assert one["over_km2"] == pytest.approx(other["under_km2"])
    assert one["edge_bias_km"] == pytest.approx(-other["edge_bias_km"])
    for name in ("iiee_km2", "d_iiee_km", "d_avg_km", "d_rms_km", "mhd_km"):
        assert one[name] == pytest.approx(other[name])
    assert one["d_avg_km"] <= one["mhd_km"]


@settings(max_examples=20)
@given(rngs)
def test_the_modified_hausdorff_distance_agrees_with_scikit_image(rng):
    true, predicted = (np.kron(rng.random((6, 8)) < 0.5, np.ones((5, 5), bool)) for _ in range(2))
    edges = [ice & touches(~ice) for ice in (true, predicted)]
    if edges[0].any() and edges[1].any():
        expected = hausdorff_distance(*edges, method="modified")
        assert measure(true, predicted).scores()["mhd_km"] == pytest.approx(expected, rel=2e-3)


@settings(max_examples=20)
@given(rngs, st.integers(1, 29))
def test_rows_may_come_in_strips(rng, cut):
    true, predicted, known = (rng.random((30, 40)) < share for share in (0.6, 0.5, 0.9))
    collector = EdgeCollector(polar_ground((30, 40)))
    for top, bottom in ((0, cut), (cut, 30)):
        first, last = max(0, top - HALO), min(30, bottom + HALO)
        rows = slice(first, last)
        collector.add(first, slice(top - first, bottom - first), (true[rows], predicted[rows]), known[rows])
    assert collector.finish().scores() == pytest.approx(measure(true, predicted, known).scores(), nan_ok=True)


def test_scenes_are_pooled_by_points_not_by_scenes():
    near, far = measure(half(15), half(16)), measure(half(10)[:10], half(16)[:10], KNOWN[:10])
    assert (near + far).scores()["d_avg_km"] == pytest.approx((30 * 1 + 10 * 6) / 40, rel=2e-3)
