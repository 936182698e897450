"""A model as a STAC item of the machine learning extension (MLM): what it reads, what it gives, where its weights are."""

from __future__ import annotations

import json
from typing import Any

from seaice_cli import __version__
from seaice_cli.extras import require_extra
from seaice_cli.network.catalog import Model
from seaice_cli.network.spec import CARD_FILE, ONNX_FILE, WEIGHTS_FILE, ModelSpec
from seaice_cli.stac.extensions import CLASSIFICATION, MLM, PROCESSING, class_object

ALWAYS = ("1900-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
"""The time of a model that is for no time in particular, as the extension advises."""
_TASK = "semantic-segmentation"
_ARTIFACTS = {
    WEIGHTS_FILE: ("application/octet-stream; framework=pytorch", ["mlm:model", "mlm:weights"], "safetensors.torch.save_file"),
    ONNX_FILE: ("application/octet-stream; framework=onnx", ["mlm:model"], "torch.onnx.export"),
}  # fmt: skip


def describe_model(model: Model) -> str:
    """Return the item of a model as JSON; its files are named relative to the model's directory.

    Raises:
        InstallationError: The extra `stac` is not installed.
    """
    require_extra("stac", "a model as a STAC item")
    import pystac

    spec = model.spec
    item = pystac.Item(
        f"{spec.name}-{spec.version}", None, None, None,
        {**_properties(spec), "start_datetime": ALWAYS[0], "end_datetime": ALWAYS[1]},
        stac_extensions=[MLM, CLASSIFICATION, PROCESSING],
    )  # fmt: skip
    for name, (media, roles, artifact) in _ARTIFACTS.items():
        if (model.directory / name).exists():
            fields = {"mlm:artifact_type": artifact, "bands": _bands(spec)}
            item.add_asset(name, pystac.Asset(f"./{name}", media_type=media, roles=roles, extra_fields=fields))
    if (model.directory / CARD_FILE).exists():
        item.add_asset(
            "card", pystac.Asset(f"./{CARD_FILE}", "model card", media_type="text/markdown", roles=["metadata"])
        )
    return json.dumps(item.to_dict(include_self_link=False), indent=2)


def _properties(spec: ModelSpec) -> dict[str, Any]:
    return {
        "description": spec.description or spec.name,
        **({"license": spec.license} if spec.license else {}),
        **({"gsd": spec.resolution} if spec.resolution else {}),
        "processing:software": {"seaice": __version__},
        "mlm:name": spec.name,
        "mlm:architecture": f"{spec.architecture} ({spec.encoder})",
        "mlm:framework": "PyTorch",
        "mlm:tasks": [_TASK],
        "mlm:hyperparameters": {"tile": spec.tile, "overlap": spec.overlap, "stride": spec.stride, "temperature": spec.temperature},
        "mlm:input": [_input(spec)],
        "mlm:output": [_output(spec)],
    }  # fmt: skip


def _bands(spec: ModelSpec) -> list[dict[str, Any]]:
    """Describe the bands that the input names; the standard has them with assets where an item has any."""
    low, high = spec.valid_range
    return [
        {"name": name, "data_type": spec.dtype, "statistics": {"minimum": low, "maximum": high, "mean": mean, "stddev": std}}
        for name, mean, std in zip(spec.bands, spec.mean, spec.std, strict=True)
    ]  # fmt: skip


def _input(spec: ModelSpec) -> dict[str, Any]:
    """Describe what the graph reads: values as they are in scenes; it normalises them itself."""
    return {
        "name": "pixels",
        "description": f"values of the scene from {spec.valid_range[0]:g} to {spec.valid_range[1]:g}; the graph normalises them",
        "bands": list(spec.bands),
        "input": {
            "shape": [-1, len(spec.bands), -1, -1], "dim_order": ["batch", "bands", "height", "width"], "data_type": spec.dtype,
        },
        "value_scaling": None,
        "resize_type": None,
    }  # fmt: skip


def _output(spec: ModelSpec) -> dict[str, Any]:
    return {
        "name": "probabilities",
        "description": "of the classes; they sum to one",
        "tasks": [_TASK],
        "result": {
            "shape": [-1, len(spec.classes), -1, -1], "dim_order": ["batch", "class", "height", "width"], "data_type": "float32",
        },
        "classification:classes": [class_object(i, c.name, c.color) for i, c in enumerate(spec.classes)],
    }  # fmt: skip
