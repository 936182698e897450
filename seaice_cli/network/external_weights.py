"""Weights kept once: an ONNX graph whose tensors lie in the safetensors file beside it.

ONNX lets a tensor be a range of bytes of another file ("external data"), and safetensors keeps tensors as plain little-endian bytes. So
`network.onnx` of a model directory holds the operations, and `weights.safetensors` the weights, for the CPU engine as for torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, numpy_helper

from seaice_cli.errors import ModelError

SMALLEST = 256
"""Bytes; smaller tensors stay in the graph."""


def refer(graph: bytes, weights: bytes, location: str) -> bytes:
    """Return a graph whose tensors are taken from a safetensors file, as far as they lie there byte for byte.

    Args:
        graph: An ONNX graph that holds its tensors.
        weights: The content of the safetensors file.
        location: The name of that file, in the folder of the graph.
    """
    proto = onnx.load_from_string(graph)
    places = {weights[start:stop]: (start, stop - start) for start, stop in _ranges(weights)}
    for tensor in proto.graph.initializer:
        content = numpy_helper.to_array(tensor).tobytes()
        if len(content) >= SMALLEST and content in places:
            offset, length = places[content]
            _refer(tensor, location=location, offset=offset, length=length)
    return bytes(proto.SerializeToString())


def self_contained(path: Path) -> bytes:
    """Return the graph in a file with all its tensors in it, wherever they lay.

    Raises:
        ModelError: A tensor lies in a file that is missing, or beyond its end.
    """
    try:
        return bytes(onnx.load(path).SerializeToString())
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(f"{path}: its weights cannot be read ({reason}); get the model anew") from error


def _ranges(weights: bytes) -> list[tuple[int, int]]:
    """Return where the tensors of a safetensors file begin and end: after 8 bytes with the length of a header in JSON, and that."""
    length = int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8 : 8 + length])
    found = [entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"]
    return [(8 + length + start, 8 + length + stop) for start, stop in found]


def _refer(tensor: Any, **place: object) -> None:
    for name in ("raw_data", "float_data", "int64_data", "int32_data", "double_data"):
        tensor.ClearField(name)
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key, value in place.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
