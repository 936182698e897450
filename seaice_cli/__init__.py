"""Sea-ice maps from satellite scenes of any size.

    import seaice_cli as seaice

    found = seaice.predict("scene.tif")
    found.mask, found.summary.ice_km2

What stands in `__all__` is the library's face; it is loaded when it is first asked for, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seaice_cli.api.evaluation import evaluate
    from seaice_cli.api.models import Model, list_models, load_model
    from seaice_cli.api.polygons import floe_sizes, vectorize
    from seaice_cli.api.prediction import Prediction, predict
    from seaice_cli.api.training import Trained, train
    from seaice_cli.errors import (
        ClusterError,
        DataError,
        EngineError,
        InstallationError,
        ModelError,
        OptionError,
        OutputError,
        SceneError,
        SeaIceError,
    )

__version__ = "0.2.0"
__all__ = [
    "ClusterError",
    "DataError",
    "EngineError",
    "InstallationError",
    "Model",
    "ModelError",
    "OptionError",
    "OutputError",
    "Prediction",
    "SceneError",
    "SeaIceError",
    "Trained",
    "__version__",
    "evaluate",
    "floe_sizes",
    "list_models",
    "load_model",
    "predict",
    "train",
    "vectorize",
]

_MODULES = {
    "seaice_cli.api.evaluation": ("evaluate",),
    "seaice_cli.api.models": ("Model", "list_models", "load_model"),
    "seaice_cli.api.polygons": ("floe_sizes", "vectorize"),
    "seaice_cli.api.prediction": ("Prediction", "predict"),
    "seaice_cli.api.training": ("Trained", "train"),
    "seaice_cli.errors": (
        "ClusterError", "DataError", "EngineError", "InstallationError", "ModelError", "OptionError", "OutputError", "SceneError",
        "SeaIceError",
    ),
}  # fmt: skip
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load what is asked for from the module that it lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
