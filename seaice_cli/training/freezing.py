"""Encoders that stay as they start while the rest of the network learns: few scenes teach a pretrained encoder more harm than good."""

from __future__ import annotations

from torch import nn

from seaice_cli.errors import OptionError


def freeze_encoder(network: nn.Module) -> None:
    """Let no gradient move the weights of a network's encoder.

    Raises:
        OptionError: The network has no encoder.
    """
    encoders = _encoders(network)
    if not encoders:
        raise OptionError(f"freeze_encoder: {type(network).__name__} has no encoder; leave the option out")
    for encoder in encoders:
        encoder.requires_grad_(requires_grad=False)


def hold_encoder(network: nn.Module) -> None:
    """Take the encoder of a network out of training mode, so that its batch normalisation keeps its statistics."""
    for encoder in _encoders(network):
        encoder.eval()


def _encoders(network: nn.Module) -> list[nn.Module]:
    return [module for path, module in network.named_modules() if path.rpartition(".")[2] == "encoder"]
