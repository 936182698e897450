"""`train`: labelled scenes in, a model out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from seaice_cli.api.models import Model, load_model
from seaice_cli.api.parameters import StrPath, refuse_unknown
from seaice_cli.extras import require_extra
from seaice_cli.training.options import TrainOptions, read_options


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run."""

    model: Model
    scores: Mapping[str, float]
    """Of the model on the validation scenes, by name: "miou", "iou:ice", ..."""


def train(
    data: StrPath | Sequence[StrPath],
    output: StrPath,
    *,
    val: StrPath | Sequence[StrPath] = (),
    preset: str = "",
    config: StrPath | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    **options: Any,
) -> Trained:
    """Train a model on labelled scenes of any size: `seaice train`.

        trained = seaice.train("train.csv", "runs/first", val="val.csv", preset="fast", classes=("water", "ice", "cloud"))
        trained.model.predict("scene.tif")

    Args:
        data: A csv, a json list or a folder to learn from, or several; with `resume`, () for those that the run keeps.
        output: The run's folder; the model is in `model/` below it.
        val: What to validate on; else some scenes of `data` are set aside.
        preset: The name of a preset; options win over it.
        config: A TOML file of options; options given here win over it.
        resume: Go on with the run in the folder, by the options it keeps; those given here win.
        overwrite: Begin anew where a run is.
        progress: Wraps the numbers of the steps.
        **options: The other fields of `seaice_cli.training.options.TrainOptions`.

    Raises:
        InstallationError: What training needs is not installed.
        SeaIceError: Whatever a user can cause; its text names the file, the parameter and the way out.
        TypeError: There is no parameter of a name.
    """
    refuse_unknown(options, [f.name for f in fields(TrainOptions)], "train")
    require_extra("train", "training")
    from seaice_cli.training.pipeline import train as run
    from seaice_cli.training.records.logs import kept_options

    given = {"data": _several(data) or None, "val": _several(val) or None} | {k: _plain(v) for k, v in options.items()}
    file = Path(config) if config is not None else kept_options(Path(output)) if resume else None
    chosen = read_options(file, preset, given)
    directory, scores = run(chosen, Path(output), resume=resume, overwrite=overwrite, progress=progress)
    return Trained(load_model(directory), scores)


def _several(paths: StrPath | Sequence[StrPath]) -> tuple[str, ...]:
    return (fspath(paths),) if isinstance(paths, (str, PathLike)) else tuple(fspath(p) for p in paths)


def _plain(value: Any) -> Any:
    return fspath(value) if isinstance(value, PathLike) else value
