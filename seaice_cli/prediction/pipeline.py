"""The straight line from a scene to a mask.

scene ─▶ chips ─▶ probabilities ─▶ pieces ─▶ classes ─▶ parts ─▶ mask.tif, ice.gpkg, preview.png
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seaice_cli.network.engines import Engine
from seaice_cli.network.engines.tta import run_augmented
from seaice_cli.outputs import refuse_target
from seaice_cli.prediction.assembly import Assembly
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.parts.classification import Classified, classify
from seaice_cli.prediction.parts.counting import Counter
from seaice_cli.prediction.parts.recording import Recorder
from seaice_cli.prediction.parts.run_folder import RunFolder
from seaice_cli.prediction.parts.store import BLEND, Part, PartStore
from seaice_cli.prediction.publishing import publish
from seaice_cli.prediction.resources import windows_ahead
from seaice_cli.prediction.summary import Summary, summarize
from seaice_cli.products.preview import open_quicklook
from seaice_cli.raster.reading.quicklook import Quicklook
from seaice_cli.raster.windows.blend import Blender
from seaice_cli.raster.windows.chips import read_chips
from seaice_cli.raster.windows.grid import Chip
from seaice_cli.raster.windows.prefetch import Prefetched
from seaice_cli.raster.writing.cog import Level

log = logging.getLogger(__name__)

Progress = Callable[[Iterable[Chip], int, int], Iterable[Chip]]
"""Passes chips on and counts them: given the chips, how many windows there are, and how many are done already."""
OpenEngine = Callable[[Job], Engine]
Earlier = Callable[[dict[str, Any]], dict[str, Any] | None]


def predict(
    scene: str,
    target: Path,
    *,
    options: PredictOptions | None = None,
    progress: Progress | None = None,
    engine: OpenEngine = Job.open_engine,
) -> Summary:
    """Map the ice of a scene: write its mask, and what else the options name.

    A run that was killed is taken up where it was by the same call; its windows are not run again.

    Args:
        scene: Anything GDAL opens.
        target: The mask to be written, a GeoTIFF unless the options say otherwise.
        options: What to do, and how.
        progress: Told of every window that reaches the network.
        engine: Opens the engine; the default loads the model anew for every call.

    Raises:
        SeaIceError: Whatever a user can cause; its text names the file, the fault and the way out.
    """
    return finish(start(scene, target, options or PredictOptions(), progress=progress or silent, engine=engine))


@dataclass(slots=True)
class ComputedRun:
    """A run whose parts are all computed, and what it still holds open."""

    job: Job
    folder: RunFolder
    engine: Engine
    layers: Mapping[str, Sequence[Level]]
    """Every layer with its overviews, in compressed blocks."""
    quicklook: Quicklook | None
    """The decimated scene of the preview; None if there is to be none."""
    windows: int
    """Windows that the network saw in this run."""
    seconds: float
    """Spent so far."""
    held: ExitStack


def start(
    scene: str,
    target: Path,
    options: PredictOptions,
    *,
    progress: Progress,
    engine: OpenEngine = Job.open_engine,
    earlier: Earlier | None = None,
) -> ComputedRun:
    """Compute all parts of a run; `finish` makes the files.

    Args:
        scene: As `predict`.
        target: As `predict`.
        options: As `predict`.
        progress: As `predict`.
        engine: As `predict`.
        earlier: Asked with the manifest what a run of it has made already, wherever it was; None where nothing.
    """
    began = time.perf_counter()
    with ExitStack() as stack:
        job = stack.enter_context(Job(scene, target, options))
        opened = engine(job)
        manifest = job.manifest(opened)
        folder = stack.enter_context(RunFolder(target, manifest))
        if earlier is not None:
            folder.published = earlier(manifest) or folder.published
        _tell_choices(job, opened)
        _tell_discarded(job, folder)
        quicklook = open_quicklook(job.scene) if options.preview else None
        run = ComputedRun(job, folder, opened, {}, quicklook, windows=0, seconds=0.0, held=ExitStack())
        if not folder.published:
            run.layers, run.windows = compute(job, folder.parts, opened, progress, quicklook)
        job.scene.refuse_change()
        run.seconds, run.held = time.perf_counter() - began, stack.pop_all()
        return run


def finish(run: ComputedRun, *, keep_record: bool = False) -> Summary:
    """Make all files from the parts, and give them their names; as to `keep_record` see `RunFolder.close`."""
    began = time.perf_counter()
    with run.held:
        if run.folder.published:
            summary = Summary(**{**run.folder.published, "windows_run": 0})
        else:
            counts = run.folder.parts.total()
            assembly = Assembly(
                run.job, run.layers, counts, run.engine, folder=run.folder.path, quicklook=run.quicklook
            )
            publish(run.folder, assembly.makers())
            summary = summarize(
                run.job, counts, run.engine, seconds=run.seconds + time.perf_counter() - began,
                windows=run.windows, polygons=assembly.polygons,
            )  # fmt: skip
        run.folder.close(summary.to_json(), keep_record=keep_record)
        return summary


def _tell_choices(job: Job, engine: Engine) -> None:
    """Log with what a scene is read and computed, and why."""
    scene, grid, options, radiometry = job.scene, job.grid, job.options, job.radiometry
    bands, sensor = ", ".join(str(b) for b in scene.bands), radiometry.sensor
    read_as = f"as {sensor.name}" if sensor else "as they are"
    log.info(
        "%s: %d x %d px, bands %s of %s read %s", scene.path, scene.width, scene.height, bands, scene.dtype, read_as
    )
    log.info("%s: model %s %s", scene.path, job.model.spec.name, job.model.spec.version)
    chosen = "as asked for"
    if options.engine == "auto" and options.device == "auto":
        chosen = "a CUDA device is there" if engine.device != "cpu" else "no CUDA device can be used"
    log.info("%s: engine %s on %s in %s (%s)", scene.path, engine.name, engine.device, engine.precision, chosen)
    log.info(
        "%s: windows of %d px that share %d: %d of them, saved as parts: %d",
        scene.path, grid.size, grid.overlap, len(grid), len(job.parts),
    )  # fmt: skip


def _tell_discarded(job: Job, folder: RunFolder) -> None:
    """Say why the parts of an earlier run are not taken up; what it had announced is not this run's to overwrite."""
    if not folder.discarded:
        return
    log.warning(
        "%s: starting anew, because this run differs from the killed one in %s", job.target, ", ".join(folder.discarded)
    )
    for target in job.targets:
        refuse_target(target, overwrite=job.options.overwrite)


def compute(
    job: Job, store: PartStore, engine: Engine, progress: Progress, quicklook: Quicklook | None = None
) -> tuple[dict[str, list[Level]], int]:
    """Compute the parts that are not finished yet; return all layers, and how many windows were run."""
    finished = store.finished()
    parts, spec, scene = job.parts[finished:], job.model.spec, job.scene
    counter = Counter(range(len(spec.classes)), spec.ice, scene.crs, scene.transform)
    with Recorder(store, job.layers, (scene.height, scene.width), counter) as recorder:
        recorder.replay(job.parts[:finished])
        windows = _compute(job, store, parts, recorder, engine, progress, quicklook) if parts else 0
        return recorder.close(), windows


def _compute(
    job: Job, store: PartStore, parts: Sequence[Part], recorder: Recorder, engine: Engine, progress: Progress,
    quicklook: Quicklook | None,
) -> int:  # fmt: skip
    first = parts[0]
    if first.index:
        log.info("%s: going on at part %d of %d", job.target, first.index + 1, len(job.parts))
    row = first.grid_rows[0]
    blender = Blender(job.grid, store.carry(first.index - 1, BLEND) if first.index else None)
    rows = range(row, len(job.grid.rows))
    with classifying(job, engine, blender, rows, progress, quicklook) as (classified, counted):
        recorder.record(classified, parts, blender)
    return counted.run


@contextmanager
def classifying(
    job: Job, engine: Engine, blender: Blender, rows: range, progress: Progress, quicklook: Quicklook | None = None
) -> Iterator[tuple[Iterator[Classified], Counted]]:
    """Give what is finished with each of these grid rows, and the count of the windows that the network has seen for it."""
    counted, options, columns = Counted(), job.options, len(job.grid.columns)
    with Prefetched(
        lambda: read_chips(
            job.scene,
            job.grid,
            radiometry=job.radiometry,
            region=job.region,
            first_row=rows.start,
            stop_row=rows.stop,
            quicklook=quicklook,
        ),
        depth=windows_ahead(job.grid, job.model.spec),
    ) as chips:
        shown = progress(counted(chips), rows.stop * columns, rows.start * columns)
        probabilities = run_augmented(engine, shown, options.tta)
        pieces = blender.blend(probabilities, rows.start, rows.stop)
        classified = classify(
            pieces, job.grid, ice=job.model.spec.ice, threshold=options.threshold, abstain=options.abstain,
            with_probability=len(job.layers) > 1, rows=rows,
        )  # fmt: skip
        yield classified, counted


class Counted:
    """Counts the chips that the network will see."""

    def __init__(self) -> None:
        self.run = 0
        """How many have come."""

    def __call__(self, chips: Iterable[Chip]) -> Iterator[Chip]:
        """Pass the chips on, and count them."""
        for chip in chips:
            self.run += chip.pixels is not None
            yield chip


def silent(chips: Iterable[Chip], windows: int, done: int) -> Iterable[Chip]:  # noqa: ARG001 - the shape of Progress
    """Pass chips on and tell nobody."""
    return chips
