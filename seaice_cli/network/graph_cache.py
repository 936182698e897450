"""The ONNX graph of a model directory that came without one: exported on first use, kept in the user's cache."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

from seaice_cli.errors import EngineError
from seaice_cli.extras import require_extra
from seaice_cli.network.catalog import Model
from seaice_cli.network.spec import ONNX_FILE, WEIGHTS_FILE

log = logging.getLogger(__name__)


def graph_path(model: Model) -> Path:
    """Return where the model's graph lies, after it was exported if the directory has none.

    Raises:
        ModelError: Neither a graph nor weights are there, or they are damaged.
        EngineError: The cache cannot be written.
        InstallationError: What exports graphs is not installed.
    """
    weights = (model.directory / WEIGHTS_FILE).exists()
    if (model.directory / ONNX_FILE).exists() or not weights:
        if weights and WEIGHTS_FILE in model.spec.sha256:
            model.file(WEIGHTS_FILE)  # the graph's tensors may lie there
        return model.file(ONNX_FILE)
    cached = cache_folder() / _key(model) / ONNX_FILE
    if not cached.exists():
        log.warning("%s holds no %s: exporting it once to %s", model.directory, ONNX_FILE, cached)
        _export(model, cached)
    return cached


def cache_folder() -> Path:
    """Return the folder of exported graphs, in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seaice"


def _key(model: Model) -> str:
    digest = hashlib.sha256(model.spec.to_json().encode())
    digest.update(model.file(WEIGHTS_FILE).read_bytes())
    return digest.hexdigest()[:32]


def _export(model: Model, target: Path) -> None:
    require_extra("train", f"a model without {ONNX_FILE}")
    from seaice_cli.network.build import load_network
    from seaice_cli.network.export import onnx_bytes

    content = onnx_bytes(model.spec, load_network(model).eval())
    partial = target.with_suffix(f".{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(target)
    except OSError as error:
        raise EngineError(f"{target}: the graph cannot be kept there ({error.strerror}); use `engine` torch") from error
