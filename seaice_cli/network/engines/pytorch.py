"""The GPU engine: the network itself, run by torch with AMP, channels_last and pinned asynchronous copies.

Probabilities stay on the device; the blend works there too, so only finished classes come back. It runs on a CPU as well, for models
without an ONNX graph and to compare. Results depend on the batch size (kernels are chosen by shape), so a run keeps one,
and fills up batches that are short of windows: a killed run goes on with other windows in a batch, and ends in the same bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seaice_cli.errors import EngineError
from seaice_cli.network.build import SceneNetwork, load_network
from seaice_cli.network.catalog import Model
from seaice_cli.raster.windows.grid import Chip

log = logging.getLogger(__name__)
_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_SHARE = 0.6
"""Of the free device memory, for one batch."""
_BYTES_PER_PIXEL = 1600
"""Of activations, for one pixel of a mid-sized U-Net in half precision; halving on out-of-memory mends a wrong guess."""


class TorchEngine:
    """Runs the network with torch.

    Args:
        model: What to run.
        shape: (height, width) of every chip.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto": bfloat16 on a GPU that has it, else float16; float32 on a CPU.
        batch_size: Windows per forward pass; None: as many as fit well.
        threads: CPU threads; None: torch's own choice.

    Raises:
        EngineError: The device is not there.
    """

    name = "torch"

    def __init__(
        self,
        model: Model,
        shape: tuple[int, int],
        *,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        threads: int | None = None,
    ) -> None:
        self._device = _device(device)
        self.device = str(self._device)
        self.precision = _precision(self._device, precision)
        self._batch_size = batch_size or _fitting(self._device, shape)
        if threads:
            torch.set_num_threads(threads)
        graph = SceneNetwork(load_network(model), model.spec).eval()
        self._graph = graph.to(self._device).to(memory_format=torch.channels_last)

    @property
    def batch_size(self) -> int:
        """Windows per forward pass now; it halves when the device runs out of memory."""
        return self._batch_size

    @property
    def home(self) -> torch.device:
        """Where its probabilities lie."""
        return self._device

    def run(self, chips: Iterable[Chip]) -> Iterator[Chip]:
        """Yield the probabilities of every chip, in order; the next batch is sent while this one is handed out."""
        stream = iter(chips)
        ahead = self._send(stream)
        while ahead is not None:
            batch, inputs = ahead
            outputs = self._forward(inputs, sum(chip.pixels is not None for chip in batch))
            ahead = self._send(stream)
            yield from self._handed_out(batch, outputs)

    def _send(self, stream: Iterator[Chip]) -> tuple[list[Chip], torch.Tensor | None] | None:
        """Take a batch of chips, and start its copy to the device."""
        batch = list(islice(stream, self._batch_size))
        if not batch:
            return None
        pixels = [c.pixels for c in batch if c.pixels is not None]
        if not pixels:
            return batch, None
        return batch, self._gathered(pixels).to(self._device, non_blocking=True)

    def _gathered(self, pixels: list[npt.NDArray[Any]]) -> torch.Tensor:
        """Return the pixels as a full batch, on a GPU's host in pinned memory, from where copies need nobody to wait for them."""
        kind = torch.from_numpy(np.empty(0, pixels[0].dtype)).dtype
        shape = (max(self._batch_size, len(pixels)), *pixels[0].shape)
        inputs = torch.empty(shape, dtype=kind, pin_memory=self._device.type == "cuda")
        for place, chip in zip(inputs.numpy(), pixels, strict=False):
            np.copyto(place, chip)
        inputs[len(pixels) :] = 0
        return inputs

    def _handed_out(self, batch: list[Chip], outputs: list[torch.Tensor]) -> Iterator[Chip]:
        results = iter(outputs)
        for chip in batch:
            yield chip if chip.pixels is None else Chip(chip.window, next(results), chip.excluded)

    def _forward(self, inputs: torch.Tensor | None, windows: int) -> list[torch.Tensor]:
        """Run a batch of so many windows, and what fills it up; when the device is out of memory, in halves from now on."""
        if inputs is None:
            return []
        results: list[torch.Tensor] = []
        at = 0
        while at < windows:
            step = min(self._batch_size, len(inputs) - at)
            try:
                results.extend(self._infer(inputs[at : at + step]))
            except torch.OutOfMemoryError as error:
                self._halve(step, error)
            else:
                at += step
        return results

    def _halve(self, step: int, error: BaseException) -> None:
        if step == 1:
            raise EngineError(
                f"{self.device} has not enough memory for one window; choose a smaller `tile`, or `device` cpu"
            ) from error
        self._batch_size = step // 2
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        log.warning(
            "%s is out of memory with %d windows at once; going on with %d", self.device, step, self._batch_size
        )

    @torch.no_grad()  # not inference_mode: the blend works in place on what comes out
    def _infer(self, inputs: torch.Tensor) -> Iterable[torch.Tensor]:
        dtype = _TYPES[self.precision]
        with torch.autocast(self._device.type, dtype=dtype, enabled=dtype != torch.float32):
            outputs: torch.Tensor = self._graph(inputs)
        return outputs.float().contiguous().unbind(0)


def _device(name: str) -> torch.device:
    available = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if available else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise EngineError(f"`device` {name}: no such device; use cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (not available or (device.index or 0) >= torch.cuda.device_count()):
        raise EngineError(
            f"`device` {name}: no such GPU on this machine ({torch.cuda.device_count()} found); use `device` cpu"
        )
    if device.type not in ("cuda", "cpu"):
        raise EngineError(f"`device` {name}: not supported; use cpu, cuda or cuda:N")
    return device


def _precision(device: torch.device, wanted: str) -> str:
    if wanted == "int8":
        raise EngineError("`precision` int8 is for the CPU; use `engine` openvino, or another precision")
    if wanted != "auto":
        return wanted
    if device.type == "cpu":
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"


def _fitting(device: torch.device, shape: tuple[int, int]) -> int:
    if device.type == "cpu":
        return 1
    free: Any = torch.cuda.mem_get_info(device)[0]
    return max(1, min(32, int(_SHARE * free / (_BYTES_PER_PIXEL * shape[0] * shape[1]))))
