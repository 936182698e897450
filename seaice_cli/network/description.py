"""What a model is, in a few lines of text."""

from __future__ import annotations

from seaice_cli.network.catalog import Model
from seaice_cli.network.spec import ONNX_FILE, WEIGHTS_FILE, ModelSpec
from seaice_cli.raster.reading.sensors import sensors


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
        "sensors": ", ".join(takes(model)) or "scenes as it was trained on, their values taken as they are",
        "pixel": f"{spec.resolution:g} m" if spec.resolution else "any",
        "gives": ", ".join(f"{i} {name}" for i, name in enumerate(spec.class_names)),
        "floes": _floes(spec),
        "network": f"{spec.architecture}, encoder {spec.encoder}",
        "window": f"{spec.tile} px, overlap {spec.overlap} px",
        "files": ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items()),
        "sha256": spec.digest,
        "license": spec.license,
        "directory": str(model.directory),
    }
    return "\n".join(f"{name:<10}{value}" for name, value in facts.items() if value)


def _floes(spec: ModelSpec) -> str:
    bands = ", ".join(spec.bands[k] for k in spec.floe_bands)
    return f"taken apart by how bright the scene is ({bands})" if bands else "taken apart where the mask is narrow"


def takes(model: Model) -> list[str]:
    """Return the names of the sensors whose values are brought to the model's own; none if nobody knows how."""
    spec = model.spec
    if not spec.stretch:
        return []
    return [s.name for s in sensors().values() if not s.bands or all(band in s.bands for band in spec.bands)]
