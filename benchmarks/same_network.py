"""Write the network of the peers' scripts, once as their state_dict and once as a model directory.

python benchmarks/same_network.py resnet18|cheap WEIGHTS.pt MODEL_DIR
"""

from __future__ import annotations

import sys
from pathlib import Path

import segmentation_models_pytorch as smp
import torch
from torch import nn

from seaice_cli.network.export import onnx_bytes
from seaice_cli.network.spec import ONNX_FILE, SPEC_FILE, IceClass, ModelSpec


def main(name: str, weights: Path, folder: Path) -> None:
    torch.manual_seed(0)
    network: nn.Module = nn.Conv2d(3, 2, 1) if name == "cheap" else smp.Unet(name, encoder_weights=None, classes=2)
    if isinstance(network, nn.Conv2d):
        with torch.no_grad():
            network.weight.zero_()
            network.weight[1] = 1 / 3
            nn.init.zeros_(network.bias)
    torch.save(network.state_dict(), weights)
    spec = ModelSpec(
        name=name, architecture="unet", encoder=name, bands=("red", "green", "blue"), dtype="uint8", valid_range=(0, 255),
        mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), ice=1, resolution=None,
        classes=(IceClass("water", (20, 60, 140)), IceClass("ice", (240, 250, 255))),
    )  # fmt: skip
    folder.mkdir()
    (folder / ONNX_FILE).write_bytes(onnx_bytes(spec, network.eval()))
    (folder / SPEC_FILE).write_text(spec.to_json())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
