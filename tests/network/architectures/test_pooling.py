"""Pooling as the exporters take it, against torch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from seaice_cli.network.architectures import pooling
from tests.network.architectures.made import scene

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 15))


@settings(max_examples=60)
@given(SIZES)
def test_cells_are_those_of_the_adaptive_pools(sizes):
    height, width, cells = sizes
    maps = scene(2, 1, height, width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooling, "is_exporting", lambda: True)
        means = pooling.AveragePool(cells)(maps)
        maxima, where = pooling.pool_maxima(maps, cells)
    expected, places = F.adaptive_max_pool2d(maps, cells, return_indices=True)
    assert torch.allclose(means, F.adaptive_avg_pool2d(maps, cells), atol=1e-5)
    assert torch.equal(maxima, expected)
    assert torch.equal(where, places)


def test_one_value_per_channel_is_normalised_with_the_running_statistics():
    norm = pooling.PooledNorm(3)
    norm.running_mean.fill_(1.0)
    maps = torch.full((1, 3, 1, 1), 3.0, requires_grad=True)
    assert torch.allclose(norm.train()(maps), torch.full((1, 3, 1, 1), 2.0), atol=1e-4)
    assert norm.running_mean.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="more than 1 value"):
        nn.BatchNorm2d(3).train()(maps)


def test_more_values_are_normalised_as_ever():
    mended, plain, maps = pooling.PooledNorm(3).train(), nn.BatchNorm2d(3).train(), scene(2, 3, 4, 4)
    assert torch.equal(mended(maps), plain(maps))
    assert torch.equal(mended.running_var, plain.running_var)


def test_mending_keeps_names_and_values():
    module = nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Sequential(nn.BatchNorm2d(2, eps=1e-3)), nn.AdaptiveAvgPool2d(1))
    module[1][0].running_mean.fill_(0.5)
    before = module.state_dict()
    maps = scene(2, 2, 7, 7)
    expected = module.eval()(maps)
    pooling.mend_pooling(module)
    assert [type(m).__name__ for m in (module[0], module[1][0], module[2])] == [
        "AveragePool",
        "PooledNorm",
        "AdaptiveAvgPool2d",
    ]
    assert module.state_dict().keys() == before.keys()
    assert torch.equal(module.eval()(maps), expected)
