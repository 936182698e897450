"""The plan of a run: its figures, and every refusal that would come, worked out without running anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seaice_cli.errors import SeaIceError
from seaice_cli.network.engines import ENGINE_KINDS, choose_engine
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.parts.run_folder import finished_parts
from seaice_cli.raster.windows.chips import count_filled


@dataclass(frozen=True, slots=True)
class Plan:
    """The figures of a run, known before it."""

    scene: str
    mask: str
    height: int
    width: int
    windows: int
    windows_with_data: int
    parts: int
    parts_finished: int
    model: str
    engine: str
    memory_mb: int
    """Estimated peak of the process."""
    disk_mb: int
    """Estimated at most, uncompressed, while parts and results lie side by side."""
    refusals: list[str] = field(default_factory=list)
    """What would end the run before its first window."""


def dry_run(scene: str, target: Path, options: PredictOptions) -> Plan:
    """Work out what a run would do, with every refusal that would come, and run nothing.

    Raises:
        SeaIceError: The scene or the model cannot be opened at all, so that nothing else can be said.
    """
    refusals: list[SeaIceError] = []
    with Job(scene, target, options, refuse=refusals.append) as job:
        refusals.extend(_model_files(job))
        return _plan(job, [str(r) for r in refusals])


def _plan(job: Job, refusals: list[str]) -> Plan:
    engine = choose_engine(job.options.engine, job.options.device)
    return Plan(
        scene=job.scene.path, mask=str(job.target), height=job.scene.height, width=job.scene.width,
        windows=len(job.grid), windows_with_data=count_filled(job.scene, job.grid, region=job.region),
        parts=len(job.parts), parts_finished=finished_parts(job.target), model=job.model.spec.name, engine=engine,
        memory_mb=job.memory_bytes >> 20, disk_mb=(job.disk_bytes >> 20) + 1, refusals=refusals,
    )  # fmt: skip


def _model_files(job: Job) -> Iterator[SeaIceError]:
    try:
        job.model.file(ENGINE_KINDS[choose_engine(job.options.engine, job.options.device)].file)
    except SeaIceError as error:
        yield error
