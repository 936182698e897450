"""The first version of a model card: what is known when training ends; its owner adds what the numbers are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping

from seaice_cli.network.spec import ModelSpec
from seaice_cli.training.options import TrainOptions


def write_card(
    spec: ModelSpec, options: TrainOptions, scores: Mapping[str, float], *, same_scenes: bool = False, parent: str = ""
) -> str:
    """Return a model card in Markdown.

    Args:
        spec: The model.
        options: What it was trained with.
        scores: Of its weights on the validation scenes, by name.
        same_scenes: Whether these are blocks of the scenes that it has learnt from.
        parent: What it started from, if that is a model.
    """
    started = f"- Started from: {parent}\n" if parent else ""
    generated = f", and generated scenes ({options.generated:.0%} of the crops)" if options.generated else ""
    classes = "\n".join(
        f"| {i} | {c.name} | " + " | ".join(_told(scores, f"{s}:{c.name}") for s in _COLUMNS) + " |"
        for i, c in enumerate(spec.classes)
    )
    return f"""# {spec.name}

{spec.description or "No description was given."}

- Reads: {", ".join(spec.bands)} ({spec.dtype}, {spec.valid_range[0]:g} to {spec.valid_range[1]:g}); \
{f"{spec.resolution:g} m per pixel" if spec.resolution else "any resolution"}
- Network: {spec.architecture}, encoder {spec.encoder}, options {dict(spec.options)}
{started}- Trained on: {", ".join(options.data)}{generated}
- License: {spec.license or "not stated"}

## Scores on {_validated_on(options, same_scenes=same_scenes)}

{_choice(options, int(scores.get("step", 0)), same_scenes=same_scenes)}

| id | class | {" | ".join(_COLUMNS)} |
|---|---|---|---|---|---|
{classes}

Mean IoU {_told(scores, "miou")}, overall accuracy {_told(scores, "oa")}.

## Not stated yet

What the labels are worth, scores on other regions, and what the model must not be used for.
"""


_COLUMNS = ("iou", "precision", "recall", "f1")


def _told(scores: Mapping[str, float], name: str) -> str:
    value = scores.get(name, float("nan"))
    return "-" if math.isnan(value) else f"{value:.3f}"


def _validated_on(options: TrainOptions, *, same_scenes: bool) -> str:
    return "blocks of the scenes it learnt from" if same_scenes else ", ".join(options.val) or "scenes set aside"


def _choice(options: TrainOptions, step: int, *, same_scenes: bool) -> str:
    if options.keep == "last":
        text = f"The weights after the last step, {step}; these scenes had no say in them."
    else:
        text = (
            f"Best weights after step {step}, chosen by {options.metric} on these very scenes: scores on new scenes are "
            "lower."
        )
    if same_scenes:
        text += (
            " The blocks were not learnt from, but they lie beside those that were: the scores say that the network has learnt, "
            "not how it does on another scene. Judge it by polygons on other scenes."
        )
    return text
