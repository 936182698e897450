"""Model directories made for tests: pixelwise graphs, written without torch, whose right answer is known for every pixel."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from seaice_cli.network.spec import ONNX_FILE, SPEC_FILE, IceClass, ModelSpec

OFF_TIES = 3.1e-4
"""Moves the borders between classes off the means that whole numbers can have, so that there are no ties to argue about."""
COLORS = ((20, 60, 140), (240, 250, 255), (150, 150, 150))
ONNX_TYPES = {
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "int16": TensorProto.INT16,
    "float32": TensorProto.FLOAT,
}


def pixel_model(folder, *, bands=3, dtype="uint8", valid_range=(0, 255), classes=2, blur=0, **spec):
    """Write a model whose class depends on the mean of a pixel's bands alone: equal steps of the valid range, dark first.

    With `blur` the mean is taken over a neighbourhood of (2 * blur + 1)² pixels first, so that windows matter.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_graph(bands, dtype, valid_range, classes, blur), folder / ONNX_FILE)
    values = {
        "name": folder.name, "architecture": "pixelwise", "encoder": "none",
        "bands": tuple(f"band{i}" for i in range(bands)), "dtype": dtype, "valid_range": valid_range,
        "mean": (float(np.mean(valid_range)),) * bands, "std": (1.0,) * bands, "ice": 1, "resolution": None,
        "classes": tuple(IceClass(n, c) for n, c in zip(("water", "ice", "cloud"), COLORS, strict=True))[:classes],
        "sha256": {ONNX_FILE: hashlib.sha256((folder / ONNX_FILE).read_bytes()).hexdigest()},
    } | spec  # fmt: skip
    (folder / SPEC_FILE).write_text(ModelSpec(**values).to_json())
    return folder


def expected_classes(pixels, *, valid_range=(0, 255), classes=2):
    """Return what the pixelwise model says, computed with NumPy; (bands, height, width) to (height, width)."""
    low, high = valid_range
    position = (pixels.astype(np.float64).mean(axis=0) - low) / (high - low) + OFF_TIES
    return np.clip(np.floor(position * classes), 0, classes - 1).astype(np.uint8)


def _graph(bands, dtype, valid_range, classes, blur):
    """Logits of class i: -s * (position - centre_i)², so that the boundaries lie at equal steps."""
    low, high = valid_range
    centres = (np.arange(classes, dtype=np.float32) + 0.5) / classes
    kernel = np.full((1, bands, 2 * blur + 1, 2 * blur + 1), 1.0 / (bands * (2 * blur + 1) ** 2), np.float32)
    constants = {
        "kernel": kernel, "low": np.float32([low - OFF_TIES * (high - low)]), "span": np.float32([high - low]),
        "centres": centres.reshape(1, -1, 1, 1), "sharpness": np.float32([-200.0]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Cast", ["scene"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["values", "kernel"], ["mean"], pads=[blur] * 4),
        helper.make_node("Sub", ["mean", "low"], ["above"]),
        helper.make_node("Div", ["above", "span"], ["position"]),
        helper.make_node("Sub", ["position", "centres"], ["distance"]),
        helper.make_node("Mul", ["distance", "distance"], ["square"]),
        helper.make_node("Mul", ["square", "sharpness"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes, "pixelwise",
        [helper.make_tensor_value_info("scene", ONNX_TYPES[dtype], ["n", bands, "h", "w"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes, "h", "w"])],
        [numpy_helper.from_array(v, k) for k, v in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
