"""The few charts of a report, drawn as SVG that takes its colours from the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from seaice_cli.evaluation.metrics.calibration import CalibrationAccumulator
from seaice_cli.evaluation.report.templating import render

Bar = tuple[str, float, float, float]
"""Name, value, and the ends of its interval; NaN where there is none."""


def bars(rows: Sequence[Bar], *, label: str) -> Markup:
    """Return horizontal bars for values from 0 to 1, with their intervals as whiskers.

    Args:
        rows: From top to bottom.
        label: What is shown, for those who cannot see it.
    """
    return render("bars.svg", label=label, bars=[_bar(*row) for row in rows])


def _bar(name: str, value: float, low: float, high: float) -> dict[str, object]:
    short = name if len(name) <= 40 else f"{name[:19]}…{name[-19:]}"
    if math.isnan(value):
        return {"name": short, "value": None}
    known = not math.isnan(low)
    return {
        "name": short,
        "value": value,
        "length": _clipped(value),
        "interval": (_clipped(low), _clipped(high)) if known else None,
        "text": f"{value:.3f}  ({low:.2f} to {high:.2f})" if known else f"{value:.3f}",
    }


def _clipped(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def reliability(sums: CalibrationAccumulator) -> Markup:
    """Return the reliability curve: how much of what got a probability is ice; a larger dot stands for more pixels."""
    said, found = sums.curve()
    radii = 2.5 + 6 * np.sqrt(sums.pixels / max(float(sums.pixels.max()), 1.0))
    seen = np.flatnonzero(sums.pixels)
    return render("reliability.svg", dots=[{"x": said[i], "y": found[i], "radius": radii[i]} for i in seen])
