"""Engines: chips in, probabilities out.

An engine takes chips in the model's own dtype and yields, in the same order, chips whose pixels are probabilities, (classes, height,
width) float32, on whatever device it computes. What it yields may be overwritten by the consumer, and is valid until the next chip is
asked for. Chips without pixels pass through unseen.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from seaice_cli.errors import EngineError, OptionError
from seaice_cli.extras import install_command, installed, missing_modules, require_extra
from seaice_cli.network.catalog import Model
from seaice_cli.network.spec import ONNX_FILE, WEIGHTS_FILE
from seaice_cli.raster.windows.grid import Chip

log = logging.getLogger(__name__)

_GPU_DEVICES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")
"""One of these is there when NVIDIA's driver is; the last one under Windows' Linux."""


class Engine(Protocol):
    """Runs a model."""

    name: str
    """Such as "openvino"."""
    precision: str
    """What it computes in: "float32", "bfloat16", "float16" or "int8"."""
    device: str
    """Where it computes, such as "cpu", "cuda:0" or "cuda:0,1"."""

    def run(self, chips: Iterable[Chip]) -> Iterator[Chip]:
        """Yield the probabilities of every chip, in order."""
        ...


def open_engine(
    model: Model,
    shape: tuple[int, int],
    *,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    threads: int | None = None,
) -> Engine:
    """Open the engine for chips of one shape, (height, width).

    "auto" takes torch on a CUDA device where there is one, else OpenVINO.

    Args:
        model: What to run.
        shape: Of every chip, padding included.
        engine: One of `choices.ENGINES`.
        device: "auto", "cpu", "cuda", "cuda:N", or "cuda:N,M" for several GPUs of the machine.
        precision: One of `choices.PRECISIONS`; "auto" is the fastest that the device computes in without loss that matters.
        batch_size: Chips per forward pass on a GPU, requests in flight on a CPU; None: chosen by the engine.
        threads: CPU threads; None: all.

    Raises:
        EngineError: The engine or the device is not there.
        ModelError: The model's files are missing or damaged.
    """
    name = choose_engine(engine, device)
    if name == "openvino" and engine == device == "auto" and has_driver() and missing_modules("gpu"):
        log.warning("there is a GPU here, which %s would use; computing on the CPU", install_command("gpu"))
    return ENGINE_KINDS[name].open(
        model, shape, device=device, precision=precision, batch_size=batch_size, threads=threads
    )


def _open_openvino(model: Model, shape: tuple[int, int], *, batch_size: int | None, **settings: Any) -> Engine:
    from seaice_cli.network.engines.openvino import OpenVinoEngine

    del settings["device"]  # it has one: choose_engine refuses others
    return OpenVinoEngine(model, shape, in_flight=batch_size, **settings)


def _open_torch(model: Model, shape: tuple[int, int], *, device: str, **settings: Any) -> Engine:
    from seaice_cli.network.engines.pytorch import TorchEngine

    engines = [TorchEngine(model, shape, device=one, **settings) for one in split_devices(device)]
    if len(engines) == 1:
        return engines[0]
    from seaice_cli.network.engines.several import SeveralDevices

    return SeveralDevices(engines)


def split_devices(device: str) -> list[str]:
    """Return the devices that a text such as "cuda:0,1" names, here "cuda:0" and "cuda:1".

    Raises:
        OptionError: It names one twice.
    """
    kind, colon, numbers = device.partition(":")
    found = [f"{kind}{colon}{number}" for number in numbers.split(",")]
    if len(set(found)) < len(found):
        raise OptionError(f"`device` {device}: names a device twice")
    return found


@dataclass(frozen=True, slots=True)
class EngineKind:
    """What is known of an engine before it is imported."""

    open: Callable[..., Engine]
    """Takes what `open_engine` takes, and imports the engine."""
    file: str
    """What it reads of a model directory."""
    memory_bytes: int
    """Process, libraries and a mid-sized network's activations for one window of 1024 pixels."""


ENGINE_KINDS = {
    "openvino": EngineKind(_open_openvino, ONNX_FILE, 350 << 20),
    "torch": EngineKind(_open_torch, WEIGHTS_FILE, 1500 << 20),
}
"""By name, as in `choices.ENGINES`."""


def choose_engine(engine: str, device: str) -> str:
    """Return the engine that "auto" stands for on this machine.

    Raises:
        EngineError: An engine was asked for that is not installed.
        OptionError: Engine and device do not go together.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+(,\d+)*)?", device):
        raise OptionError(f"`device` {device}: no such device; use auto, cpu, cuda, cuda:N, or cuda:N,M for several")
    split_devices(device)
    if engine == "auto":
        engine = "torch" if device.startswith("cuda") or (device == "auto" and has_cuda()) else "openvino"
    if engine == "torch":
        require_extra("gpu", f"`device` {device}" if device.startswith("cuda") else "`engine` torch")
    elif not installed(engine):
        raise EngineError(
            f"`engine` {engine} is not installed; install it with pip install {engine}, or choose another"
        )
    if engine == "openvino" and device.startswith("cuda"):
        raise OptionError("`engine` openvino computes on the CPU; use `engine` torch for `device` cuda")
    return engine


def has_driver() -> bool:
    """Tell whether the driver of an NVIDIA GPU is there."""
    return any(Path(device).exists() for device in _GPU_DEVICES)


def has_cuda() -> bool:
    """Tell whether torch can use a CUDA device, without importing it where the driver is absent."""
    if not has_driver() or missing_modules("gpu"):
        return False
    import torch

    return bool(torch.cuda.is_available())
