"""The CPU engine: the model's ONNX graph, or its quantised one, run by OpenVINO.

Several times faster than eager torch on the same cores, above all in bfloat16 where the processor has AMX or AVX512-BF16, and in int8
where it has VNNI or AMX. What the quantised graph leaves in floating point is computed in bfloat16 where the processor can. It is
ready half a second after the process starts. The graph is compiled in the background, while the first rows of the scene are
read. One stream of all threads runs one window at a time, so that neither batch size nor
the number of threads can change a result: every output value is summed in the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from seaice_cli.errors import EngineError, ModelError
from seaice_cli.network.catalog import Model
from seaice_cli.network.graph_cache import graph_path
from seaice_cli.network.spec import INT8_FILES, ONNX_FILE, ModelSpec
from seaice_cli.raster.processors import multiplies_bytes, processors
from seaice_cli.raster.windows.grid import Chip

_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
INT8 = "int8"
MAX_LOSS = 0.005
"""Mean IoU that "auto" gives up for speed, at most."""


class OpenVinoEngine:
    """Runs `network.onnx` on the CPU.

    Args:
        model: What to run.
        shape: (height, width) of every chip; the graph is compiled for it.
        precision: "auto": int8 where the processor multiplies bytes and the model's quantised graph was measured to lose at most
            `MAX_LOSS`, else bfloat16 where the processor computes in it, else float32.
        in_flight: How many windows wait at the engine, so that it never waits for the next.
        threads: CPU threads; None: all that the process may use.

    Raises:
        ModelError: The graph is missing, damaged or not the model's.
        EngineError: OpenVINO does not know the precision, or the model has no quantised graph.
            That it cannot compile the graph is told by `run`.
    """

    name = "openvino"
    device = "cpu"

    def __init__(
        self,
        model: Model,
        shape: tuple[int, int],
        *,
        precision: str = "auto",
        in_flight: int | None = None,
        threads: int | None = None,
    ) -> None:
        self._in_flight = max(1, min(in_flight or 2, 8))
        core = ov.Core()
        able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = _precision(model.spec, precision, able)
        self._float = (
            _precision(model.spec, "auto", able, quantised=False) if self.precision == INT8 else self.precision
        )
        if self.precision == INT8 and not model.spec.has_int8:
            raise EngineError(
                f"{model.directory}: holds no quantised graph for `precision` int8; make one with seaice models export --int8"
            )
        self._path = model.directory / (INT8_FILES[0] if self.precision == INT8 else ONNX_FILE)
        graph = _read(core, _graph_files(model, self.precision))
        try:
            graph.reshape([1, len(model.spec.bands), *shape])
        except RuntimeError as error:
            raise self._refused(error) from error
        _refuse_other(self._path, model.spec, graph, shape)
        compiler = ThreadPoolExecutor(1, "compile")
        self._requests = compiler.submit(self._compile, core, graph, self._options(threads))
        compiler.shutdown(wait=False)

    def _compile(self, core: ov.Core, graph: Any, options: dict[str, Any]) -> list[Any]:
        try:
            compiled = core.compile_model(graph, "CPU", options)
            return [compiled.create_infer_request() for _ in range(self._in_flight)]
        except RuntimeError as error:
            raise self._refused(error) from error

    def _refused(self, error: RuntimeError) -> EngineError:
        return EngineError(f"OpenVINO cannot run {self._path} ({_first_line(error)})")

    def _options(self, threads: int | None) -> dict[str, Any]:
        return {
            "INFERENCE_PRECISION_HINT": _HINTS[self._float],
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads or processors(),
        }

    def run(self, chips: Iterable[Chip]) -> Iterator[Chip]:
        """Yield the probabilities of every chip, in order; a few are computed ahead.

        Raises:
            EngineError: OpenVINO cannot compile the graph for this processor, or fails at a chip.
        """
        waiting: deque[tuple[Chip, Any]] = deque()
        idle = deque(self._requests.result())
        try:
            for chip in chips:
                while not idle or len(waiting) > 2 * self._in_flight:
                    yield self._result(waiting, idle)
                waiting.append((chip, self._start(chip, idle) if chip.pixels is not None else None))
            while waiting:
                yield self._result(waiting, idle)
        finally:
            for _, request in waiting:
                if request is not None:
                    with suppress(RuntimeError):  # the first that failed has been told
                        request.wait()

    @staticmethod
    def _start(chip: Chip, idle: deque[Any]) -> Any:
        request = idle.popleft()
        np.copyto(request.get_input_tensor().data[0], chip.pixels)
        request.start_async()
        return request

    @staticmethod
    def _result(waiting: deque[tuple[Chip, Any]], idle: deque[Any]) -> Chip:
        chip, request = waiting[0]
        if request is None:
            waiting.popleft()
            return chip
        try:
            request.wait()
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed at {chip.window} ({_first_line(error)})") from error
        waiting.popleft()
        idle.append(request)
        return Chip(chip.window, request.get_output_tensor().data[0], chip.excluded)


def _precision(spec: ModelSpec, wanted: str, able: Sequence[str], *, quantised: bool = True) -> str:
    """Return what "auto" stands for on this processor with this model, or what is wanted."""
    if wanted == "auto":
        if (
            quantised
            and spec.has_int8
            and spec.int8_loss is not None
            and spec.int8_loss <= MAX_LOSS
            and multiplies_bytes()
        ):
            return INT8
        return "bfloat16" if "BF16" in able else "float32"
    if wanted not in (*_HINTS, INT8):
        raise EngineError(f"precision {wanted!r} is none of {', '.join((*_HINTS, INT8))}")
    return wanted


def _graph_files(model: Model, precision: str) -> list[Path]:
    """Return the files of the graph, the graph itself first, found as the spec records them."""
    return [model.file(name) for name in INT8_FILES] if precision == INT8 else [graph_path(model)]


def _read(core: ov.Core, files: Sequence[Path]) -> Any:
    try:
        return core.read_model(*map(str, files))
    except (RuntimeError, UnicodeDecodeError) as error:  # the second: its text quotes the damaged bytes
        raise ModelError(
            f"{files[0]}: not a graph that OpenVINO can read ({_first_line(error)}); get the model anew"
        ) from error


def _refuse_other(path: Path, spec: ModelSpec, graph: Any, shape: tuple[int, int]) -> None:
    expected = [1, len(spec.classes), *shape]
    found = graph.output(0).partial_shape
    if len(graph.outputs) != 1 or not found.is_static or list(found.to_shape()) != expected:
        raise ModelError(f"{path}: gives {found} where the spec means {expected}; the graph is not this model's")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
