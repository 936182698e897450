import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from seaice_cli.evaluation.metrics.concentration import CellGrid, ErrorAccumulator
from tests.evaluation.made import polar_ground

rngs = st.integers(0, 2**31).map(np.random.default_rng)


def grid_of(true, predicted, known, kilometres=5.0, pixel=1000.0, strips=1):
    grid = CellGrid(polar_ground(true.shape, pixel), kilometres)
    step = -(-len(true) // strips)
    for top in range(0, len(true), step):
        rows = slice(top, top + step)
        grid.add(top, (true[rows], predicted[rows]), known[rows])
    return grid


def test_four_cells_by_hand():
    shape = (10, 10)
    true, predicted, known = np.zeros(shape, bool), np.zeros(shape, bool), np.ones(shape, bool)
    true[:5, :5] = True
    predicted[:5, :4] = True
    true[5:7, :5] = True
    predicted[5:10, :5] = True
    known[:5, 5:7] = False
    known[5:8, 5:] = False
    grid = grid_of(true, predicted, known)
    c_true, c_predicted = grid.concentrations()
    np.testing.assert_allclose(c_true, [[1, 0], [0.4, np.nan]], rtol=1e-3)
    np.testing.assert_allclose(c_predicted, [[0.8, 0], [1, np.nan]], rtol=1e-3)
    sums = grid.finish()
    assert sums.everywhere.scores()["bias"] == pytest.approx((-0.2 + 0 + 0.6) / 3, rel=1e-3)
    assert sums.everywhere.scores()["mae"] == pytest.approx(0.8 / 3, rel=1e-3)
    assert sums.marginal.cells == 1
    assert sums.marginal.scores()["bias"] == pytest.approx(0.6, rel=1e-3)
    assert math.isnan(sums.marginal.scores()["r2"])
    # both reach 15 % in the same cells
    assert sums.edge.scores()["iiee_km2"] == 0


def test_the_edge_on_the_grid_is_where_concentration_reaches_fifteen_per_cent():
    true, predicted = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    true[:10] = True
    predicted[:10] = True
    predicted[10:15, :5] = np.arange(25).reshape(5, 5) < 4
    predicted[10:15, 5:10] = np.arange(25).reshape(5, 5) < 3
    edge = grid_of(true, predicted, np.ones((20, 20), bool)).finish().edge.scores()
    assert edge["over_km2"] == pytest.approx(25, rel=3e-3)
    assert edge["under_km2"] == 0


@settings(max_examples=30)
@given(rngs, st.sampled_from([2.0, 3.3, 5.0, 7.9]), st.integers(1, 7))
def test_cells_are_the_means_of_their_known_pixels_however_rows_come(rng, kilometres, strips):
    shape = tuple(rng.integers(8, 40, 2))
    true, predicted, known = (rng.random(shape) < share for share in (0.5, 0.4, 0.8))
    c_true, c_predicted = grid_of(true, predicted, known, kilometres, strips=strips).concentrations()
    row_cells, col_cells = (((np.arange(n) + 0.5) / kilometres).astype(int) for n in shape)
    assert c_true.shape == (row_cells[-1] + 1, col_cells[-1] + 1)
    for cell in np.ndindex(c_true.shape):
        inside = np.ix_(row_cells == cell[0], col_cells == cell[1])
        seen = known[inside]
        if seen.sum() < 0.5 * kilometres**2:
            assert np.isnan(c_true[cell])
            assert np.isnan(c_predicted[cell])
        else:
            assert c_true[cell] == pytest.approx(true[inside][seen].mean(), abs=1e-3)
            assert c_predicted[cell] == pytest.approx(predicted[inside][seen].mean(), abs=1e-3)


@settings(max_examples=30)
@given(rngs, st.integers(2, 50), st.integers(0, 50))
def test_errors_agree_with_scikit_learn_when_scenes_are_pooled(rng, n, cut):
    true, predicted = rng.random(n), rng.random(n)
    cut = min(cut, n)
    scores = (
        ErrorAccumulator.of(true[:cut], predicted[:cut]) + ErrorAccumulator.of(true[cut:], predicted[cut:])
    ).scores()
    assert scores["bias"] == pytest.approx((predicted - true).mean())
    assert scores["mae"] == pytest.approx(mean_absolute_error(true, predicted))
    assert scores["rmse"] == pytest.approx(math.sqrt(mean_squared_error(true, predicted)))
    assert scores["r2"] == pytest.approx(r2_score(true, predicted), rel=1e-6, abs=1e-6)


def test_without_spread_or_cells_nothing_is_made_up():
    assert math.isnan(ErrorAccumulator.of(np.full(7, 0.1), np.full(7, 0.3)).scores()["r2"])
    assert all(math.isnan(v) for v in ErrorAccumulator().scores().values())


def test_a_cell_smaller_than_a_pixel_is_refused():
    with pytest.raises(ValueError, match="smaller than a pixel"):
        CellGrid(polar_ground((4, 4), 10_000.0), 5.0)
