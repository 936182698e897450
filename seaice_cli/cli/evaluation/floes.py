"""What `seaice eval --objects` does: floes against floes, by size class, as a table, JSON or csv."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from seaice_cli.cli.evaluation.inputs import masks
from seaice_cli.cli.evaluation.scoring import Report, check_targets, failures, publish
from seaice_cli.errors import OptionError
from seaice_cli.evaluation.floes import FloeCriteria, FloeEvaluation, Scores, evaluate_floes, score_floes
from seaice_cli.evaluation.metrics.floes import FloeAccumulator
from seaice_cli.evaluation.pipeline import unknown_score
from seaice_cli.evaluation.report.tables import Table, number

_COLUMNS = {
    "floes": "floes", "recall": "recall", "merged": "merged", "broken": "broken", "missed": "missed", "sq": "IoU of found",
    "precision": "precision", "f1": "F1", "pq": "PQ", "aji": "AJI",
}  # fmt: skip
_NOT_YET = ("data", "html", "worst", "output", "by", "baseline_csv", "keep", "calibrate", "calibrated")


def run(**o: Any) -> Report:
    """Compare floes as the options say, and write what they name.

    Raises:
        SeaIceError: Whatever a user can cause.
    """
    criteria = _check(o)
    found = evaluate_floes(masks(o), criteria)
    if o["csv_file"]:
        publish(o["csv_file"], _to_csv(found))
    return Report(_to_json(found) if o["as_json"] else _to_text(found), list(failures(o, found.scores)))


def _check(o: dict[str, Any]) -> FloeCriteria:
    others = [name for name in _NOT_YET if o[name]]
    if others:
        raise OptionError(f"`{others[0]}`: does not go with `objects`, which compares floes with floes")
    if not o["predicted"]:
        raise OptionError("`objects` compares two files: give PREDICTED and REFERENCE")
    criteria = FloeCriteria(sizes=o["sizes"], incomplete=o["incomplete"], smallest=o["min_object"])
    known = score_floes(FloeAccumulator.empty(len(criteria.labels)), criteria)
    for name, _ in (*o["fail_under"], *o["fail_over"]):
        if name not in known:
            raise unknown_score(name, known)
    check_targets(o)
    return criteria


def _to_text(found: FloeEvaluation) -> str:
    scores, labels = found.scores, found.criteria.labels
    shown = {k: v for k, v in _COLUMNS.items() if not (found.criteria.incomplete and k in ("precision", "f1", "pq"))}
    rows = [_row("all", scores, "", shown), *(_row(label, scores, f":{label}", shown) for label in labels)]
    kind = ", incomplete reference" if found.criteria.incomplete else ""
    scenes = len(found.scenes)
    title = f"{scenes} {'scene' if scenes == 1 else 'scenes'}{kind}, IoU of a half or more"
    told = [Table(title, ("floes", *shown.values()), rows)]
    if scenes > 1:
        told.append(
            Table("By scene", ("", *shown.values()), [_row(n, s, "", shown) for n, s in found.by_scene.items()])
        )
    return "\n\n".join(table.text() for table in told)


def _row(label: str, scores: Scores, suffix: str, shown: dict[str, str]) -> tuple[str, ...]:
    values = (scores.get(name + suffix, math.nan) for name in shown)
    cells = (f"{v:.0f}" if name == "floes" else number(v) for name, v in zip(shown, values, strict=True))
    return (label, *cells)


def _to_json(found: FloeEvaluation) -> str:
    values = {
        "incomplete": found.criteria.incomplete, "sizes": list(found.criteria.sizes), "scores": _known(found.scores),
        "by_scene": {name: _known(scores) for name, scores in found.by_scene.items()},
    }  # fmt: skip
    return json.dumps(values, indent=2)


def _known(scores: Scores) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in scores.items()}


def _to_csv(found: FloeEvaluation) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["scene", *found.scores])
    for name, scores in (*found.by_scene.items(), ("pooled", found.scores)):
        writer.writerow([name, *("" if math.isnan(value) else repr(value) for value in scores.values())])
    return text.getvalue()
