"""The score of a network is that of all pixels of all scenes, each counted once."""

import numpy as np
import pytest
import torch
from torch import nn

from seaice_cli.evaluation.metrics.confusion import Confusion
from seaice_cli.training.crops.dataset import Labelled, SceneStore
from seaice_cli.training.optimization.ema import Ema
from seaice_cli.training.validation import confuse, normalised
from tests.network.test_build import small_spec


class Made:
    """A scene in memory."""

    def __init__(self, height, width, seed):
        rng = np.random.default_rng(seed)
        self.name, self.height, self.width = "made", height, width
        self.pixels = rng.integers(0, 256, (3, height, width), dtype=np.uint8)
        self.classes = rng.integers(0, 3, (height, width), dtype=np.uint8)
        self.valid = rng.random((height, width)) > 0.1
        self.classes[~self.valid] = 255

    def read(self, window):
        rows, columns = window.toslices()
        return Labelled(self.pixels[:, rows, columns], self.classes[rows, columns], self.valid[rows, columns])


class Brightest(nn.Module):
    """Says of every pixel which band is highest: a network that sees single pixels."""

    def forward(self, scene):
        return scene


@pytest.mark.parametrize("shape", [(40, 70), (512, 512), (700, 530), (513, 1100)])
def test_every_pixel_is_counted_once(shape):
    scenes = [Made(*shape, 0), Made(33, 31, 1)]
    spec = small_spec(mean=(0.0,) * 3, std=(1.0,) * 3)
    found, _ = confuse(Brightest(), SceneStore(scenes), spec, torch.device("cpu"))
    expected = Confusion.empty(3)
    for scene in scenes:
        expected = expected.add(scene.classes, scene.pixels.argmax(axis=0).astype(np.uint8))
    np.testing.assert_array_equal(found.counts, expected.counts)


def test_pixels_without_data_are_the_mean():
    spec = small_spec()
    valid = torch.tensor([[[True, False]]])
    found = normalised(torch.full((1, 3, 1, 2), 150.0), valid, spec)
    assert found[0, 0].tolist() == [[1.0, 0.0]]


def test_the_running_mean_follows_slowly_and_copies_counters():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1))
    ema = Ema(network, 0.9)
    before = network[0].weight.item()
    with torch.no_grad():
        network[0].weight.add_(1.0)
        network[1].num_batches_tracked.fill_(7)
    ema.update(network, step=1000)
    assert ema.network[0].weight.item() == pytest.approx(before + 0.1, abs=1e-6)
    assert ema.network[1].num_batches_tracked == 7
    ema.update(network, step=0)
    assert ema.network[0].weight.item() == pytest.approx(before + 1 - 0.9 * 0.1, abs=1e-5)
