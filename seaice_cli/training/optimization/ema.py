"""The running mean of a network's weights, which generalises better than the weights of any one step."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Ema:
    """A twin of a network that follows its weights slowly.

    Args:
        network: The network that is trained.
        decay: How much of the mean stays at each step once it is warm; at step n it is at most (1 + n) / (10 + n).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the weights of `network` after step `step`; what is no number with a point is copied."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        own, new = self.network.state_dict(), network.state_dict()
        floats = [name for name, value in own.items() if value.is_floating_point()]
        torch._foreach_lerp_([own[n] for n in floats], [new[n] for n in floats], weight)
        for name in own.keys() - set(floats):
            own[name].copy_(new[name])
