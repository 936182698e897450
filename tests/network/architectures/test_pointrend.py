"""PointRend: where it looks, what it replaces."""

import pytest
import torch
from torch.nn import functional as F

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures import pointrend
from tests.network.architectures.made import build, scene, tiny


def test_uncertainty_is_highest_where_two_classes_are_equally_likely():
    logits = torch.tensor([[5.0, 0.0, -3.0], [5.0, 5.0, -3.0], [1.0, 0.5, 0.0]]).T[None]
    assert pointrend.uncertainty(logits)[0].argmax() == 1
    assert pointrend.uncertainty(logits)[0, 1] == pytest.approx(0)


def test_sampling_at_centres_of_pixels_gives_the_pixels():
    maps = scene(2, 3, 4, 5)
    where = pointrend._centres(torch.tensor([[0, 7, 19]] * 2), torch.Size((4, 5)))
    assert torch.allclose(pointrend.sample(maps, where), maps.flatten(2)[..., [0, 7, 19]], atol=1e-5)


def test_three_quarters_of_the_training_points_are_where_the_network_hesitates():
    torch.manual_seed(0)
    coarse = torch.zeros(1, 2, 32, 32)
    coarse[:, 0, :, :16] = 10  # sure on the left, undecided on the right
    where = pointrend.training_points(coarse, 400)
    assert where.shape == (1, 400, 2)
    assert 0 <= where.min() <= where.max() < 1
    assert (where[0, :300, 1] > 0.45).all()
    assert 0.3 < (where[0, 300:, 1] > 0.5).float().mean() < 0.7


def test_the_points_of_training_are_pixels_of_the_scene_even_where_it_was_padded():
    outputs = tiny("pointrend").train()(scene(2, 4, 65, 97))
    ((logits, pixels),) = outputs.points
    assert logits.shape[:2] == (2, 3)
    assert logits.shape[2] == pixels.shape[1]
    assert pixels.min() >= 0
    assert (pixels <= torch.tensor((64, 96))).all()


def test_at_most_so_many_pixels_differ_from_the_enlarged_coarse_logits():
    network, image = build("pointrend", points=20), scene(1, 3, 64, 64)
    network.eval()
    with torch.no_grad():
        features = network.base.encoder(image)
        logits = network.base.coarse(features)
        network.steps = 1
        once = network._refine(logits, features[2])
        plain = F.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False)
    changed = (once != plain).any(1)
    assert changed.sum() == 20
    assert pointrend.uncertainty(plain)[changed].min() >= pointrend.uncertainty(plain)[~changed].max()


@pytest.mark.parametrize("base", ["deeplabv3plus", "pspnet", "segformer"])
def test_other_coarse_networks_can_be_refined(base):
    network = build("pointrend", base=base).eval()
    assert network(scene(1, 3, 40, 72)).shape == (1, 3, 40, 72)


@pytest.mark.parametrize("base", ["unet", "kang", "pointrend"])
def test_a_network_of_full_resolution_is_a_model_error(base):
    with pytest.raises(ModelError, match="base must be one of"):
        build("pointrend", base=base)


def test_the_auxiliary_head_of_the_base_stays():
    outputs = build("pointrend", auxiliary=0.4).train()(scene(2, 3, 64, 64))
    assert [(tuple(logits.shape), weight) for logits, weight in outputs.auxiliary] == [((2, 3, 64, 64), 0.4)]
