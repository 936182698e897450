"""An evaluation as one HTML page that needs nothing beside it: no script, no font, no file from elsewhere."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

from seaice_cli import __version__
from seaice_cli.evaluation.pipeline import Evaluation
from seaice_cli.evaluation.report.pictures import ERRORS, UNKNOWN, class_colors, panels
from seaice_cli.evaluation.report.svg import Bar, bars, reliability
from seaice_cli.evaluation.report.tables import interval, number, scene_table, summary, tables
from seaice_cli.evaluation.report.templating import render

MOST_BARS = 60
"""More scenes than this are told in the table only."""
_TILES = {"miou": "mean IoU", "fwiou": "frequency-weighted IoU", "oa": "overall accuracy", "kappa": "kappa"}


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
    ranked = e.worst(len(e.scenes))
    return render(
        "page.html",
        title=title,
        summary=summary(e),
        scenes=len(e.scenes),
        groups=len({s.pair.group or s.pair.name for s in e.scenes}),
        tiles=[{"label": v, "value": number(e.scores[k]), "interval": interval(e, k)} for k, v in _TILES.items()],
        charts=[{"title": heading, "svg": chart} for heading, chart in _charts(e).items()],
        tables=tables(e, timed=timed),
        scene_chart=_scene_chart(e),
        scene_table=scene_table(ranked, e),
        version=__version__,
        **_pictures(e, worst),
    )


def _charts(e: Evaluation) -> dict[str, Markup]:
    """Return the charts by their headings."""
    rows = [_bar(e, f"iou:{name}", name) for name in e.criteria.classes]
    charts = {"IoU by class": bars(rows, label="IoU by class")}
    if e.baselines:
        ice = [_bar(e, "ice_miou", "this"), *((n, s["ice_miou"], math.nan, math.nan) for n, s in e.baselines.items())]
        charts["Mean IoU of ice against everything else"] = bars(ice, label="Against simple rules")
    if e.measures.calibration.pixels.any():
        charts["Reliability of the probability of ice"] = reliability(e.measures.calibration)
    return charts


def _bar(e: Evaluation, name: str, label: str) -> Bar:
    low, high = e.intervals.get(name, (math.nan, math.nan))
    return label, e.scores[name], low, high


def _scene_chart(e: Evaluation) -> Markup:
    ranked = e.worst(len(e.scenes))
    if not 1 < len(ranked) <= MOST_BARS:
        return Markup()
    rows = [(s.pair.name, s.scores["miou"], math.nan, math.nan) for s in ranked]
    return bars(rows, label="Mean IoU by scene, worst first")


def _pictures(e: Evaluation, count: int) -> dict[str, Any]:
    """Return the worst scenes as pictures, and what their colours mean."""
    shown = e.worst(count)
    if not shown:
        return {"pictures": []}
    colors = class_colors(shown[0].pair, e.criteria)
    scenes = [
        {"name": s.pair.name, "miou": number(s.scores["miou"]), "panels": panels(s.pair, e.criteria)} for s in shown
    ]
    classes = [*zip(e.criteria.classes, colors, strict=True), ("unknown", UNKNOWN)]
    return {"pictures": scenes, "class_key": classes, "error_key": list(ERRORS.items())}
