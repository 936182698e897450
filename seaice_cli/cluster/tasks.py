"""What workers do: map a scene, compute a range of its parts, assemble it. Errors of the user come back as results."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from seaice_cli.cluster.shared_parts import DeliveringStore, SharedParts, consecutive
from seaice_cli.cluster.workers import Identity, worker_address
from seaice_cli.errors import ClusterError, SeaIceError
from seaice_cli.prediction.batch import Engines, run_item
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.parts.run_folder import RunFolder, fingerprint, published
from seaice_cli.prediction.pipeline import silent
from seaice_cli.prediction.ranges import compute_range
from seaice_cli.prediction.scenes.pairing import BatchItem
from seaice_cli.prediction.summary import Summary

_engines: dict[Identity, dict[str, Engines]] = {}
"""Engines of this process, opened once for all its tasks."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task."""

    worker: str
    summary: Summary | None = None
    parts: SharedParts | None = None
    """Of a scene that is to be computed in parts."""
    windows: int = 0
    error: str = ""


def map_scene(item: BatchItem, identity: Identity, most_parts: int) -> Outcome:
    """Map one scene; one of more than so many parts is left to be computed in parts."""
    try:
        identity.check()
        parts = _to_be_divided(item, identity, most_parts)
        if parts is not None:
            return Outcome(worker_address(), parts=parts)
        summary = run_item(item, silent, _opened(identity, item).open, keep_record=True)
    except SeaIceError as error:
        return Outcome(worker_address(), error=str(error))
    return Outcome(worker_address(), summary, windows=summary.windows_run)


def compute_parts(item: BatchItem, identity: Identity, shared: SharedParts, indices: range) -> Outcome:
    """Compute those of a range of parts that nobody has finished yet."""
    windows = 0
    try:
        identity.check()
        missing = set(shared.missing())
        with (
            tempfile.TemporaryDirectory(prefix="seaice-") as folder,
            Job(item.scene, _target(item, Path(folder)), item.options) as job,
        ):
            engine = _opened(identity, item).open(job)
            if fingerprint(job.manifest(engine)) != shared.fingerprint:
                raise ClusterError(
                    f"{item.scene}: worker {worker_address()} reads another state of it than the one before, or computes in "
                    f"{engine.precision} on {engine.device} where that did not; choose `precision` and `device`"
                )
            store = DeliveringStore(Path(folder), job.target, shared)
            for stretch in consecutive([i for i in indices if i in missing]):
                windows += compute_range(job, store, engine, job.parts[stretch.start : stretch.stop])
            job.scene.refuse_change()
    except SeaIceError as error:
        return Outcome(worker_address(), error=str(error))
    return Outcome(worker_address(), windows=windows)


def assemble(item: BatchItem, identity: Identity, shared: SharedParts) -> Outcome:
    """Make the files of a scene of its parts, give them their names, and remove the parts."""
    try:
        identity.check()
        engines = _opened(identity, item)
        with (
            item.here() as here,
            Job(here.scene, here.target, here.options) as job,
            RunFolder(here.target, job.manifest(engines.open(job))) as folder,
        ):
            if not folder.published:
                shared.fetch(folder.path)
                if folder.parts.finished() != shared.count:
                    raise ClusterError(f"{item.scene}: parts are missing in {shared.place}; run the same command again")
        summary = run_item(item, silent, engines.open, keep_record=True)
        shared.remove()
    except SeaIceError as error:
        return Outcome(worker_address(), error=str(error))
    return Outcome(worker_address(), summary)


def _to_be_divided(item: BatchItem, identity: Identity, most_parts: int) -> SharedParts | None:
    with item.here() as here, Job(here.scene, here.target, here.options) as job:
        if len(job.parts) <= most_parts:
            return None
        manifest = job.manifest(_opened(identity, item).open(job))
        upload = item.uploading()
        if published(here.target, manifest) or (upload and upload.earlier(manifest)):
            return None
        return SharedParts.of(item, fingerprint(manifest), len(job.parts), len(job.grid.rows))


def _target(item: BatchItem, folder: Path) -> Path:
    """Return the mask that a range of parts belongs to; several workers of a machine must not share the scratch of an object."""
    return folder / item.target.name if item.upload else item.target


def _opened(identity: Identity, item: BatchItem) -> Engines:
    """Return the engines of this process for the model and what was chosen about it; those of others are let go."""
    o = item.options
    chosen = repr((o.engine, o.device, o.precision, o.batch_size, o.threads))
    if identity not in _engines or chosen not in _engines[identity]:
        _engines.clear()
        _engines[identity] = {chosen: Engines()}
    return _engines[identity][chosen]
