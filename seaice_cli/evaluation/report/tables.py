"""An evaluation as text for a terminal, as JSON, and as csv."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seaice_cli.evaluation.pipeline import Evaluation, SceneScores, Scores

SHOWN = {
    "miou": "mIoU", "fwiou": "FWIoU", "oa": "OA", "macc": "mean accuracy", "mf1": "mean F1", "wf1": "weighted F1",
    "kappa": "kappa", "mcc": "MCC",
}  # fmt: skip
EDGE = {
    "iiee_km2": "IIEE km²", "over_km2": "over km²", "under_km2": "under km²", "aee_km2": "AEE km²", "me_km2": "ME km²",
    "d_iiee_km": "D_IIEE km", "edge_bias_km": "bias km", "d_avg_km": "D_AVG km", "d_rms_km": "D_RMS km", "mhd_km": "MHD km",
}  # fmt: skip
SIC = {"bias": "bias", "mae": "MAE", "rmse": "RMSE", "r2": "R²"}
ICE = {"ice_miou": "mIoU", "ice_f1": "F1", "ice_oa": "OA", "clear_miou": "clear mIoU"}
OBJECTS = {
    "object_precision": "precision", "object_recall": "recall", "object_f1": "F1", "object_iou": "IoU of matched",
}  # fmt: skip
CALIBRATION = {"ece": "ECE", "brier": "Brier", "log_loss": "log loss"}


class Table:
    """Rows of texts under a title, for a terminal as for a page.

    Args:
        title: What is told.
        header: The names of the columns; the first is that of the rows.
        rows: Texts.
    """

    def __init__(self, title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        self.title, self.header, self.rows = title, tuple(header), [tuple(row) for row in rows]

    def __bool__(self) -> bool:
        """Whether anything is told at all."""
        return any(cell not in ("", "-") for row in self.rows for cell in row[1:])

    def text(self) -> str:
        """Return the table in columns, numbers to the right."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        told = ["  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
                for line in lines]  # fmt: skip
        return "\n".join([self.title, *(f"  {line.rstrip()}" for line in told)])


def number(value: float) -> str:
    """Return a score with three decimals, an area or a distance with as many as make sense, "-" for none."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3f}"


def interval(evaluation: Evaluation, name: str) -> str:
    """Return the interval of a pooled score, empty if there is none."""
    low, high = evaluation.intervals.get(name, (math.nan, math.nan))
    return "" if math.isnan(low) else f"{number(low)} to {number(high)}"


def tables(evaluation: Evaluation, *, timed: bool = False) -> list[Table]:
    """Return all tables that have something to tell."""
    found = [
        _overall(evaluation), _classes(evaluation), _confusion(evaluation), _against_rest(evaluation),
        _boundaries(evaluation), _edges(evaluation), _concentration(evaluation),
        _plain("Probability of ice", CALIBRATION, evaluation), _plain(_object_title(evaluation), OBJECTS, evaluation),
        _parts(evaluation), *([_times(evaluation)] if timed else []),
    ]  # fmt: skip
    return [table for table in found if table]


def summary(evaluation: Evaluation) -> str:
    """Return in a line what was compared."""
    scenes, m = len(evaluation.scenes), evaluation.measures
    unit = "km²" if evaluation.criteria.by_area else "pixels"
    missing = evaluation.scores["missing"]
    left = f", {missing:.1%} of the reference without a prediction" if missing > 0 else ""
    return f"{scenes} {'scene' if scenes == 1 else 'scenes'}, {m.confusion.total:,.0f} {unit} compared{left}"


def to_text(evaluation: Evaluation, *, timed: bool = False) -> str:
    """Return the report for a terminal."""
    return "\n\n".join([summary(evaluation), *(table.text() for table in tables(evaluation, timed=timed))])


def _overall(e: Evaluation) -> Table:
    rows = [(label, number(e.scores[name]), interval(e, name)) for name, label in SHOWN.items()]
    return Table("All classes", ("", "pooled", "95 % interval"), rows)


def _classes(e: Evaluation) -> Table:
    names = ("iou", "precision", "recall", "f1")
    share = e.measures.confusion.counts.sum(axis=1) / max(e.measures.confusion.total, 1e-12)
    rows = [
        (c, f"{part:.1%}", *(number(e.scores[f"{n}:{c}"]) for n in names), interval(e, f"iou:{c}"))
        for c, part in zip(e.criteria.classes, share, strict=True)
    ]
    return Table("By class", ("", "share", "IoU", "precision", "recall", "F1", "95 % interval of IoU"), rows)


def _confusion(e: Evaluation) -> Table:
    counts = e.measures.confusion.counts
    rows = [(f"is {c}", *(f"{v:,.0f}" for v in row)) for c, row in zip(e.criteria.classes, counts, strict=True)]
    return Table("Confusion", ("", *(f"said {c}" for c in e.criteria.classes)), rows)


def _against_rest(e: Evaluation) -> Table:
    shown = {n: label for n, label in ICE.items() if e.criteria.hidden or n.startswith("ice")}
    lines: Mapping[str, Scores] = {"this": e.scores, **e.baselines}
    rows = [(who, *(number(s[n]) for n in shown)) for who, s in lines.items()]
    ice = e.criteria.classes[e.criteria.ice]
    return Table(f"{ice.capitalize()} against everything else", ("", *shown.values()), rows)


def _boundaries(e: Evaluation) -> Table:
    names = {"": "mean", **{f":{name}": name for name in e.criteria.classes}}
    rows = [
        (f"within {d}", label, *(number(e.scores[f"{score}{name}@{d}"]) for score in ("boundary_f", "boundary_iou")))
        for d in e.criteria.distances
        for name, label in names.items()
    ]
    return Table("Boundaries", ("", "class", "F", "IoU"), [r for r in rows if r[2:] != ("-", "-")])


def _edges(e: Evaluation) -> Table:
    scales = {"pixels": "", **{f"{size:g} km": f"@{size:g}km" for size in e.criteria.cells}}
    rows = [(label, *(number(e.scores[f"{n}{at}"]) for at in scales.values())) for n, label in EDGE.items()]
    return Table("Ice edge, on pixels and where the concentration on a grid reaches 15 %", ("", *scales), rows)


def _concentration(e: Evaluation) -> Table:
    rows = [
        (f"{label}{where}", *(number(e.scores[f"sic_{n}{kind}@{size:g}km"]) for size in e.criteria.cells))
        for kind, where in (("", ""), ("_marginal", ", 15 to 80 %"))
        for n, label in SIC.items()
    ]
    return Table("Concentration, 0 to 1", ("", *(f"{size:g} km" for size in e.criteria.cells)), rows)


def _object_title(e: Evaluation) -> str:
    o = e.measures.objects
    return f"Objects with an IoU above 0.5 ({o.true:,.0f} true, {o.predicted:,.0f} predicted)"


def _plain(title: str, names: Mapping[str, str], e: Evaluation) -> Table:
    rows = [(label, number(e.scores[name]), interval(e, name)) for name, label in names.items()]
    return Table(title, ("", "pooled", "95 % interval"), rows)


def _parts(e: Evaluation) -> Table:
    names = {"miou": "mIoU", **{f"iou:{c}": f"IoU {c}" for c in e.criteria.classes}, "ice_miou": "against rest"}
    rows = [(part, *(number(s[n]) for n in names)) for part, s in e.parts.items()]
    return Table("By part", ("", *names.values()), rows)


def _times(e: Evaluation) -> Table:
    timed = [s for s in e.scenes if s.measures.seconds]
    rows = [
        (s.pair.name, f"{s.measures.seconds:.2f}", f"{s.measures.size / 1e6:.2f}", number(s.scores["mpx_per_second"]))
        for s in timed
    ]
    total = e.measures
    if len(timed) > 1:
        rows.append(("all", f"{total.seconds:.2f}", f"{total.timed / 1e6:.2f}", number(e.scores["mpx_per_second"])))
    return Table("Time, with reading and writing, without loading the model", ("", "s", "Mpx", "Mpx/s"), rows)


def scene_table(scenes: Iterable[SceneScores], evaluation: Evaluation, *, title: str = "By scene") -> Table:
    """Return the main scores of some scenes."""
    names = {"miou": "mIoU", **{f"iou:{c}": f"IoU {c}" for c in evaluation.criteria.classes}, "missing": "missing"}
    rows = [(s.pair.name, *(number(s.scores[n]) for n in names)) for s in scenes]
    return Table(title, ("", *names.values()), rows)


def to_json(evaluation: Evaluation) -> str:
    """Return the report as JSON; what is not defined is null."""
    e = evaluation
    return json.dumps(
        {
            "classes": list(e.criteria.classes),
            "ice": e.criteria.classes[e.criteria.ice],
            "scores": _plain_values(e.scores),
            "intervals": {k: [_null(low), _null(high)] for k, (low, high) in e.intervals.items()},
            "confusion": e.measures.confusion.counts.tolist(),
            "missing": e.measures.confusion.missing,
            "reliability": [[_null(v) for v in row] for row in zip(*e.measures.calibration.curve(), strict=True)],
            "baselines": {name: _plain_values(s) for name, s in e.baselines.items()},
            "parts": {name: _plain_values(s) for name, s in e.parts.items()},
            "scenes": [_scene_values(s) for s in e.scenes],
        },
        indent=2,
    )


def _scene_values(scene: SceneScores) -> dict[str, Any]:
    pair = scene.pair
    return {
        "name": pair.name, "group": pair.group, "source": pair.source, "reference": str(pair.reference),
        "seconds": pair.seconds, "confusion": scene.measures.confusion.counts.tolist(), "scores": _plain_values(scene.scores),
    }  # fmt: skip


def _plain_values(scores: Scores) -> dict[str, float | None]:
    return {name: _null(value) for name, value in scores.items()}


def _null(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def to_csv(evaluation: Evaluation) -> str:
    """Return one line per scene, then one for every part and one for all together; what is not defined is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    names = list(evaluation.scores)
    writer.writerow(["scene", "group", "source", "seconds", *names])
    for s in evaluation.scenes:
        seconds = "" if s.pair.seconds is None else f"{s.pair.seconds:.3f}"
        writer.writerow([s.pair.name, s.pair.group, s.pair.source, seconds, *_cells(s.scores)])
    for name, scores in {**evaluation.parts, "all": evaluation.scores}.items():
        writer.writerow([name, "", "", "", *_cells(scores)])
    return text.getvalue()


def _cells(scores: Scores) -> list[str]:
    return ["" if math.isnan(v) else f"{v:.9g}" for v in scores.values()]


def hard_csv(scenes: Iterable[SceneScores]) -> str:
    """Return a list of scenes that `seaice train --data` and `seaice eval --data` read; the group is kept."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "label", "group"])
    for s in scenes:
        image = s.pair.image or s.pair.predicted
        writer.writerow([str(image.resolve()), str(s.pair.reference.resolve()), s.pair.group])
    return text.getvalue()
