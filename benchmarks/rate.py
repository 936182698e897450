"""How near the engine comes to what the processor can multiply.

    python benchmarks/rate.py [--model NAME|DIR] [--side 1024] [--precision bf16]

Multiplications and additions per second of processor time: of the network, counted from its convolutions, and of a plain matrix
product in the same engine, one after the other in turns. Their ratio hardly depends on what else runs on the machine. What is
left to gain with the same arithmetic is what it falls short of 100 %.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

import numpy as np
import openvino as ov
from measuring import machine
from openvino import opset13

from seaice_cli.network.catalog import find_model
from seaice_cli.network.spec import ONNX_FILE

SIDE = 2048
"""Of the matrices."""
ROUNDS, PRODUCTS = 7, 6


def operations(graph: Any) -> int:
    """Return how many multiplications and additions the convolutions of a graph of fixed shape do."""
    total = 0
    for node in graph.get_ops():
        if node.get_type_name() == "Convolution":
            kernel = node.input(1).get_source_output().shape
            total += 2 * int(np.prod(list(node.output(0).shape))) * int(np.prod(list(kernel)[1:]))
    return total


def rate(request: Any, values: Any, done: int, times: int = 1) -> float:
    """Return operations per second of processor time, in 10⁹."""
    began = time.process_time()
    for _ in range(times):
        request.infer([values])
    return times * done / 1e9 / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="modis-truecolor")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--precision", default="bf16")
    chosen = parser.parse_args()
    model, core = find_model(chosen.model), ov.Core()
    options = {"INFERENCE_PRECISION_HINT": chosen.precision, "NUM_STREAMS": 1}
    graph = core.read_model(str(model.directory / ONNX_FILE))
    graph.reshape([1, len(model.spec.bands), chosen.side, chosen.side])
    left = opset13.parameter([SIDE, SIDE], np.float32)
    rng = np.random.default_rng(0)
    right = opset13.constant(rng.random((SIDE, SIDE), dtype=np.float32))
    product = ov.Model([opset13.matmul(left, right, False, False)], [left])
    network, plain = (core.compile_model(g, "CPU", options).create_infer_request() for g in (graph, product))
    image = rng.integers(0, 256, graph.input(0).shape).astype(model.spec.dtype)
    matrix = rng.random((SIDE, SIDE), dtype=np.float32)
    network.infer([image])
    plain.infer([matrix])
    count = operations(graph)
    rounds = [(rate(network, image, count), rate(plain, matrix, 2 * SIDE**3, PRODUCTS)) for _ in range(ROUNDS)]
    print(f"{chosen.model}, {chosen.side} px, {chosen.precision}, {machine()}\n")
    print(f"{count / 1e9:.1f} GFLOP a window, {median(a for a, _ in rounds):.0f} a second of processor time")
    print(f"a product of {SIDE} x {SIDE} matrices: {median(b for _, b in rounds):.0f}")
    print(f"ratio, the middle of {ROUNDS} rounds: {median(a / b for a, b in rounds):.0%}")


if __name__ == "__main__":
    main()
