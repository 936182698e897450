"""What a model takes over from the one that it starts from.

Named by `init_from`, a model directory gives all that a new one needs: network, bands, range, mean and std, classes, colours,
resolution, stretch; and a recipe for a few polygons on a few scenes: short, slow, the encoder held. Whatever the user says wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seaice_cli.network.catalog import Model, find_model

RECIPE: Mapping[str, Any] = {
    "attribute": "class",
    "background": 255,
    "loss": "ce:1,dice:1",
    "lr": 3e-3,
    "schedule": "warmup(share=0.1):cosine",
    "clip": 5.0,
    "freeze_encoder": True,
    "steps": 150,
    "batch": 4,
    "crop": 256,
    "sampler": "balanced",
    "scale": (0.8, 1.25),
    "augment": "hflip:0.5,vflip:0.5,rot90:0.5,light:0.05,color:0.02,noise:0.01",
    "ema": 0.95,
    "keep": "last",
    "eval_every": 50,
}
"""For a few polygons on a few scenes: some minutes on a CPU. No weights are chosen by so few validation pixels."""


def parent_of(init_from: str) -> Model | None:
    """Return the model that `init_from` names; None for a bare file of weights, or nothing.

    Raises:
        ModelError: There is neither.
    """
    if not init_from or Path(init_from).is_file():
        return None
    return find_model(init_from)


def inherited(init_from: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a model gives to one that starts from it.

    Args:
        init_from: What `TrainOptions.init_from` says.
        given: What the user says; classes of their own leave out the parent's colours for those that it lacks.

    Raises:
        ModelError: There is no such model.
    """
    parent = parent_of(init_from)
    if parent is None or "stages" in given:
        return {}
    spec = parent.spec
    classes = tuple(given.get("classes") or spec.class_names)
    colors = {c.name: "#{:02x}{:02x}{:02x}".format(*c.color) for c in spec.classes}
    ice = spec.class_names[spec.ice]
    return {
        **RECIPE, "name": f"{spec.name}-finetuned", "license": spec.license, "classes": classes,
        "description": f"{spec.name}, taught further by scenes of one's own",
        **({"colors": tuple(colors[c] for c in classes)} if all(c in colors for c in classes) else {}),
        **({"ice": ice} if ice in classes else {}),
        "band_names": spec.bands, "valid_range": spec.valid_range, "mean": spec.mean, "std": spec.std,
        "resolution": spec.resolution or 0.0, "stretch": spec.stretch, "stride": spec.stride,
        "architecture": spec.architecture, "encoder": spec.encoder, "encoder_weights": "none",
        "network": dict(spec.options),
    }  # fmt: skip
