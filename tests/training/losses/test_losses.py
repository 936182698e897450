"""Every loss against numbers by hand or another library, and where losses break: nothing to count, absent classes."""

import math

import numpy as np
import pytest
import segmentation_models_pytorch.losses as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from seaice_cli.errors import OptionError
from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.training.losses import LOSSES, parse_loss, training_loss
from seaice_cli.training.losses.boundary import balanced_edge_loss, edge_target

WEIGHTS = torch.tensor([0.2, 0.3, 0.5])


def loss_of(spec, logits, target, **options):
    options.setdefault("classes", logits.shape[1])
    return parse_loss(spec, **options)(logits, target)


def all_losses(classes=3):
    return [parse_loss(name, classes=classes, class_weights=torch.full((classes,), 0.5)) for name in sorted(LOSSES)]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(2, 3, 12, 10, generator=generator)
    target = torch.randint(0, 3, (2, 12, 10), generator=generator)
    return logits, target


def logits_of(p):
    """Two-class logits whose softmax gives class 1 the probability p, everywhere."""
    return torch.tensor([0.0, math.log(p / (1 - p))]).view(1, 2, 1, 1).expand(1, 2, 8, 8)


# --- against other libraries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "other"),
    [
        ("ce", torch.nn.CrossEntropyLoss()),
        ("ce(smoothing=0.1)", torch.nn.CrossEntropyLoss(label_smoothing=0.1)),
        ("focal(gamma=0)", torch.nn.CrossEntropyLoss()),
        ("ohem(threshold=1)", torch.nn.CrossEntropyLoss()),
        ("dice", reference.DiceLoss("multiclass", eps=1e-7)),
        ("classwise-dice(absent=mask)", reference.DiceLoss("multiclass", eps=1e-7)),
        ("jaccard", reference.JaccardLoss("multiclass", eps=1e-7)),
        ("tversky(alpha=0.3,beta=0.7)", reference.TverskyLoss("multiclass", alpha=0.3, beta=0.7)),
        ("tversky", reference.DiceLoss("multiclass", eps=1e-7)),
        ("lovasz", reference.LovaszLoss("multiclass")),
    ],
)
def test_a_loss_agrees_with_the_library_that_has_it(spec, other, batch):
    logits, target = batch
    assert loss_of(spec, logits, target).item() == pytest.approx(other(logits, target).item(), abs=1e-5)


def test_weighted_cross_entropy_is_torchs(batch):
    logits, target = batch
    expected = F.cross_entropy(logits, target, weight=WEIGHTS)
    for spec in ("ce", "weighted-ce"):
        assert loss_of(spec, logits, target, class_weights=WEIGHTS).item() == pytest.approx(expected.item(), abs=1e-5)


def test_bce_is_every_class_against_the_rest(batch):
    logits, target = batch
    expected = F.binary_cross_entropy_with_logits(logits, F.one_hot(target, 3).movedim(-1, 1).float())
    assert loss_of("bce", logits, target).item() == pytest.approx(expected.item(), abs=1e-5)


def test_binary_dice_is_the_librarys_on_the_probability_of_ice(batch):
    logits, target = batch[0][:, :2], batch[1].clamp_max(1)
    p = torch.softmax(logits, 1)[:, 1:]
    expected = reference.DiceLoss("binary", from_logits=False, eps=1e-7)(p, target[:, None])
    assert loss_of("dice", logits, target).item() == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize(
    "spec", ["ce", "bce", "focal", "dice", "classwise-dice", "gdice", "jaccard", "tversky", "lovasz"]
)
def test_ignored_pixels_count_as_if_they_were_cut_out(spec, batch):
    logits, target = batch
    rows = target.clone()
    rows[:, 5:] = 255
    cut = loss_of(spec, logits[:, :, :5], target[:, :5]).item()
    assert loss_of(spec, logits, rows).item() == pytest.approx(cut, abs=1e-5)


# --- numbers by hand ---------------------------------------------------------------------------------------------


def test_ice_free_scenes_teach_through_classwise_dice_and_not_through_dice():
    water = torch.zeros(1, 8, 8, dtype=torch.long)
    right = logits_of(0.01).clone().requires_grad_()
    assert loss_of("classwise-dice", right, water).item() == pytest.approx(0.5, abs=0.01)
    assert loss_of("classwise-dice", logits_of(0.9), water).item() == pytest.approx(0.9, abs=0.1)
    loss_of("classwise-dice", right, water).backward()
    assert right.grad.abs().sum() > 1e-3

    unseen = logits_of(0.9).clone().requires_grad_()
    value = loss_of("dice", unseen, water)
    value.backward()
    assert value.item() == 0
    assert unseen.grad.abs().sum() == 0


def test_classwise_dice_by_hand():
    # p(ice) = 1/2 on four pixels, two of them ice: both classes 1 - 2 * 1 / (2 + 2) = 1/2
    target = torch.tensor([[[0, 1], [0, 1]]])
    assert loss_of("classwise-dice", torch.zeros(1, 2, 2, 2), target).item() == pytest.approx(0.5, abs=1e-6)


def test_generalised_dice_by_hand():
    # p = 1/2 everywhere; three pixels of water (w = 1/9), one of ice (w = 1)
    target = torch.tensor([[[0, 0], [0, 1]]])
    both, total = 1.5 / 9 + 0.5, (2 + 3) / 9 + (2 + 1)
    assert loss_of("gdice", torch.zeros(1, 2, 2, 2), target).item() == pytest.approx(1 - 2 * both / total, abs=1e-6)


def test_generalised_dice_caps_the_weight_of_an_absent_class():
    value = loss_of("gdice", torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long))
    assert value.item() == pytest.approx(1 - 2 * 2 / ((2 + 4) + (2 + 0)), abs=1e-6)


def test_penalised_dice_by_hand():
    target = torch.tensor([[[0, 1], [0, 1]]])  # the generalised coefficient is 1/2
    assert loss_of("pgdice", torch.zeros(1, 2, 2, 2), target).item() == pytest.approx(1 - 0.5 / (1 + 0.75 * 0.5))
    assert loss_of("pgdice(k=0)", torch.zeros(1, 2, 2, 2), target).item() == pytest.approx(0.5, abs=1e-6)


def test_focal_by_hand():
    ice = torch.ones(1, 8, 8, dtype=torch.long)
    assert loss_of("focal(gamma=2)", logits_of(0.9), ice).item() == pytest.approx(0.01 * -math.log(0.9), rel=1e-4)
    alpha = loss_of("focal(gamma=2,alpha=0.25)", logits_of(0.9), ice)
    assert alpha.item() == pytest.approx(0.25 * 0.01 * -math.log(0.9), rel=1e-4)


def test_ohem_keeps_the_pixels_below_the_threshold_and_at_least_so_many():
    p = torch.tensor([0.1, 0.6, 0.8, 0.9])
    logits = torch.stack((torch.zeros(4), torch.log(p / (1 - p)))).view(1, 2, 2, 2)
    ice = torch.ones(1, 2, 2, dtype=torch.long)
    hard = -torch.log(p)
    assert loss_of("ohem(threshold=0.7,keep=1)", logits, ice).item() == pytest.approx(hard[:2].mean().item(), abs=1e-5)
    assert loss_of("ohem(threshold=0.7,keep=3)", logits, ice).item() == pytest.approx(hard[:3].mean().item(), abs=1e-5)
    assert loss_of("ohem", logits, ice).item() == pytest.approx(hard.mean().item(), abs=1e-5)


def boundary_by_hand(p, g, width=3, reach=5):
    def largest(a, n):
        r = n // 2
        padded = np.pad(a, r, constant_values=-np.inf)
        return np.max([padded[i : i + a.shape[0], j : j + a.shape[1]] for i in range(n) for j in range(n)], axis=0)

    bp, bg = (largest(1 - a, width) - (1 - a) for a in (p, g))
    precision = (bp * largest(bg, reach)).sum() / bp.sum()
    recall = (bg * largest(bp, reach)).sum() / bg.sum()
    return 1 - 2 * precision * recall / (precision + recall)


def test_boundary_by_hand():
    generator = np.random.default_rng(0)
    target = np.zeros((16, 16), int)
    target[4:9, 3:12] = 1
    p = np.clip(target + generator.normal(0, 0.3, target.shape), 0.05, 0.95)
    expected = np.mean([boundary_by_hand(1 - p, 1.0 - target), boundary_by_hand(p, target.astype(float))])
    logits = torch.tensor(np.log(np.stack((1 - p, p))), dtype=torch.float32)[None]
    assert loss_of("boundary", logits, torch.tensor(target)[None]).item() == pytest.approx(expected, abs=1e-4)


def test_boundary_grows_with_the_distance_of_the_edges():
    def shifted(by):
        mask = torch.zeros(1, 24, 24, dtype=torch.long)
        mask[:, :, 8 + by :] = 1
        return mask

    logits = 20 * F.one_hot(shifted(0), 2).movedim(-1, 1).float()
    values = [loss_of("boundary", logits, shifted(by)).item() for by in (0, 1, 6)]
    assert values[0] < 1e-3
    assert values[1] < 0.05  # within the reach
    assert values[2] > 0.9


# --- where losses break ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", all_losses(), ids=lambda loss: loss.parts[0].name)
class TestEveryLoss:
    def gradient(self, loss, target, scale=1.0):
        generator = torch.Generator().manual_seed(1)
        logits = (scale * torch.randn(2, 3, 8, 8, generator=generator)).requires_grad_()
        value = loss(logits, target)
        value.backward()
        assert value.shape == ()
        assert torch.isfinite(value)
        assert torch.isfinite(logits.grad).all()
        return logits.grad

    def test_a_batch_of_ignored_pixels_gives_zero_gradient(self, loss):
        assert self.gradient(loss, torch.full((2, 8, 8), 255)).abs().sum() == 0

    @pytest.mark.parametrize("present", [0, 1, 2])
    def test_a_batch_of_one_class_gives_a_finite_gradient(self, loss, present):
        self.gradient(loss, torch.full((2, 8, 8), present))

    def test_saturated_logits_give_a_finite_gradient(self, loss):
        self.gradient(loss, torch.randint(0, 3, (2, 8, 8), generator=torch.Generator().manual_seed(2)), scale=1e3)

    def test_ignored_pixels_have_no_gradient(self, loss):
        target = torch.randint(0, 3, (2, 8, 8), generator=torch.Generator().manual_seed(2))
        target[:, :3] = 255
        assert self.gradient(loss, target)[:, :, :2].abs().sum() == 0

    def test_a_right_answer_costs_less_than_a_wrong_one(self, loss):
        target = torch.zeros(2, 16, 16, dtype=torch.long)
        target[:, 3:12, 4:9], target[:, 12:, 8:] = 1, 2
        right = 8 * F.one_hot(target, 3).movedim(-1, 1).float()
        assert loss(right, target) < loss(right.roll(1, dims=1), target)

    def test_half_precision_under_autocast_computes_in_float32(self, loss):
        target = torch.randint(0, 3, (2, 8, 8), generator=torch.Generator().manual_seed(2))
        logits = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)).bfloat16()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(logits, target)
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(loss(logits.float(), target).item(), abs=1e-6)

    def test_descending_it_overfits_one_scene(self, loss):
        target = torch.zeros(1, 16, 16, dtype=torch.long)
        target[:, 3:12, 4:9], target[:, 12:, 8:] = 1, 2
        logits = torch.zeros(1, 3, 16, 16)
        # The boundary loss tells where an edge is, not on which side: it is always summed with another one.
        loss = parse_loss("ce:1,boundary:0.5", classes=3) if loss.parts[0].name == "boundary" else loss
        logits += 0.1 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
        logits.requires_grad_()
        optimizer = torch.optim.Adam([logits], lr=0.3)
        for _ in range(60):
            optimizer.zero_grad()
            loss(logits, target).backward()
            optimizer.step()
        assert (logits.argmax(1) == target).float().mean() > 0.99


@settings(max_examples=25)
@given(
    st.integers(0, 10_000),
    st.sampled_from(["dice", "classwise-dice", "gdice", "jaccard", "tversky", "boundary", "lovasz"]),
)
def test_overlap_losses_lie_between_zero_and_one(seed, spec):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(1, 3, 9, 7, generator=generator)
    target = torch.randint(0, 3, (1, 9, 7), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.3] = 255
    assert -1e-5 <= loss_of(spec, logits, target).item() <= 1 + 1e-5


# --- specifications ----------------------------------------------------------------------------------------------


def test_a_sum_is_the_sum_of_its_parts(batch):
    parts = {spec: loss_of(spec, *batch) for spec in ("ce", "dice", "boundary")}
    expected = parts["ce"] + parts["dice"] + 0.5 * parts["boundary"]
    assert loss_of("ce:1, dice:1 ,boundary:0.5", *batch).item() == pytest.approx(expected.item(), abs=1e-6)


def test_a_factor_of_one_may_be_left_out(batch):
    assert loss_of("ce,dice", *batch).item() == loss_of("ce:1,dice:1", *batch).item()


def test_an_unknown_loss_lists_the_known():
    with pytest.raises(OptionError, match=r"unknown loss 'focall'.*did you mean 'focal'.*boundary, ce, classwise-dice"):
        parse_loss("ce,focall", classes=2)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("", "the loss is empty"),
        ("ce:much", "must be a number"),
        ("ce:-1", "0 or more"),
        ("ce:inf", "0 or more"),
        ("ce:1:2", "one factor"),
        ("ce(gamma=2)", "unknown option 'gamma'"),
        ("dice(gamma=2)", "it has no options"),
        ("focal(gamma=-1)", "from 0 to 10"),
        ("focal(alpha=0.3)", "for two classes"),
        ("weighted-ce", "needs class weights"),
        ("boundary(width=4)", "must be odd"),
        ("classwise-dice(absent=maybe)", "count or mask"),
    ],
)
def test_a_loss_that_cannot_be_is_one_clear_line(spec, text):
    with pytest.raises(OptionError, match=text) as caught:
        parse_loss(spec, classes=3)
    assert "\n" not in str(caught.value)


def test_class_weights_of_another_number_are_refused():
    with pytest.raises(OptionError, match="3 classes need as many weights"):
        parse_loss("ce", classes=3, class_weights=torch.ones(2))


# --- everything a network hands out ------------------------------------------------------------------------------


def test_the_training_loss_of_bare_logits_is_the_loss(batch):
    loss = parse_loss("ce", classes=3)
    assert training_loss(batch[0], batch[1], loss) == loss(*batch)


def test_auxiliary_logits_count_with_their_weight_against_every_second_pixel(batch):
    logits, target = batch
    loss = parse_loss("ce", classes=3)
    half = logits[:, :, ::2, ::2]
    expected = loss(logits, target) + 0.5 * loss(half, target[:, ::2, ::2]) + 0.4 * loss(-logits, target)
    outputs = Outputs(logits, auxiliary=((half, 0.5), (-logits, 0.4)))
    assert training_loss(outputs, target, loss).item() == pytest.approx(expected.item(), abs=1e-5)


def test_points_are_compared_with_the_pixels_they_fall_on(batch):
    logits, target = batch
    loss = parse_loss("ce", classes=3)
    pixels = torch.tensor([[[0, 3], [11, 9]], [[5, 0], [2, 2]]])
    picked = torch.stack([logits[n, :, r, c] for n in range(2) for r, c in pixels[n]])
    expected = F.cross_entropy(picked, torch.stack([target[n, r, c] for n in range(2) for r, c in pixels[n]]))
    outputs = Outputs(logits, points=((picked.view(2, 2, 3).transpose(1, 2), pixels),))
    assert (training_loss(outputs, target, loss) - loss(logits, target)).item() == pytest.approx(
        expected.item(), abs=1e-5
    )


def test_edges_are_drawn_eight_pixels_wide():
    target = torch.zeros(1, 32, 32, dtype=torch.long)
    target[:, :, 16:] = 1
    edges = edge_target(target, ignore=255)
    assert edges.shape == (1, 1, 32, 32)
    assert edges[0, 0].sum(1).tolist() == [8.0] * 32
    assert edges[0, 0, 5].nonzero().flatten().tolist() == list(range(12, 20))


def test_where_a_class_meets_ignored_pixels_there_is_no_edge():
    target = torch.zeros(1, 32, 32, dtype=torch.long)
    target[:, :, 16:] = 255
    edges = edge_target(target, ignore=255)
    assert edges[..., :16].sum() == 0
    assert edges[..., 16:].isnan().all()


def test_edges_and_the_rest_weigh_the_same():
    truth = torch.zeros(1, 1, 10, 10)
    truth[..., 0] = 1  # 10 of 100: weights 0.9 and 0.1
    edge = torch.full((1, 1, 10, 10), 1.0)
    positive, negative = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
    expected = (10 * 0.9 * positive + 90 * 0.1 * negative) / 100
    assert balanced_edge_loss(edge, truth).item() == pytest.approx(expected, abs=1e-6)


def test_the_edge_loss_counts_every_level_with_its_weight(batch):
    logits, target = batch
    target[:, 0] = 255
    loss = parse_loss("ce", classes=3)
    edges = (torch.zeros(2, 1, 12, 10), torch.ones(2, 1, 12, 10))
    truth = edge_target(target, ignore=255)
    expected = loss(logits, target) + 25 * sum(balanced_edge_loss(e, truth) for e in edges)
    assert training_loss(Outputs(logits, edges=edges), target, loss).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("target", [torch.full((2, 12, 10), 255), torch.zeros(2, 12, 10, dtype=torch.long)])
def test_extras_give_finite_gradients_where_there_is_nothing_to_learn(target, batch):
    leaves = [batch[0].clone().requires_grad_(), torch.zeros(2, 1, 12, 10, requires_grad=True)]
    points = torch.zeros(2, 3, 4, requires_grad=True)
    outputs = Outputs(
        leaves[0],
        auxiliary=((leaves[0][:, :, ::4, ::4], 0.5),),
        edges=(leaves[1],),
        points=((points, torch.zeros(2, 4, 2, dtype=torch.long)),),
    )
    training_loss(outputs, target, parse_loss("ce,dice,boundary", classes=3)).backward()
    assert all(torch.isfinite(leaf.grad).all() for leaf in (*leaves, points))
