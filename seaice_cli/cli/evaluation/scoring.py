"""What `seaice eval` does with its options: scenes in pairs, criteria, scores, and the files that tell of them."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seaice_cli.cli.evaluation.inputs import labelled_scenes, masks, read_criteria
from seaice_cli.cli.shared.parameters import Bar
from seaice_cli.cli.shared.verbosity import bars_are_shown
from seaice_cli.data.samples import read_samples
from seaice_cli.errors import OptionError, OutputError
from seaice_cli.evaluation import baselines, temperature
from seaice_cli.evaluation.criteria import Criteria, Pair
from seaice_cli.evaluation.inference import run_model
from seaice_cli.evaluation.measures import Measures, scores
from seaice_cli.evaluation.pipeline import Evaluation, unknown_score
from seaice_cli.evaluation.pipeline import evaluate as score
from seaice_cli.evaluation.report import html, tables
from seaice_cli.network.spec import SPEC_FILE
from seaice_cli.outputs import refuse_filled
from seaice_cli.prediction.options import PredictOptions

RUNNING = (
    "model", "tile", "overlap", "engine", "device", "precision", "batch_size", "threads", "tta", "bands", "any_resolution",
    "threshold",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """What the command says in the end."""

    text: str
    failures: list[str] = field(default_factory=list)


def run(**o: Any) -> Report:
    """Evaluate as the options say, and write what they name.

    Raises:
        SeaIceError: Whatever a user can cause.
    """
    _check(o)
    pairs = labelled_scenes(o) if o["data"] else masks(o)
    criteria = read_criteria(o, pairs)
    _check_scores(o, criteria)
    with ExitStack() as stack:
        folder = o["keep"] or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seaice-eval-")))
        tempered = _calibrate(o, pairs, criteria) if _calibrates(o) else None
        by = (lambda pair: str(getattr(pair, o["by"]))) if o["by"] else None
        found = score(_predicted(o, pairs, folder), criteria, by=by, resamples=o["resamples"], seed=o["seed"])
        found = dataclasses.replace(found, baselines=_baselines(o, found))
        _write(o, found)
    return Report(_text(o, found, tempered), list(failures(o, found.scores)))


def _check(o: dict[str, Any]) -> None:
    if o["incomplete"]:
        raise OptionError("`incomplete`: is for `objects` only")
    if bool(o["data"]) == bool(o["predicted"]):
        raise OptionError("give either PREDICTED (and REFERENCE), or --data and a model")
    running = [f"--{name}" for name in ("keep", "calibrate", "calibrated") if o[name]]
    if running and not o["data"]:
        raise OptionError(f"{running[0]} is about a model: give the scenes with --data instead of masks")
    if o["output"] and not o["worst"]:
        raise OptionError("-o is for the list of the worst scenes; say how many with --worst")
    if _calibrates(o):
        temperature.target_of(o["model"], o["calibrated"])
    if o["calibrated"]:
        refuse_filled(o["calibrated"], overwrite=False, marker=SPEC_FILE)
    check_targets(o)


def check_targets(o: dict[str, Any]) -> None:
    """Refuse files and folders that cannot be written.

    Raises:
        OutputError: One exists, or its folder does not.
    """
    for path in filter(None, (o["output"], o["csv_file"], o["html"])):
        if path.exists() and not o["overwrite"]:
            raise OutputError(f"{path}: exists already; add --overwrite, or choose another name")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}; make it first")
    if o["keep"]:
        _make(o["keep"])


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder ({error.strerror})") from error


def _check_scores(o: dict[str, Any], criteria: Criteria) -> None:
    known = scores(Measures.empty(criteria), criteria)
    for name in [o["rank"], *(name for name, _ in (*o["fail_under"], *o["fail_over"]))]:
        if name not in known:
            raise unknown_score(name, known)


def _options(o: dict[str, Any]) -> PredictOptions:
    return PredictOptions(**{name: o[name] for name in RUNNING})


def _calibrates(o: dict[str, Any]) -> bool:
    return bool(o["calibrate"] or o["calibrated"])


def _calibrate(o: dict[str, Any], pairs: Sequence[Pair], criteria: Criteria) -> temperature.TemperatureFit:
    """Write the calibrated model, and let it be the one that is evaluated."""
    found = temperature.fit_model(pairs, _options(o), criteria, seed=o["seed"])
    target = temperature.target_of(o["model"], o["calibrated"])
    temperature.temper_model(o["model"], target, found.after)
    o["model"] = str(target)
    return found


def _predicted(o: dict[str, Any], pairs: Sequence[Pair], folder: Path) -> Iterator[Pair]:
    ready: Iterable[Pair] = run_model(pairs, _options(o), folder, progress=Bar) if o["data"] else pairs
    from tqdm import tqdm

    yield from tqdm(ready, total=len(pairs), desc="eval", unit="scene", leave=False, disable=not bars_are_shown())


def _baselines(o: dict[str, Any], found: Evaluation) -> dict[str, dict[str, float]]:
    training = [(s.image, s.label) for s in read_samples(o["baseline_csv"]) if s.label] if o["baseline_csv"] else []
    scenes = [(s.pair.image, s.pair.reference) for s in found.scenes if s.pair.image]
    if training and not scenes:
        raise OptionError(
            "--baseline-csv needs the images themselves: give them with --data, or as a list after the masks"
        )
    return baselines.baselines(training, scenes, found.measures.confusion, found.criteria)


def _write(o: dict[str, Any], found: Evaluation) -> None:
    texts: tuple[tuple[Path | None, Callable[[], str]], ...] = (
        (o["output"], lambda: tables.hard_csv(found.worst(o["worst"], o["rank"]))),
        (o["csv_file"], lambda: tables.to_csv(found)),
        (o["html"], lambda: html.to_html(found, title=_title(o), worst=o["worst"] or 4, timed=o["timed"])),
    )
    for path, make in texts:
        if path is not None:
            publish(path, make())


def publish(path: Path, text: str) -> None:
    """Write a file, complete or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _title(o: dict[str, Any]) -> str:
    return (
        f"{Path(o['model']).name} on {', '.join(p.name for p in o['data'])}"
        if o["data"]
        else f"{o['predicted'].name} evaluated"
    )


def _text(o: dict[str, Any], found: Evaluation, tempered: temperature.TemperatureFit | None) -> str:
    if o["as_json"]:
        values = json.loads(tables.to_json(found))
        if tempered:
            values["temperature"] = dataclasses.asdict(tempered)
        return json.dumps(values, indent=2)
    parts = [tables.to_text(found, timed=o["timed"])]
    if tempered:
        parts.insert(0, (
            f"Temperature {tempered.before:.3f} -> {tempered.after:.3f}, log loss {tempered.loss_before:.4f} -> "
            f"{tempered.loss_after:.4f}; written into {o['model']}"
        ))  # fmt: skip
    if o["worst"]:
        worst = found.worst(o["worst"], o["rank"])
        parts.append(tables.scene_table(worst, found, title=f"Worst {o['rank']}").text())
    elif len(found.scenes) > 1:
        parts.append(tables.scene_table(found.scenes, found).text())
    return "\n\n".join(parts)


def failures(o: dict[str, Any], found: Mapping[str, float]) -> Iterator[str]:
    """Yield a line for every score beyond its bound."""
    for name, limit in o["fail_under"]:
        # A score that is not defined has not reached anything.
        if not found[name] >= limit:
            yield f"{name} is {tables.number(found[name])}, under {limit:g}"
    for name, limit in o["fail_over"]:
        if not found[name] <= limit:
            yield f"{name} is {tables.number(found[name])}, over {limit:g}"
