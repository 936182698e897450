"""The first version of a model card: what is known when training ends; its owner adds what the numbers are worth."""

from __future__ import annotations

from collections.abc import Mapping

from seaice_cli.network.spec import ModelSpec
from seaice_cli.training.options import TrainOptions


def write_card(spec: ModelSpec, options: TrainOptions, scores: Mapping[str, float]) -> str:
    """Return a model card in Markdown.

    Args:
        spec: The model.
        options: What it was trained with.
        scores: Of its weights on the validation scenes, by name.
    """
    classes = "\n".join(
        f"| {i} | {c.name} | " + " | ".join(f"{scores.get(f'{s}:{c.name}', float('nan')):.3f}" for s in _COLUMNS) + " |"
        for i, c in enumerate(spec.classes)
    )
    return f"""# {spec.name}

{spec.description or "No description was given."}

- Reads: {", ".join(spec.bands)} ({spec.dtype}, {spec.valid_range[0]:g} to {spec.valid_range[1]:g}); \
{f"{spec.resolution:g} m per pixel" if spec.resolution else "any resolution"}
- Network: {spec.architecture}, encoder {spec.encoder}, options {dict(spec.options)}
- Trained on: {", ".join(options.data)}{f", and generated scenes ({options.generated:.0%} of the crops)" if options.generated else ""}
- License: {spec.license or "not stated"}

## Scores on {", ".join(options.val) or "scenes set aside"}

Best weights after step {int(scores.get("step", 0))}, chosen by {options.metric} on these very scenes: scores on new scenes \
are lower.

| id | class | {" | ".join(_COLUMNS)} |
|---|---|---|---|---|---|
{classes}

Mean IoU {scores.get("miou", float("nan")):.3f}, overall accuracy {scores.get("oa", float("nan")):.3f}.

## Not stated yet

What the labels are worth, scores on other regions, and what the model must not be used for.
"""


_COLUMNS = ("iou", "precision", "recall", "f1")
