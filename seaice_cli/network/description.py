"""What a model is, in a few lines of text."""

from __future__ import annotations

from seaice_cli.network.catalog import Model
from seaice_cli.network.spec import ONNX_FILE, WEIGHTS_FILE


def describe(model: Model) -> str:
    """Return the facts of a model, one a line; its files are checked against their sha256.

    Raises:
        ModelError: A file is missing or damaged.
    """
    spec = model.spec
    low, high = spec.valid_range
    sizes = {name: model.file(name).stat().st_size / 1e6 for name in (WEIGHTS_FILE, ONNX_FILE)}
    facts = {
        "model": f"{spec.name}, version {spec.version}",
        "": spec.description,
        "reads": f"{', '.join(spec.bands)} ({spec.dtype}, {low:g} to {high:g})",
        "pixel": f"{spec.resolution:g} m" if spec.resolution else "any",
        "gives": ", ".join(f"{i} {name}" for i, name in enumerate(spec.class_names)),
        "network": f"{spec.architecture}, encoder {spec.encoder}",
        "window": f"{spec.tile} px, overlap {spec.overlap} px",
        "files": ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items()),
        "sha256": spec.digest,
        "license": spec.license,
        "directory": str(model.directory),
    }
    return "\n".join(f"{name:<10}{value}" for name, value in facts.items() if value)
