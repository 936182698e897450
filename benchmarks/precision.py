"""What a window costs in every precision, with and without AMX.

    python benchmarks/precision.py MODEL [MODEL ...] [--side 1024]

Processor seconds of the graphs of a model, in turns in one process, so that other load falls on all of them alike. The same again
in processes whose kernels may not use AMX, nor bfloat16 (oneDNN reads `ONEDNN_MAX_CPU_ISA`): what processors without them do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from typing import Any

import numpy as np
import openvino as ov
from measuring import machine, measure, table

from seaice_cli.network.catalog import Model, find_model
from seaice_cli.network.spec import INT8_FILES, ONNX_FILE

ROUNDS = 9
PROCESSORS = {"as it is": "DEFAULT", "without AMX": "AVX512_CORE_BF16", "with VNNI only": "AVX512_CORE_VNNI"}
"""The most that oneDNN may use; a processor that lacks it anyway measures the same twice."""


def open_requests(model: Model, side: int) -> dict[str, Any]:
    """Return a request for every precision."""
    core, requests = ov.Core(), {}
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    bfloat = os.environ.get("ONEDNN_MAX_CPU_ISA") != PROCESSORS["with VNNI only"] and "BF16" in able
    graphs = (
        {"float32": (ONNX_FILE, "f32"), "bfloat16": (ONNX_FILE, "bf16")} if bfloat else {"float32": (ONNX_FILE, "f32")}
    )
    for name, (file, hint) in (graphs | {"int8": (INT8_FILES[0], "bf16" if bfloat else "f32")}).items():
        graph = core.read_model(model.directory / file)
        graph.reshape([1, len(model.spec.bands), side, side])
        options = {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": 1}
        requests[name] = core.compile_model(graph, "CPU", options).create_infer_request()
    return requests


def time_turns(model: Model, side: int) -> dict[str, float]:
    """Return the median processor seconds of a window by precision."""
    shape = (1, len(model.spec.bands), side // 16, side // 16)
    image = np.random.default_rng(0).integers(0, 256, shape).repeat(16, 2).repeat(16, 3).astype(model.spec.dtype)
    requests = open_requests(model, side)
    seconds: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(ROUNDS):
        for name, request in requests.items():
            began = time.process_time()
            request.infer([image])
            seconds[name].append(time.process_time() - began)
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--json", action="store_true", help="Print the seconds of the first model, and no table.")
    chosen = parser.parse_args()
    if chosen.json:
        print(json.dumps(time_turns(find_model(chosen.models[0]), chosen.side)))
        return
    rows: list[list[object]] = []
    for model in chosen.models:
        for processor, most in PROCESSORS.items():
            command = [sys.executable, __file__, model, "--side", str(chosen.side), "--json"]
            seconds = json.loads(measure(command, ONEDNN_MAX_CPU_ISA=most).output.splitlines()[-1])
            others = (f"{seconds[n]:.3f}" if n in seconds else "-" for n in ("float32", "bfloat16", "int8"))
            best = min(seconds[n] for n in seconds if n != "int8")
            rows.append([model, processor, *others, f"{best / seconds['int8']:.2f}"])
    print(f"{chosen.side} px, processor seconds a window, {machine()}\n")
    print(table(["model", "processor", "float32", "bfloat16", "int8", "best other / int8"], rows))


if __name__ == "__main__":
    main()
