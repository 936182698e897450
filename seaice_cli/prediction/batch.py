"""Several scenes, one after the other: a scene that fails stops none of the others.

The engine is opened once for all scenes of one shape, and masks are assembled by threads while the next scene is computed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seaice_cli.errors import SeaIceError, describe
from seaice_cli.logged import LoggedWarnings
from seaice_cli.network.engines import Engine
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.pipeline import ComputedRun, OpenEngine, Progress, finish, start
from seaice_cli.prediction.plan import Plan, dry_run
from seaice_cli.prediction.scenes.pairing import BatchItem
from seaice_cli.prediction.summary import Summary
from seaice_cli.prediction.uploading import Upload

log = logging.getLogger(__name__)
SAVERS = 4
"""Threads that assemble and compress masks."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one scene: a summary, an error, or nothing, because its files were there."""

    scene: str
    summary: Summary | None = None
    error: str = ""
    skipped: str = ""
    """The mask that was there."""
    workers: tuple[str, ...] = ()
    """Of a cluster: those that have worked on it."""

    @property
    def ok(self) -> bool:
        """Whether the mask is there."""
        return not self.error

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        workers = {"workers": list(self.workers)} if self.workers else {}
        if self.summary:
            return asdict(self.summary) | workers
        return {
            "scene": self.scene,
            **({"error": self.error} if self.error else {"mask": self.skipped, "skipped": True}),
            **workers,
        }

    def text(self) -> str:
        """Return the result as lines for a person."""
        if self.summary:
            return _told(self.summary)
        if self.skipped:
            return f"{self.scene}: skipped, {self.skipped} is there"
        return "\n".join(f"Error: {line}" for line in self.error.splitlines())


@dataclass(frozen=True, slots=True)
class PlanResult:
    """What would become of one scene: a plan, or an error that leaves none."""

    scene: str
    plan: Plan | None = None
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the run would start."""
        return self.plan is not None and not self.plan.refusals

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return asdict(self.plan) if self.plan else {"scene": self.scene, "refusals": self.error.splitlines()}

    def text(self) -> str:
        """Return the plan as lines for a person."""
        if self.plan is None:
            return "\n".join(f"Refused: {line}" for line in self.error.splitlines())
        p = self.plan
        parts = f"{_counted(p.parts, 'part')} ({p.parts_finished} finished)"
        lines = [
            f"{p.scene} -> {p.mask}: {p.width} x {p.height} px",
            f"  windows  {p.windows}, {p.windows_with_data} of them with data, in {parts}",
            f"  model    {p.model} on {p.engine}",
            f"  memory   about {p.memory_mb} MB",
            f"  disk     at most {p.disk_mb} MB",
        ]
        return "\n".join([*lines, *(f"Refused: {r}" for r in p.refusals)])


def plan(item: BatchItem) -> PlanResult:
    """Work out what a run would do."""
    try:
        with item.here() as here:
            found = dry_run(here.scene, here.target, here.options)
        return PlanResult(item.scene, replace(found, mask=item.upload or found.mask))
    except SeaIceError as error:
        return PlanResult(item.scene, error=str(error))


def find_finished(item: BatchItem) -> Result | None:
    """Return the result of an item whose files are all there; None where they are not.

    Raises:
        OutputError: The storage does not answer.
    """
    return Result(item.scene, skipped=item.upload or str(item.target)) if item.is_finished() else None


Save = Callable[..., "Future[Result]"]
"""Calls what it is given, now or beside the next scene."""


def run(
    items: Sequence[BatchItem], *, progress: Callable[[str], Progress], skip_existing: bool = False, collect: bool = False
) -> list[Result]:  # fmt: skip
    """Run every item; return what became of each, in order. Whatever ends one, the others are made.

    Args:
        items: Scenes and their files.
        progress: Makes what is told of a scene's windows, given its name.
        skip_existing: Leave scenes alone whose files are all there.
        collect: Tell the error of a single item in its result, as those of several are.

    Raises:
        SeaIceError: Of a single item.
    """
    engines = Engines()
    with ThreadPoolExecutor(SAVERS) as savers:
        # One by itself is made in this thread, where an interruption ends it: a saver would first publish everything.
        save: Save = savers.submit if len(items) > 1 else _save_here
        pending = [_submit(a, engines, progress, save, skip_existing=skip_existing) for a in items]
        if len(items) == 1 and not collect:
            return [pending[0].result()]
        return [_result(a, p) for a, p in zip(items, pending, strict=True)]


def _save_here(finish: Callable[..., Result], *arguments: Any) -> Future[Result]:
    told: Future[Result] = Future()
    try:
        told.set_result(finish(*arguments))
    except Exception as error:  # noqa: BLE001 - told as that of a saver
        told.set_exception(error)
    return told


def run_item(item: BatchItem, progress: Progress, engine: OpenEngine, *, keep_record: bool = False) -> Summary:
    """Run one item, and put its mask where it belongs; as to `keep_record` see `RunFolder.close`.

    Raises:
        SeaIceError: As `predict`.
    """
    return _begin(item, progress, engine)(keep_record=keep_record)


class _Begun:
    """A run whose parts are computed: calling it makes the files."""

    def __init__(self, item: BatchItem, run: ComputedRun, upload: Upload | None) -> None:
        self._item, self._run, self._upload = item, run, upload

    def __call__(self, *, keep_record: bool = False) -> Summary:
        if self._upload is None:
            return finish(self._run, keep_record=keep_record)
        made = finish(self._run, keep_record=True)
        return self._upload.publish(self._item.target, made, keep_record=keep_record)


def _begin(item: BatchItem, progress: Progress, engine: OpenEngine) -> _Begun:
    upload = item.uploading()
    with item.here() as here:
        run = start(
            here.scene,
            here.target,
            here.options,
            progress=progress,
            engine=engine,
            earlier=upload.earlier if upload else None,
        )
        return _Begun(here, run, upload)


def _submit(
    item: BatchItem, engines: Engines, progress: Callable[[str], Progress], save: Save, *, skip_existing: bool
) -> Future[Result]:
    """Compute an item, and have its files made while the next is computed."""
    told: Future[Result] = Future()
    try:
        if skip_existing and (there := find_finished(item)):
            told.set_result(there)
            return told
        with LoggedWarnings() as logged:
            begun = _begin(item, progress(Path(item.scene).name), engines.open)
    except Exception as error:  # noqa: BLE001 - whatever it was, the other scenes go on
        told.set_exception(error)
        return told
    return save(_finish, item, begun, logged.texts)


def _finish(item: BatchItem, begun: _Begun, logged: list[str]) -> Result:
    with LoggedWarnings() as later:
        summary = begun()
    return Result(item.scene, replace(summary, warnings=[*summary.warnings, *logged, *later.texts]))


def _result(item: BatchItem, pending: Future[Result]) -> Result:
    try:
        return pending.result()
    except Exception as error:  # whatever it was, the other scenes go on
        log.debug("%s", item.scene, exc_info=error)
        return Result(item.scene, error=describe(error, item.scene))


class Engines:
    """Engines, opened once for every shape of chips."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], Engine] = {}

    def open(self, job: Job) -> Engine:
        """Return the engine of a job."""
        shape = job.grid.shape
        if shape not in self._open:
            self._open[shape] = job.open_engine()
        return self._open[shape]


def _doubt(s: Summary) -> str:
    unsure = f", {s.unsure:.1%} left unsure" if s.unsure else ""
    known = f"; read as {s.sensor}" if s.sensor else ""
    ends = f"; {s.rescale[0]:g} to {s.rescale[1]:g} rescaled to the model's range" if s.rescale else ""
    return f"{s.uncertain:.1%} uncertain{unsure}{known}{ends}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _told(s: Summary) -> str:
    shares = ", ".join(f"{name} {share:.1%}" for name, share in s.shares.items())
    area = f", {s.ice_km2:,.0f} km² of ice" if s.ice_km2 is not None else ""
    polygons = f", {_counted(s.polygons, 'polygon')}" if s.polygons is not None else ""
    return "\n".join(
        [
            f"{s.scene}: {s.width} x {s.height} px in {s.seconds:.1f} s, {s.mpx_per_s:.{1 if s.mpx_per_s >= 1 else 2}f} Mpx/s",
            f"  {_counted(s.windows, 'window')}, {s.windows_run} run by this call",
            f"  {shares}{area}{polygons}; {s.valid_share:.1%} of the scene classified",
            f"  {_doubt(s)}",
            *(f"  {file}" for file in s.files),
            *(f"  Warning: {warning}" for warning in s.warnings),
        ]
    )
