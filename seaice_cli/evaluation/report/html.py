"""An evaluation as one HTML page that needs nothing beside it: no script, no font, no file from elsewhere."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape
from string import Template

import numpy as np

from seaice_cli import __version__
from seaice_cli.evaluation.pipeline import Evaluation, SceneScores
from seaice_cli.evaluation.report.pictures import ERRORS, UNKNOWN, Color, class_colors, panels
from seaice_cli.evaluation.report.svg import Bar, bars, reliability
from seaice_cli.evaluation.report.tables import Table, interval, number, scene_table, summary, tables

MOST_BARS = 60
"""More scenes than this are told in the table only."""
_TILES = {"miou": "mean IoU", "fwiou": "frequency-weighted IoU", "oa": "overall accuracy", "kappa": "kappa"}
_PAGE = Template(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title><style>
:root { --ink: #1a2530; --soft: #5d6b78; --line: #d9dfe5; --paper: #fff; --shade: #f4f6f8;
  --bar: #2f7fb5; --mark: #14344d; --warm: #d9713c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa8b5; --line: #33404c; --paper: #141a20; --shade: #1d252d;
  --bar: #4a9bd1; --mark: #e6ebf0; --warm: #f0925e; } }
body { margin: 0 auto; max-width: 1160px; padding: 32px 24px 64px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 17px; margin: 40px 0 10px; }
h3 { font-size: 14px; margin: 20px 0 6px; font-weight: 600; }
.soft { color: var(--soft); margin: 4px 0 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin: 24px 0 0; }
.tile { background: var(--shade); border-radius: 8px; padding: 14px 16px; }
.tile b { display: block; font-size: 28px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; display: block; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 4px 14px 4px 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; color: var(--soft); } th:first-child, td:first-child { text-align: left; }
.matrix td { padding: 8px 14px; } .matrix td:not(:first-child) { min-width: 110px; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(480px, 1fr)); gap: 0 32px; }
.columns > section { min-width: 0; }
svg { max-width: 100%; height: auto; } svg text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
.name { fill: var(--ink); } .tick { fill: var(--soft); } .grid { stroke: var(--line); } .bar { fill: var(--bar); }
.whisker { stroke: var(--mark); stroke-width: 1.5; } .ideal { stroke: var(--soft); stroke-dasharray: 4 4; }
.curve { fill: none; stroke: var(--warm); stroke-width: 2; } .dot { fill: var(--warm); }
.scene { display: flex; flex-wrap: wrap; gap: 10px; } figure { margin: 0; } figcaption { color: var(--soft); font-size: 13px; }
.scene img { max-width: 260px; max-height: 260px; width: 260px; height: auto; object-fit: contain;
  image-rendering: pixelated; display: block; }
.key { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--soft); margin: 4px 0 12px; }
.key i { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin-right: 5px; vertical-align: -1px;
  border: 1px solid var(--line); }
</style></head><body>
<h1>$title</h1><p class="soft">$summary. $note</p>
<div class="tiles">$tiles</div>
$body
<p class="soft" style="margin-top: 48px">Written by seaice $version. Counts are summed over all scenes
before a score is taken; intervals are 95 % bootstrap intervals over groups of scenes. A dash stands for what is not defined.</p>
</body></html>
"""
)


def to_html(evaluation: Evaluation, *, title: str, worst: int = 4, timed: bool = False) -> str:
    """Return the page.

    Args:
        evaluation: What to tell.
        title: Its heading.
        worst: So many scenes, those with the worst mean IoU, are shown as pictures.
        timed: Also tell how long predictions took.

    Raises:
        DataError: A scene that is to be shown cannot be read any more.
    """
    e = evaluation
    groups = len({s.pair.group or s.pair.name for s in e.scenes})
    return _PAGE.substitute(
        title=escape(title),
        summary=escape(summary(e)),
        note=f"{groups} groups of scenes." if groups < len(e.scenes) else "",
        tiles="".join(_tile(e, name, label) for name, label in _TILES.items()),
        body="".join(
            [
                _charts(e),
                '<div class="columns">',
                *(_section(t) for t in tables(e, timed=timed)),
                "</div>",
                _scenes(e),
                _worst(e, worst),
            ]
        ),
        version=__version__,
    )


def _tile(e: Evaluation, name: str, label: str) -> str:
    return f'<div class="tile"><span>{label}</span><b>{number(e.scores[name])}</b><span>{interval(e, name) or "&nbsp;"}</span></div>'


def _charts(e: Evaluation) -> str:
    rows = [_bar(e, f"iou:{name}", name) for name in e.criteria.classes]
    parts = [f"<h2>IoU by class</h2>{bars(rows, label='IoU by class')}"]
    if e.baselines:
        ice = [_bar(e, "ice_miou", "this"), *((n, s["ice_miou"], math.nan, math.nan) for n, s in e.baselines.items())]
        parts.append(f"<h2>Mean IoU of ice against everything else</h2>{bars(ice, label='Against simple rules')}")
    if e.measures.calibration.pixels.any():
        parts.append(f"<h2>Reliability of the probability of ice</h2>{reliability(e.measures.calibration)}")
    return "".join(f"<section>{part}</section>" for part in parts)


def _bar(e: Evaluation, name: str, label: str) -> Bar:
    low, high = e.intervals.get(name, (math.nan, math.nan))
    return label, e.scores[name], low, high


def _section(table: Table) -> str:
    body = _matrix(table) if table.title == "Confusion" else _table(table)
    return f'<section><h2>{escape(table.title)}</h2><div class="wide">{body}</div></section>'


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(c)}</th>" for c in table.header)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in row)}</tr>" for row in table.rows)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _matrix(table: Table) -> str:
    """Shade every cell by its share of the row."""
    head = "".join(f"<th>{escape(c)}</th>" for c in table.header)
    rows = []
    for name, *cells in table.rows:
        values = np.array([float(c.replace(",", "")) for c in cells])
        share = values / max(values.sum(), 1)
        tints = [f"color-mix(in srgb, var(--bar) {70 * s:.0f}%, transparent)" for s in share]
        shaded = "".join(
            f'<td style="background: {tint}">{c}<br><small>{s:.1%}</small></td>'
            for tint, c, s in zip(tints, cells, share, strict=True)
        )
        rows.append(f"<tr><td>{escape(name)}</td>{shaded}</tr>")
    return f'<table class="matrix"><tr>{head}</tr>{"".join(rows)}</table>'


def _scenes(e: Evaluation) -> str:
    ranked = e.worst(len(e.scenes))
    chart = ""
    if 1 < len(ranked) <= MOST_BARS:
        rows = [(s.pair.name, s.scores["miou"], math.nan, math.nan) for s in ranked]
        chart = bars(rows, label="Mean IoU by scene, worst first")
    table = _table(scene_table(ranked, e))
    return f'<h2>By scene, worst mean IoU first</h2>{chart}<div class="wide">{table}</div>'


def _worst(e: Evaluation, count: int) -> str:
    shown = e.worst(count)
    if not shown:
        return ""
    colors = class_colors(shown[0].pair, e.criteria)
    classes = _key([*zip(e.criteria.classes, colors, strict=True), ("unknown", UNKNOWN)])
    heading = "Worst scenes" if len(e.scenes) > count else "Scenes, worst first"
    return f"<h2>{heading}</h2>{classes}{_key(list(ERRORS.items()))}{''.join(_figures(e, s) for s in shown)}"


def _key(entries: Sequence[tuple[str, Color]]) -> str:
    spans = (f'<span><i style="background: rgb{tuple(color)}"></i>{escape(name)}</span>' for name, color in entries)
    return f'<div class="key">{"".join(spans)}</div>'


def _figures(e: Evaluation, scene: SceneScores) -> str:
    figures = "".join(
        f'<figure><img alt="{escape(f"{p.title} of {scene.pair.name}", quote=True)}" '
        f'src="data:image/png;base64,{base64.b64encode(p.png).decode()}"><figcaption>{p.title}</figcaption></figure>'
        for p in panels(scene.pair, e.criteria)
    )
    return (
        f'<h3>{escape(scene.pair.name)}, mean IoU {number(scene.scores["miou"])}</h3><div class="scene">{figures}</div>'
    )
