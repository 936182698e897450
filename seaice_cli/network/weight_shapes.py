"""The shapes of weights before there are any: what a file says it holds, and what a network would hold."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures.segmenter import inference_state

Shapes = Mapping[str, tuple[int, ...]]
_TIMES = 4
"""Heads that only training uses are not in the file; with them a network has at most so many times the weights of the file."""
_MORE_TENSORS, _MORE_VALUES = 1000, 10_000_000


def shapes_of(network: nn.Module) -> Shapes:
    """Return the shapes of the weights that prediction with a network needs."""
    return {name: tuple(tensor.shape) for name, tensor in inference_state(network).items()}


def read_shapes(path: Path) -> Shapes:
    """Return the shapes that the header of a safetensors file states, found to add up to the size of the file.

    Raises:
        ModelError: The file is missing, or its header is damaged or not that of this file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - it is no dict
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as weights ({str(error).splitlines()[0][:300]})") from error


def refuse_larger(build: Callable[[], nn.Module], there: Shapes, path: Path) -> None:
    """Refuse a network that takes far more than the weights it is to be given, before anything is allocated for it.

    Args:
        build: Builds the network.
        there: The shapes in the file.
        path: The file, for the text.

    Raises:
        ModelError: The network is not meant by this file, or cannot be built.
    """
    values = _TIMES * _count(there) + _MORE_VALUES
    outlined = _outline(build, tensors=_TIMES * len(there) + _MORE_TENSORS, path=path)
    if outlined is not None and _count(outlined) > values:
        raise _too_large(path, f"{_count(outlined):,} values where the file holds {_count(there):,}")


def _outline(build: Callable[[], nn.Module], *, tensors: int, path: Path) -> Shapes | None:
    """Return the shapes of a network's weights by building it on torch's meta device, where tensors have no content.

    None if it is of a kind that cannot be built there. Building is given up at more than so many tensors.
    """
    here, count = threading.get_ident(), 0

    def number(*_registered: object) -> None:
        nonlocal count
        count += threading.get_ident() == here
        if count > tensors:
            raise _too_large(path, f"more than {tensors:,} tensors")

    hook = register_module_parameter_registration_hook(number)
    try:
        with torch.device("meta"):
            return shapes_of(build())
    except ModelError as error:
        if isinstance(error.__cause__, RuntimeError) and re.search(r"\bmeta\b", str(error).lower()):
            return None
        raise
    finally:
        hook.remove()


def _count(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def _too_large(path: Path, how: str) -> ModelError:
    return ModelError(f"{path}: model.json describes a network of {how}; these are not its weights")
