"""Quantising a model: its graph with int8 weights and activations, added to the model's directory.

Post-training quantisation by NNCF, without training: the ranges of activations are those seen on a few chips. Weights are rounded per
channel, activations asymmetrically where they are (preset "mixed"). Normalisation and softmax stay in floating point.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import InstallationError, ModelError, OutputError
from seaice_cli.extras import install_command, installed
from seaice_cli.network.catalog import Model, shipped
from seaice_cli.network.spec import INT8_FILES, ONNX_FILE, SPEC_FILE, ModelSpec


def refuse_quantizing(name: str, model: Model, *, overwrite: bool) -> None:
    """Refuse at once what could not be quantised in the end.

    Raises:
        InstallationError: NNCF is not installed.
        ModelError: The model is a shipped one, which belongs to the installation, or has no graph.
        OutputError: The model has a quantised graph already.
    """
    if not installed("nncf"):
        raise InstallationError(f"int8 needs NNCF, which is not installed; install it with {install_command('train')}")
    if name in shipped():
        raise ModelError(f"{name}: a shipped model is not changed; name the directory of a copy")
    model.file(ONNX_FILE)
    if model.spec.has_int8 and not overwrite:
        raise OutputError(f"{model.directory}: holds a quantised graph already; `overwrite` replaces it")


def quantize(model: Model, chips: Sequence[npt.NDArray[Any]]) -> ModelSpec:
    """Add the quantised graph to a model's directory; how much it loses is not known yet.

    Args:
        model: What to quantise; it must have an ONNX graph.
        chips: (bands, height, width) in scene units, of any shapes that the network takes: a few dozen of what it sees in its life.

    Returns:
        The specification as it is now written.

    Raises:
        ModelError: The graph is damaged.
        OutputError: The directory cannot be written.
    """
    import openvino as ov

    try:
        graph = ov.convert_model(
            str(model.file(ONNX_FILE))
        )  # folded, so that it holds no weights twice and starts sooner
    except RuntimeError as error:
        raise ModelError(
            f"{model.directory / ONNX_FILE}: not a graph that OpenVINO can read; get the model anew"
        ) from error
    quantised = _quantised(graph, chips)
    try:
        with tempfile.TemporaryDirectory(dir=model.directory, prefix=".int8-") as folder:
            ov.save_model(quantised, Path(folder, INT8_FILES[0]), compress_to_fp16=False)
            digests = {n: hashlib.sha256(Path(folder, n).read_bytes()).hexdigest() for n in INT8_FILES}
            for name in INT8_FILES:
                Path(folder, name).replace(model.directory / name)
    except OSError as error:
        raise OutputError(f"{model.directory}: the graph cannot be written ({error.strerror})") from error
    return write_spec(model, dataclasses.replace(model.spec, sha256={**model.spec.sha256, **digests}, int8_loss=None))


def write_spec(model: Model, spec: ModelSpec) -> ModelSpec:
    """Replace the specification of a model.

    Raises:
        OutputError: The directory cannot be written.
    """
    partial = model.directory / f".{SPEC_FILE}.partial"
    try:
        partial.write_text(spec.to_json(), encoding="utf-8")
        partial.replace(model.directory / SPEC_FILE)
    except OSError as error:
        raise OutputError(f"{model.directory}: {SPEC_FILE} cannot be written ({error.strerror})") from error
    return spec


def _quantised(graph: Any, chips: Sequence[npt.NDArray[Any]]) -> Any:
    with _silence():
        import nncf

        data = nncf.Dataset([np.ascontiguousarray(chip)[None] for chip in chips])
        return nncf.quantize(graph, data, preset=nncf.QuantizationPreset.MIXED, subset_size=len(chips))


@contextlib.contextmanager
def _silence() -> Any:
    """Keep NNCF from drawing bars on the terminal, and from telling its steps."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
