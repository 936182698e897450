"""The CPU engine: the model's ONNX graph, run by OpenVINO.

Several times faster than eager torch on the same cores, above all in bfloat16 where the processor has AMX or AVX512-BF16, and
ready half a second after the process starts. The graph is compiled in the background, while the first rows of the scene are
read. One stream of all threads runs one window at a time, so that neither batch size nor
the number of threads can change a result: every output value is summed in the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import openvino as ov

from seaice_cli.errors import EngineError, ModelError
from seaice_cli.network.catalog import Model
from seaice_cli.network.graph_cache import graph_path
from seaice_cli.network.spec import ONNX_FILE
from seaice_cli.raster.processors import processors
from seaice_cli.raster.windows.grid import Chip

_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}


class OpenVinoEngine:
    """Runs `network.onnx` on the CPU.

    Args:
        model: What to run.
        shape: (height, width) of every chip; the graph is compiled for it.
        precision: "auto": bfloat16 where the processor computes in it, else float32.
        in_flight: How many windows wait at the engine, so that it never waits for the next.
        threads: CPU threads; None: all that the process may use.

    Raises:
        ModelError: The graph is missing, damaged or not the model's.
        EngineError: OpenVINO does not know the precision. That it cannot compile the graph is told by `run`.
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
        self._path = model.directory / ONNX_FILE
        core = ov.Core()
        self.precision = _precision(core, precision)
        graph = _read(core, model)
        try:
            graph.reshape([1, len(model.spec.bands), *shape])
        except RuntimeError as error:
            raise self._refused(error) from error
        _refuse_other(model, graph, shape)
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
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
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
        request.set_input_tensor(ov.Tensor(chip.pixels[None], shared_memory=True))
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


def _precision(core: ov.Core, wanted: str) -> str:
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if wanted == "auto":
        return "bfloat16" if "BF16" in able else "float32"
    if wanted not in _HINTS:
        raise EngineError(f"precision {wanted!r} is none of {', '.join(_HINTS)}")
    return wanted


def _read(core: ov.Core, model: Model) -> Any:
    path = graph_path(model)
    try:
        return core.read_model(str(path))
    except (RuntimeError, UnicodeDecodeError) as error:  # the second: its text quotes the damaged bytes
        raise ModelError(
            f"{path}: not a graph that OpenVINO can read ({_first_line(error)}); get the model anew"
        ) from error


def _refuse_other(model: Model, graph: Any, shape: tuple[int, int]) -> None:
    expected = [1, len(model.spec.classes), *shape]
    found = graph.output(0).partial_shape
    if len(graph.outputs) != 1 or not found.is_static or list(found.to_shape()) != expected:
        raise ModelError(
            f"{model.directory / ONNX_FILE}: gives {found} where the spec means {expected}; the graph is not this model's"
        )


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
