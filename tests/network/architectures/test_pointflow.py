"""PointFlow: its published size, its edges, its points, by hand."""

import pytest
import torch

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures import pointflow
from tests.network.architectures.made import build, scene, tiny


def millions(module):
    return sum(p.numel() for p in module.parameters()) / 1e6


def test_the_head_has_the_published_size():
    network = build("pointflow", encoder="tu-resnet50d", classes=2)
    assert millions(network) - millions(network.encoder) == pytest.approx(9.36, abs=0.005)
    assert millions(network.flows[0]) == pytest.approx(0.627, abs=0.001)
    assert millions(network) == pytest.approx(32.9, abs=0.05)


def test_three_levels_of_edges_while_training_in_the_size_of_the_scene():
    network = tiny("pointflow")
    outputs = network.train()(scene(2, 4, 70, 93))
    assert [tuple(e.shape) for e in outputs.edges] == [(2, 1, 70, 93)] * 3
    assert isinstance(network.eval()(scene(2, 4, 70, 93)), torch.Tensor)


def test_one_point_flows_as_it_is():
    high, low = scene(1, 5, 1), scene(1, 5, 3, seed=1)
    assert torch.allclose(pointflow.flow(high, low), low + high)


def test_the_flow_is_the_mean_of_the_high_points_weighted_by_likeness():
    high = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])  # two points, two channels
    low = torch.tensor([[[2.0], [0.0]]])  # like the first
    weight = torch.softmax(torch.tensor([2.0, 0.0]), 0)
    assert torch.allclose(pointflow.flow(high, low)[0, :, 0], torch.stack((2 + weight[0], weight[1])))


def sizes(**changes):
    numbers = {"width": 6, "match": 4, "salient": 3, "smooth": 2, "points": 5}
    return pointflow.PointFlowSizes(**numbers | changes)


def test_only_the_points_change():
    torch.manual_seed(0)
    module = pointflow.PointFlow(sizes()).eval()
    high, low = scene(2, 6, 9, 9), scene(2, 6, 18, 18, seed=1)
    flowed, edge = module(high, low)
    assert flowed.shape == low.shape
    assert edge.shape == (2, 1, 9, 9)
    changed = (flowed != low).any(1).flatten(1).sum(1)
    assert ((changed >= 9) & (changed <= 9 + 5)).all()  # three by three salient ones, five on edges


def test_points_lie_on_the_first_fine_pixel_of_their_coarse_one():
    places = torch.tensor([[0, 5, 11]])  # (0, 0), (1, 1), (2, 3) of a map of 3 by 4
    fine = pointflow._places(places, torch.Size((3, 4)), torch.Size((6, 12)))
    assert fine.tolist() == [[0, 2 * 12 + 3, 4 * 12 + 9]]


def test_salient_points_win_over_points_on_edges():
    torch.manual_seed(0)
    module = pointflow.PointFlow(sizes(points=81)).eval()
    high, low = scene(1, 6, 9, 9), scene(1, 6, 9, 9, seed=1)
    every = module(high, low)[0]
    module.sizes = sizes(points=1)
    few = module(high, low)[0]
    same = (every == few).all(1).sum()
    assert 9 <= same <= 10  # the salient points, and perhaps the one on the edge


def test_maps_smaller_than_the_grid_of_salient_points_work():
    module = pointflow.PointFlow(sizes(salient=14, smooth=9, points=128))
    assert module(scene(2, 6, 2, 3), scene(2, 6, 4, 6))[0].shape == (2, 6, 4, 6)


def test_edges_take_no_gradient_through_the_choice_of_points():
    module = pointflow.PointFlow(sizes())
    flowed, edge = module(scene(1, 6, 8, 8), scene(1, 6, 16, 16, seed=1))
    flowed.sum().backward(retain_graph=True)
    assert all(p.grad is None for p in module.edge.parameters())
    edge.sum().backward()
    assert all(p.grad is not None for p in module.edge.parameters())


def test_numbers_below_one_are_a_model_error():
    with pytest.raises(ModelError, match="must be 1 or more"):
        build("pointflow", points=0)


@pytest.mark.parametrize("encoder", ["resnet18", "tu-resnet26d"])
def test_a_dilated_encoder_sees_farther_in_features_of_the_same_size(encoder):
    def reach(network):
        """Rows of the scene that the coarsest feature in the middle depends on."""
        image = scene(1, 3, 512, 64).requires_grad_()
        coarsest = network.eval().encoder(image)[-1]
        coarsest[..., 8, 1].sum().backward()
        return int((image.grad.abs().sum((0, 1, 3)) > 0).sum()), coarsest.shape

    plain, dilated = build("pointflow", encoder=encoder), build("pointflow", encoder=encoder, dilated=True)
    for norm in (m for m in plain.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        torch.nn.init.ones_(norm.weight)  # timm starts residual branches at nothing
    dilated.load_state_dict(plain.state_dict())
    (near, small), (far, same) = reach(plain), reach(dilated)
    assert small == same
    assert far > near


def test_only_residual_networks_can_be_dilated():
    with pytest.raises(ModelError, match="no stage layer3"):
        build("pointflow", encoder="mobilenet_v2", dilated=True)


def test_the_grids_of_the_pyramid_can_be_chosen():
    assert build("pointflow", grids=(1, 2, 3, 7)).pyramid.grids[-1][0].cells == 7
    with pytest.raises(ModelError, match="grids"):
        build("pointflow", grids=())
