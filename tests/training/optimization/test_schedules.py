"""Optimisers and learning rates: against numbers of the seed systems, against torch's own, and across a resume."""

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim import lr_scheduler as reference

from seaice_cli.errors import OptionError
from seaice_cli.training.optimization.schedules import SCHEDULES, make_optimizer, make_schedule

OPTIMIZERS = [
    "sgd",
    "sgd(nesterov=no)",
    "adam",
    "adamw",
    "radam",
    *(f"lookahead(k=2):{n}" for n in ("sgd", "adamw", "radam")),
]


def weights():
    return [nn.Parameter(torch.tensor([3.0, -2.0]))]


def optimizer(lr=0.01, spec="sgd"):
    return make_optimizer(spec, weights(), lr=lr, weight_decay=0)


def rates(spec, steps, lr=0.01, **options):
    """The learning rate before every step, and after the last one."""
    schedule = make_schedule(spec, optimizer(lr), steps=steps, **options)
    found = [schedule.rates[0]]
    for _ in range(steps):
        schedule.step()
        found.append(schedule.rates[0])
    return found


def torchs(make, steps, lr=0.01):
    with_rates = torch.optim.SGD(weights(), lr=lr)
    scheduler = make(with_rates)
    found = [with_rates.param_groups[0]["lr"]]
    for _ in range(steps):
        with_rates.step()
        scheduler.step()
        found.append(with_rates.param_groups[0]["lr"])
    return found


# --- learning rates ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lr", "expected"),
    [
        (0.01, {0: 0.01, 80_000: 0.007742, 160_000: 0.005405, 320_000: 0.0001}),
        (0.001, {0: 0.001, 160_000: 0.000582, 320_000: 0.0001}),
    ],
)
def test_poly_with_a_floor_has_the_rates_of_both_naic_stages(lr, expected):
    schedule = make_schedule("poly(power=0.9,floor=1e-4)", optimizer(lr), steps=320_000)
    for step, rate in expected.items():
        schedule.load_state_dict({"done": step, "base": [lr], "plateau": {}})
        assert schedule.rates[0] == pytest.approx(rate, abs=5e-7)


def test_poly_is_torchs():
    expected = torchs(lambda o: reference.PolynomialLR(o, total_iters=20, power=0.9), 20)
    assert rates("poly", 20) == pytest.approx(expected, abs=1e-9)


def test_poly_by_epoch_changes_after_each_epoch():
    found = rates("poly(by=epoch)", 12, lr=1.0, steps_per_epoch=4)[:-1]
    assert found == pytest.approx([(1 - e / 3) ** 0.9 for e in range(3) for _ in range(4)])


def test_poly_by_epoch_without_epochs_is_an_option_error():
    with pytest.raises(OptionError, match="by=epoch needs epochs"):
        make_schedule("poly(by=epoch)", optimizer(), steps=10)


def test_cosine_is_torchs():
    expected = torchs(lambda o: reference.CosineAnnealingLR(o, 20, eta_min=1e-4), 20)
    assert rates("cosine(floor=1e-4)", 20) == pytest.approx(expected, abs=1e-9)


def test_exponential_is_torchs():
    expected = torchs(lambda o: reference.ExponentialLR(o, 0.02 ** (1 / 20)), 20)
    assert rates("exponential(end=0.02)", 20) == pytest.approx(expected)


def test_warm_restarts_are_torchs():
    expected = torchs(lambda o: reference.CosineAnnealingWarmRestarts(o, T_0=10, T_mult=2, eta_min=1e-4), 69)
    assert rates("restarts(first=0.1,factor=2,floor=1e-4)", 100)[:70] == pytest.approx(expected, abs=1e-9)


def test_one_cycle_is_torchs():
    expected = torchs(lambda o: reference.OneCycleLR(o, max_lr=0.01, total_steps=101, cycle_momentum=False), 100)
    # torch counts 101 rates and rounds the peak to a step before, so the curves differ by less than a step.
    found = rates("onecycle", 100)
    assert found[0] == pytest.approx(expected[0])
    assert found[-1] == pytest.approx(expected[-1])
    assert max(found) == pytest.approx(0.01)
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) < 4e-4


def test_constant_is_constant():
    assert set(rates("constant", 10)) == {0.01}


@pytest.mark.parametrize("rest", sorted(SCHEDULES))
def test_warm_up_goes_in_front_of_any(rest):
    found = rates(f"warmup(steps=10,start=0):{rest}", 50)
    first = rates(rest, 40)[0]
    assert found[:10] == pytest.approx([first * i / 10 for i in range(10)])
    assert found[10:] == pytest.approx(rates(rest, 40), abs=1e-9)


def test_warm_up_may_be_a_share_of_the_steps():
    assert rates("warmup(share=0.2,start=0):constant", 10) == pytest.approx([0, 0.005, *[0.01] * 9])


def test_plateau_is_torchs():
    scores = [0.1, 0.5, 0.4, 0.45, 0.5, 0.3, 0.6, 0.1, 0.2, 0.3, 0.4]
    ours = make_schedule("plateau(factor=0.5,patience=2,least=0)", optimizer(), steps=100)
    other = torch.optim.SGD(weights(), lr=0.01)
    theirs = reference.ReduceLROnPlateau(other, mode="max", factor=0.5, patience=2, threshold=0)
    for score in scores:
        ours.observe(score)
        theirs.step(score)
        assert ours.rates[0] == pytest.approx(other.param_groups[0]["lr"])
    assert ours.rates[0] < 0.01


def test_plateau_takes_nan_for_no_better_and_stops_falling():
    schedule = make_schedule("plateau(patience=0,least=0.01)", optimizer(1.0), steps=10)
    found = []
    for _ in range(4):
        schedule.observe(math.nan)
        found.append(schedule.rates[0])
    assert found == pytest.approx([0.1, 0.01, 0.01, 0.01])


def test_only_plateau_listens_to_scores():
    schedule = make_schedule("poly", optimizer(), steps=10)
    for _ in range(30):
        schedule.observe(0.0)
    assert schedule.rates == [0.01]


def test_every_group_has_its_own_rate():
    groups = [{"params": weights(), "lr": 0.1}, {"params": weights()}]
    schedule = make_schedule("poly(floor=0.01)", make_optimizer("adam", groups, lr=0.5, weight_decay=0), steps=10)
    assert schedule.rates == [0.1, 0.5]
    for _ in range(10):
        schedule.step()
    assert schedule.rates == pytest.approx([0.01, 0.01])


@given(st.sampled_from(sorted(SCHEDULES)), st.integers(1, 300), st.floats(0, 0.5))
def test_rates_stay_between_nothing_and_the_highest(name, steps, share):
    found = rates(f"warmup(share={share:.3f}):{name}", steps)
    assert all(0 <= rate <= 0.01 + 1e-12 for rate in found)


def test_after_the_last_step_the_rate_stays():
    schedule = make_schedule("poly(floor=1e-4)", optimizer(), steps=5)
    for _ in range(9):
        schedule.step()
    assert schedule.rates == pytest.approx([1e-4])


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("", "cannot be read"),
        ("linear", "unknown schedule 'linear'; known: constant, cosine"),
        ("poly(pow=1)", "did you mean 'power'"),
        ("poly(floor=0.1)", "the floor 0.1 is above the learning rate 0.01"),
        ("poly:cosine", "known: warmup"),
        ("warmup(steps=100):poly", "from 0 to 99"),
        ("warmup", "unknown schedule 'warmup'"),
        ("restarts(factor=0.5)", "from 1 to 100"),
    ],
)
def test_a_schedule_that_cannot_be_is_one_clear_line(spec, text):
    with pytest.raises(OptionError, match=text) as caught:
        make_schedule(spec, optimizer(), steps=100)
    assert "\n" not in str(caught.value)


def test_no_steps_are_a_programmers_mistake():
    with pytest.raises(ValueError, match="a step or more"):
        make_schedule("poly", optimizer(), steps=0)


# --- optimisers --------------------------------------------------------------------------------------------------


def train(opt, schedule, parameters, steps):
    for step in range(steps):
        opt.zero_grad()
        ((parameters[0] - torch.tensor([1.0, 0.5])) ** 2).sum().backward()
        opt.step()
        schedule.step()
        if step % 5 == 4:
            schedule.observe(-float(step))
    return parameters[0].detach().clone()


@pytest.mark.parametrize("spec", OPTIMIZERS)
def test_an_optimizer_finds_the_minimum(spec):
    parameters = weights()
    opt = make_optimizer(spec, parameters, lr=0.1, weight_decay=0)
    found = train(opt, make_schedule("constant", opt, steps=1), parameters, 400)
    assert torch.allclose(found, torch.tensor([1.0, 0.5]), atol=0.05)


@pytest.mark.parametrize(
    "schedule", ["poly", "cosine", "restarts", "onecycle", "plateau(patience=1)", "warmup(steps=5):poly"]
)
@pytest.mark.parametrize("spec", ["sgd", "adamw", "lookahead(k=3):radam"])
def test_resumed_from_its_state_it_ends_with_the_same_weights(spec, schedule):
    def start():
        parameters = weights()
        opt = make_optimizer(spec, parameters, lr=0.05, weight_decay=1e-3)
        return parameters, opt, make_schedule(schedule, opt, steps=30)

    parameters, opt, rate = start()
    train(opt, rate, parameters, 13)
    saved = copy.deepcopy((parameters[0].data, opt.state_dict(), rate.state_dict()))
    expected = train(opt, rate, parameters, 17)

    parameters, opt, rate = start()
    parameters[0].data.copy_(saved[0])
    opt.load_state_dict(saved[1])
    rate.load_state_dict(saved[2])
    assert torch.equal(train(opt, rate, parameters, 17), expected)


def test_a_resumed_run_may_be_given_another_rate():
    before = optimizer()
    state = make_schedule("cosine", before, steps=10).state_dict()
    lowered = make_optimizer("sgd", weights(), lr=1e-4, weight_decay=0)
    rate = make_schedule("cosine", lowered, steps=10)
    lowered.load_state_dict(before.state_dict())
    rate.load_state_dict(state)
    assert rate.rates == [pytest.approx(1e-4)]


def test_the_state_is_plain_values():
    import json

    state = make_schedule("plateau", optimizer(), steps=10).state_dict()
    assert json.loads(json.dumps(state))["done"] == 0


def test_sgd_is_nesterovs_with_momentum_unless_told_otherwise():
    group = optimizer().param_groups[0]
    assert (group["nesterov"], group["momentum"]) == (True, 0.9)
    group = optimizer(spec="sgd(momentum=0.8,nesterov=no)").param_groups[0]
    assert (group["nesterov"], group["momentum"]) == (False, 0.8)
    assert optimizer(spec="sgd(momentum=0)").param_groups[0]["nesterov"] is False


def test_lookahead_by_hand():
    (weight,) = parameters = [nn.Parameter(torch.tensor([1.0]))]
    opt = make_optimizer("lookahead(k=1,alpha=0.5):sgd(momentum=0)", parameters, lr=1.0, weight_decay=0)
    for expected in (0.0, -0.5):  # the first look back sets the slow weights; the second goes half the way
        weight.grad = torch.ones(1)
        opt.step()
        assert weight.item() == pytest.approx(expected)


def test_weight_decay_reaches_the_optimizer():
    for spec in ("sgd", "adam", "adamw", "radam", "lookahead:adam"):
        assert make_optimizer(spec, weights(), lr=0.1, weight_decay=5e-4).param_groups[0]["weight_decay"] == 5e-4


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("", "cannot be read"),
        ("adamm", r"unknown optimiser 'adamm' \(did you mean 'adam.*known: adam, adamw, radam, sgd"),
        ("sgd:adam", "known: lookahead"),
        ("lookahead", "unknown optimiser 'lookahead'"),
        ("sgd(nesterov=2)", "yes or no"),
        ("sgd(momentum=1)", "from 0 to 0.9999"),
        ("lookahead(k=0):sgd", "from 1 to 10000"),
        ("adam(beta3=0.9)", "unknown option 'beta3'"),
    ],
)
def test_an_optimizer_that_cannot_be_is_one_clear_line(spec, text):
    with pytest.raises(OptionError, match=text) as caught:
        make_optimizer(spec, weights(), lr=0.1, weight_decay=0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("lr", "decay"), [(0, 0), (-1, 0), (0.1, -1)])
def test_rates_below_zero_are_an_option_error(lr, decay):
    with pytest.raises(OptionError, match="must be above 0"):
        make_optimizer("sgd", weights(), lr=lr, weight_decay=decay)
