import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.metrics import brier_score_loss, log_loss

from seaice_cli.evaluation.metrics.calibration import BINS, CalibrationAccumulator, fit_temperature

rngs = st.integers(0, 2**31).map(np.random.default_rng)


def test_the_expected_calibration_error_by_hand():
    # two bins: 10 pixels said 0.9 of which 6 are ice, 30 said 0.1 of which none is
    p = np.r_[np.full(10, 0.9), np.full(30, 0.1)]
    ice = np.r_[np.ones(6), np.zeros(34)] > 0
    sums = CalibrationAccumulator.of(p, ice)
    assert sums.scores()["ece"] == pytest.approx(10 / 40 * 0.3 + 30 / 40 * 0.1)
    said, found = sums.curve()
    assert found[int(0.9 * BINS)] == pytest.approx(0.6)
    assert said[int(0.1 * BINS)] == pytest.approx(0.1)
    assert np.isnan(found[7])


@given(rngs, st.integers(2, 200), st.integers(0, 200))
def test_brier_score_and_log_loss_agree_with_scikit_learn_and_add_up(rng, n, cut):
    p, ice = rng.uniform(0.001, 0.999, n), rng.random(n) < 0.4
    sums = CalibrationAccumulator.of(p[:cut], ice[:cut]) + CalibrationAccumulator.of(p[cut:], ice[cut:])
    assert sums.scores()["brier"] == pytest.approx(brier_score_loss(ice, p, pos_label=True))
    assert sums.scores()["log_loss"] == pytest.approx(log_loss(ice, p, labels=[False, True]))


def test_certain_probabilities_stay_finite_and_in_the_outer_bins():
    sums = CalibrationAccumulator.of(np.array([0.0, 1.0, 1.0]), np.array([False, True, False]))
    assert sums.pixels[0] == 1
    assert sums.pixels[-1] == 2
    assert math.isfinite(sums.scores()["log_loss"])
    assert all(math.isnan(v) for v in CalibrationAccumulator.empty().scores().values())


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.7])
def test_the_temperature_that_made_the_truth_is_found_again(temperature):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (60_000, 3))
    truth = (log_softmax(logits / temperature, axis=1) + rng.gumbel(size=logits.shape)).argmax(axis=1)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.03)
    # what all classes have in common is not seen, so log-probabilities are as good
    assert fit_temperature(log_softmax(logits, axis=1), truth) == pytest.approx(
        fit_temperature(logits, truth), rel=1e-4
    )


def test_no_other_temperature_has_a_smaller_loss():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (500, 4))
    truth = (logits + 2 * rng.gumbel(size=logits.shape)).argmax(axis=1)
    best = fit_temperature(logits, truth)

    def loss(t):
        return -log_softmax(logits / t, axis=1)[np.arange(500), truth].mean()

    assert all(loss(best) <= loss(t) + 1e-9 for t in np.geomspace(0.05, 20, 200))


@pytest.mark.parametrize(
    ("logits", "truth", "text"),
    [
        (np.zeros((3, 2)), np.zeros(2, int), "should be"),
        (np.zeros((0, 2)), np.zeros(0, int), "should be"),
        (np.full((3, 2), -np.inf), np.zeros(3, int), "finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(logits, truth, text):
    with pytest.raises(ValueError, match=text):
        fit_temperature(logits, truth)
