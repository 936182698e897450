"""The client's side: scenes in, results out; what is to be done next is decided as tasks come back.

    scene ─▶ map_scene ─▶ result
                 └─ large ─▶ compute_parts x n ─▶ assemble ─▶ result

Dask schedules, moves and repeats tasks; a task that is repeated goes on from what is finished on the disks or in the bucket.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seaice_cli.cluster.connection import connect
from seaice_cli.cluster.shared_parts import SharedParts, divide
from seaice_cli.cluster.tasks import Outcome, assemble, compute_parts, map_scene
from seaice_cli.cluster.workers import ENGINE, Identity
from seaice_cli.errors import ClusterError, SeaIceError, describe
from seaice_cli.locking import alone
from seaice_cli.network.catalog import shipped
from seaice_cli.prediction.batch import Result, find_finished
from seaice_cli.prediction.parts.run_folder import forget
from seaice_cli.prediction.scenes.pairing import BatchItem
from seaice_cli.prediction.summary import Summary

log = logging.getLogger(__name__)
Told = Callable[[int, int], None]
"""Called with how many tasks are done, and how many there are."""
RETRIES = 2
"""How often a task that fails for no reason of a user's is tried again."""
LARGE = 16
"""Parts from which on a scene is computed in parts although there are scenes for all workers: about a thousand windows."""
ROWS_PER_RANGE = 16
"""Grid rows of a range of parts, at least, where that leaves no worker idle: one or two more are computed for it."""


@dataclass(slots=True)
class _Scene:
    """One item on its way."""

    item: BatchItem
    shared: SharedParts | None = None
    ranges_left: int = 0
    windows: int = 0
    workers: set[str] = field(default_factory=set)
    result: Result | None = None


def run(
    items: Sequence[BatchItem], where: str, *, told: Told | None = None, skip_existing: bool = False
) -> list[Result]:  # fmt: skip
    """Map every item on a cluster; return what became of each, in order. A scene that fails stops none of the others.

    Args:
        items: Scenes and their targets, which workers find under the same names.
        where: As `connection.connect` takes it; not asked for scenes that are all left alone.
        told: Told of every task that is done.
        skip_existing: Leave scenes alone whose files are all there.

    Raises:
        SeaIceError: There is no such cluster, or it is lost. What is finished is kept, and the same call goes on from there.
    """
    finished = [find_finished(item) if skip_existing else None for item in items]
    left = [item for item, there in zip(items, finished, strict=True) if there is None]
    made = iter(_map([_absolute(item) for item in left], where, told or _silent) if left else ())
    return [there or next(made) for there in finished]


def _map(items: Sequence[BatchItem], where: str, told: Told) -> list[Result]:
    identity = Identity.of(items[0].options.model)
    with connect(where) as client, ExitStack() as held:
        results = _Run(client, identity, items, held, told).results()
    if all(r.ok for r in results):
        for item in items:
            _forget(item)
    return results


class _Run:
    """Hands tasks to the cluster until every scene has its result."""

    def __init__(
        self, client: Any, identity: Identity, items: Sequence[BatchItem], held: ExitStack, told: Told
    ) -> None:
        from distributed import as_completed

        self._client, self._identity, self._held, self._told = client, identity, held, told
        self._scenes = [_Scene(item) for item in items]
        self._workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        self._most_parts = 1 if len(items) < self._workers else LARGE
        self._running: dict[Any, _Scene] = {}
        self._done = self._tasks = 0
        self._began = time.perf_counter()
        self._completed = as_completed(loop=client.loop)

    def results(self) -> list[Result]:
        for scene in self._scenes:
            self._submit(scene, map_scene, self._most_parts)
        for future in self._completed:
            scene = self._running.pop(future.key)
            self._take(scene, self._outcome(scene, future))
            self._done += 1
            self._told(self._done, self._tasks)
        return [
            replace(s.result or Result(s.item.scene, error="was given up"), workers=tuple(sorted(s.workers)))
            for s in self._scenes
        ]

    def _submit(self, scene: _Scene, task: Callable[..., Outcome], *arguments: Any) -> None:
        key = _key(task.__name__, scene.item, self._identity, *arguments)
        future = self._client.submit(
            task, scene.item, self._identity, *arguments,
            key=key, retries=RETRIES, resources={ENGINE: 1},
        )  # fmt: skip
        self._running[future.key] = scene
        self._tasks += 1
        self._completed.add(future)

    def _outcome(self, scene: _Scene, future: Any) -> Outcome:
        from distributed import CancelledError

        if future.status == "error":  # raised by the task; what is raised below is about the connection
            return _failure(scene.item, future.exception())
        try:
            outcome: Outcome = future.result()
        except (CancelledError, TimeoutError, OSError) as error:
            raise ClusterError(
                "the scheduler is gone; what is finished is kept: start it, and run the same command again"
            ) from error
        return outcome

    def _take(self, scene: _Scene, outcome: Outcome) -> None:
        scene.windows += outcome.windows
        scene.workers |= {outcome.worker} - {""}
        if scene.result is not None:  # another of its ranges has failed
            return
        if outcome.error:
            scene.result = Result(scene.item.scene, error=outcome.error)
        elif outcome.summary is not None:
            scene.result = Result(scene.item.scene, self._summary(scene, outcome.summary))
        else:
            self._go_on(scene, outcome)

    def _summary(self, scene: _Scene, summary: Summary) -> Summary:
        """Return the summary of a scene, with the windows and the time of all tasks that have worked on it."""
        if scene.shared is None:
            return summary
        seconds = time.perf_counter() - self._began
        mpx_per_s = summary.height * summary.width / 1e6 / seconds
        return replace(summary, windows_run=scene.windows, seconds=round(seconds, 3), mpx_per_s=round(mpx_per_s, 3))

    def _go_on(self, scene: _Scene, outcome: Outcome) -> None:
        """Hand out what comes next of a scene that is computed in parts."""
        try:
            if scene.shared is None and outcome.parts is not None:
                self._begin_parts(scene, outcome.parts)
            else:
                scene.ranges_left -= 1
        except SeaIceError as error:
            scene.result = Result(scene.item.scene, error=str(error))
            return
        if scene.shared is not None and not scene.ranges_left:
            self._submit(scene, assemble, scene.shared)

    def _begin_parts(self, scene: _Scene, shared: SharedParts) -> None:
        if not scene.item.upload:
            self._held.enter_context(alone(Path(shared.place), scene.item.target))
        scene.shared = shared
        ranges = divide(shared.missing(), self._ranges(shared))
        scene.ranges_left = len(ranges)
        for indices in ranges:
            self._submit(scene, compute_parts, shared, indices)

    def _ranges(self, shared: SharedParts) -> int:
        return min(shared.count, max(self._workers, min(4 * self._workers, shared.grid_rows // ROWS_PER_RANGE)))


def _failure(item: BatchItem, error: BaseException) -> Outcome:
    """Return the outcome of a task that has failed for no reason of a user's, as often as it was tried."""
    from distributed import KilledWorker

    if not isinstance(error, KilledWorker):
        log.debug("%s", item.scene, exc_info=error)
        return Outcome("", error=describe(error, item.scene))
    reason = (
        f"{item.scene}: {error.allowed_failures + 1} workers in turn were killed over it, the last {error.last_worker.address}; "
        f"did they run out of memory? Choose a smaller `tile`, or larger workers"
    )
    return Outcome("", error=reason)


def _key(name: str, item: BatchItem, *rest: Any) -> str:
    """Return the name of a task: two clients of one scheduler that want the same share it."""
    digest = hashlib.sha256(repr((item, rest)).encode()).hexdigest()[:24]
    return f"{name}-{digest}"


def _absolute(item: BatchItem) -> BatchItem:
    """Return an item whose files have the names by which a worker finds them, wherever it stands."""
    scene = str(Path(item.scene).absolute()) if Path(item.scene).exists() else item.scene
    paths = {name: getattr(item.options, name) for name in ("aoi", "land", "probability", "vector", "preview")}
    files = {name: path.absolute() for name, path in paths.items() if path is not None}
    options = replace(item.options, model=_absolute_model(item.options.model), **files)
    return replace(item, scene=scene, target=item.target.absolute(), options=options)


def _absolute_model(name: str) -> str:
    return str(Path(name).absolute()) if name not in shipped() and Path(name).is_dir() else name


def _forget(item: BatchItem) -> None:
    if upload := item.uploading():
        upload.forget()
    else:
        forget(item.target)


def _silent(done: int, tasks: int) -> None:
    del done, tasks
