"""Tags of a mask: where it comes from, and what shaped it."""

from __future__ import annotations

from pathlib import Path

from seaice_cli import __version__
from seaice_cli.network.engines import Engine
from seaice_cli.prediction.job import Job
from seaice_cli.raster.reading.region import LAND


def provenance(job: Job, engine: Engine) -> dict[str, str]:
    """Return the tags of the mask that a job makes with an engine."""
    spec = job.model.spec
    optional = {
        "TTA": job.options.tta if job.options.tta != "none" else None,
        "THRESHOLD": None if job.options.threshold is None else f"{job.options.threshold:g}",
        "LAND": str(LAND) if job.region.land else None,
    }
    return {
        "SOFTWARE": f"seaice {__version__}",
        "SCENE": Path(job.scene.path).name or job.scene.path,
        "MODEL": f"{spec.name} {spec.version}",
        "MODEL_SHA256": spec.digest,
        "TILE": str(job.grid.size),
        "OVERLAP": str(job.grid.overlap),
        "ENGINE": engine.name,
        "PRECISION": engine.precision,
        "ICE_CLASS": str(spec.ice),
        **{f"CLASS_{i}": name for i, name in enumerate(spec.class_names)},
        **{k: v for k, v in optional.items() if v is not None},
    }
