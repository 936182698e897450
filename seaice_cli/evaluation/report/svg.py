"""The few charts of a report, drawn as SVG that takes its colours from the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from seaice_cli.evaluation.metrics.calibration import CalibrationSums

_LABEL, _PLOT, _VALUE, _ROW = 310, 360, 190, 26
"""Pixels: width of names, of the plot, of numbers, and the height of a row."""
Bar = tuple[str, float, float, float]
"""Name, value, and the ends of its interval; NaN where there is none."""


def bars(rows: Sequence[Bar], *, label: str) -> str:
    """Return horizontal bars for values from 0 to 1, with their intervals as whiskers.

    Args:
        rows: From top to bottom.
        label: What is shown, for those who cannot see it.
    """
    height = _ROW * len(rows) + 24
    parts = [_line(_LABEL + _PLOT * t, 0, _LABEL + _PLOT * t, height - 20, "grid") for t in (0, 0.25, 0.5, 0.75, 1)]
    parts += [_text(_LABEL + _PLOT * t, height - 5, f"{t:g}", "middle", "tick") for t in (0, 0.25, 0.5, 0.75, 1)]
    for i, row in enumerate(rows):
        parts += _bar(row, i * _ROW)
    return _svg(_LABEL + _PLOT + _VALUE, height, label, parts)


def _bar(row: Bar, top: float) -> list[str]:
    name, value, low, high = row
    middle = top + _ROW / 2
    parts = [_text(_LABEL - 8, middle + 4, _short(name), "end", "name")]
    if math.isnan(value):
        return [*parts, _text(_LABEL + 6, middle + 4, "not defined", "start", "tick")]
    length = _PLOT * min(max(value, 0.0), 1.0)
    parts.append(f'<rect class="bar" x="{_LABEL}" y="{top + 5}" width="{length:.1f}" height="{_ROW - 10}" rx="2"/>')
    text = f"{value:.3f}"
    if not math.isnan(low):
        start, stop = (_LABEL + _PLOT * min(max(v, 0.0), 1.0) for v in (low, high))
        parts += [
            _line(start, middle, stop, middle, "whisker"),
            *(_line(x, middle - 4, x, middle + 4, "whisker") for x in (start, stop)),
        ]
        text += f"  ({low:.2f} to {high:.2f})"
    return [*parts, _text(_LABEL + _PLOT + 8, middle + 4, text, "start", "name")]


def reliability(sums: CalibrationSums) -> str:
    """Return the reliability curve: how much of what got a probability is ice; a larger dot stands for more pixels."""
    side, left = 300, 48
    said, found = sums.curve()
    x, y = left + side * said, 10 + side * (1 - found)
    size = 2.5 + 6 * np.sqrt(sums.pixels / max(float(sums.pixels.max()), 1.0))
    seen = sums.pixels > 0
    ticks = (0, 0.25, 0.5, 0.75, 1)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[seen], y[seen], strict=True))
    parts = [
        *(_line(left + side * t, 10, left + side * t, 10 + side, "grid") for t in ticks),
        *(_line(left, 10 + side * t, left + side, 10 + side * t, "grid") for t in ticks),
        *(_text(left + side * t, side + 28, f"{t:g}", "middle", "tick") for t in ticks),
        *(_text(left - 8, 14 + side * (1 - t), f"{t:g}", "end", "tick") for t in ticks),
        _line(left, 10 + side, left + side, 10, "ideal"),
        f'<polyline class="curve" points="{points}"/>',
        *(f'<circle class="dot" cx="{a:.1f}" cy="{b:.1f}" r="{r:.1f}"/>' for a, b, r in zip(x[seen], y[seen], size[seen], strict=True)),
        _text(left + side / 2, side + 50, "probability of ice", "middle", "name"),
        f'<text class="name" text-anchor="middle" transform="translate(12 {10 + side / 2}) rotate(-90)">share that is ice</text>',
    ]  # fmt: skip
    return _svg(left + side + 20, side + 60, "Reliability of the probability of ice", parts)


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:19]}…{name[-19:]}"


def _line(x0: float, y0: float, x1: float, y1: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg>'
    )
