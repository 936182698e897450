"""A picture of a run: how loss and scores went, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CURVES_FILE = "curves.png"
_NOT_SCORES = ("step", "lr", "loss", "val_loss", "seconds")


def draw_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write a PNG: the loss in training and validation on the left, the scores on the right.

    Args:
        rows: Of the log, one an evaluation.
        path: The picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    for axes, names, title in (
        (losses, ("loss", "val_loss"), "loss"),
        (scores, [n for n in rows[-1] if n not in _NOT_SCORES], "scores on the validation scenes"),
    ):
        for name in names:
            points = [(int(r["step"]), float(r[name])) for r in rows if r.get(name) not in (None, "")]
            axes.plot(*zip(*points, strict=True), marker=".", label=name)
        axes.set_xlabel("step")
        axes.set_title(title)
        axes.grid(alpha=0.3)
        axes.legend()
    scores.set_ylim(0, 1)
    partial = path.with_name(f".{path.name}")
    figure.savefig(partial, format="png", dpi=100)
    partial.replace(path)
