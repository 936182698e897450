"""Writing model directories, and models in other forms; each file is complete or not there at all."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch import nn

from seaice_cli.errors import OutputError
from seaice_cli.network.architectures.segmenter import inference_state, load_state
from seaice_cli.network.build import SceneNetwork, build_network, load_network
from seaice_cli.network.catalog import Model
from seaice_cli.network.external_weights import refer, self_contained
from seaice_cli.network.pretrained import read_tensors
from seaice_cli.network.spec import CARD_FILE, INT8_FILES, ONNX_FILE, SPEC_FILE, WEIGHTS_FILE, ModelSpec
from seaice_cli.outputs import refuse_filled

OPSET = 18
INPUT, OUTPUT = "scene", "probabilities"


def save_model(directory: Path, spec: ModelSpec, network: nn.Module, card: str) -> ModelSpec:
    """Write a complete model directory and return the specification with the files' sha256.

    The specification is written last: a directory without `model.json` is no model. What only training needs
    (auxiliary heads) goes into no file.

    Args:
        directory: Is made where it is missing; its four files are replaced.
        spec: The specification; digests it holds are replaced.
        network: The trained network of that specification; it is left as it is.
        card: The text of the model card.

    Raises:
        OutputError: A file cannot be written.
    """
    state, final = inference_network(spec, network)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        weights = safetensors_bytes(state)
        _publish(directory / WEIGHTS_FILE, weights)
        _publish(directory / ONNX_FILE, refer(onnx_bytes(spec, final), weights, WEIGHTS_FILE))
        _publish(directory / CARD_FILE, card.encode())
        digests = {name: _digest(directory / name) for name in (WEIGHTS_FILE, ONNX_FILE)}
        spec = dataclasses.replace(spec, sha256=digests, int8_loss=None)
        _publish(directory / SPEC_FILE, spec.to_json().encode())
        for name in INT8_FILES:  # of other weights
            (directory / name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{directory}: the model cannot be written ({error.strerror})") from error
    return spec


def inference_network(spec: ModelSpec, network: nn.Module) -> tuple[dict[str, torch.Tensor], nn.Module]:
    """Return the weights that prediction needs, in float32 on the CPU, and a network that holds them."""
    state = {name: _plain(tensor) for name, tensor in inference_state(network).items()}
    final = build_network(spec)
    load_state(final, state)
    return state, final.eval()


def safetensors_bytes(state: Mapping[str, torch.Tensor], *, half: bool = False) -> bytes:
    """Return a safetensors file of the weights; with `half`, in float16 at half the size."""
    from safetensors.torch import save

    packed = {k: (v.half() if half and v.is_floating_point() else v).contiguous() for k, v in state.items()}
    return bytes(save(packed))


def onnx_bytes(spec: ModelSpec, network: nn.Module) -> bytes:
    """Return the ONNX graph from scene values to probabilities, for any batch, height and width.

    The input has the scene's type, so that normalisation, temperature and softmax belong to the graph. Nothing is folded into the
    weights, so that they stay those of the network, byte for byte; engines fold by themselves, to the same results.
    """
    graph = SceneNetwork(_with_fixed_padding(network), spec).eval()
    size = max(2 * spec.stride, 64)
    scene = torch.zeros(2, len(spec.bands), size, 2 * size).to(getattr(torch, spec.dtype))
    batch, rows, columns = (torch.export.Dim.DYNAMIC,) * 3
    with warnings.catch_warnings(), _quiet(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            (scene,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: batch, 2: rows, 3: columns},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            optimize=False,
        )
    if program is None:
        raise RuntimeError("the exporter gave no graph")
    return _without_notes(program.model_proto)


class _HalvingConv(nn.Conv2d):
    """A convolution of stride 2 whose padding is a number: that of TensorFlow's `same` for an even height and width."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the features of (N, C, H, W)."""
        height, width = (kernel - 2 for kernel in self.kernel_size)
        before = (width // 2, width - width // 2, height // 2, height - height // 2)
        return nn.functional.conv2d(
            nn.functional.pad(pixels, before), self.weight, self.bias, self.stride, 0, self.dilation, self.groups
        )


def _with_fixed_padding(network: nn.Module) -> nn.Module:
    """Return a copy whose `same` paddings are numbers, as scenes come in multiples of the stride.

    As formulas of the height they grow from layer to layer, until the exporter does not come to an end.
    """
    found = copy.deepcopy(network)
    for module in found.modules():
        if type(module).__name__ == "Conv2dSame" and module.stride == (2, 2) and module.dilation == (1, 1):
            module.__class__ = _HalvingConv
    return found


def _without_notes(proto: onnx.ModelProto) -> bytes:
    """Return a graph without the exporter's notes on where in the code each node comes from, a tenth of a small network."""
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del proto.graph.value_info[:]
    return bytes(proto.SerializeToString())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from telling its steps to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous().clone()


def _publish(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def export_model(model: Model, target: Path, kind: str, *, half: bool = False) -> list[Path]:
    """Write a model in another form, for other programs.

    Args:
        model: What to export.
        target: The file; for "openvino" the .xml, beside which a .bin is written; for "directory" a model directory, written anew.
        kind: One of `choices.EXPORTS`.
        half: Keep weights in float16: half the size; they are computed with as before.

    Returns:
        The files that were written.

    Raises:
        ModelError: The model is incomplete or damaged.
        OutputError: The file cannot be written.
    """
    try:
        if kind == "openvino":
            return _export_openvino(model, target, half=half)
        if kind == "directory":
            return _export_directory(model, target)
        if kind == "onnx":
            graph = self_contained(_checked_graph(model))
            _publish(target, half_onnx(graph) if half else graph)
        else:
            _publish(target, safetensors_bytes(read_tensors(model.file(WEIGHTS_FILE)), half=half))
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror})") from error
    return [target]


def half_onnx(graph: bytes) -> bytes:
    """Return an ONNX graph whose float32 weights are kept in float16 and cast back where they are used."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    proto = onnx.load_from_string(graph)
    casts = []
    for tensor in proto.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            name, values = tensor.name, numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*casts, *nodes])
    return bytes(proto.SerializeToString())


def _checked_graph(model: Model) -> Path:
    """Return the graph's path, after its file and that of its weights were found to be what the spec records."""
    if (model.directory / WEIGHTS_FILE).exists():
        model.file(WEIGHTS_FILE)
    return model.file(ONNX_FILE)


def _export_directory(model: Model, target: Path) -> list[Path]:
    refuse_filled(target, overwrite=True, marker=SPEC_FILE)
    save_model(target, model.spec, load_network(model), model.file(CARD_FILE).read_text(encoding="utf-8"))
    return [target / name for name in (SPEC_FILE, WEIGHTS_FILE, ONNX_FILE, CARD_FILE)]


def _export_openvino(model: Model, target: Path, *, half: bool) -> list[Path]:
    import openvino as ov

    graph = ov.Core().read_model(_checked_graph(model))
    weights = target.with_suffix(".bin")
    partial = target.with_name(f".{target.stem}.partial.xml")
    ov.save_model(graph, partial, compress_to_fp16=half)
    partial.with_suffix(".bin").replace(weights)
    partial.replace(target)
    return [target, weights]
