"""Tags of a mask: where it comes from, what shaped it, and how far it can be trusted."""

from __future__ import annotations

from pathlib import Path

from seaice_cli import __version__
from seaice_cli.fetching.addresses import address_of
from seaice_cli.network.engines import Engine
from seaice_cli.prediction.command import repeating_command, shaping_options
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.parts.counting import Counts
from seaice_cli.prediction.summary import all_warnings, uncertain_share
from seaice_cli.raster.reading.region import LAND, UNSURE
from seaice_cli.raster.reading.sensors import acquisition_time

SEPARATOR = " | "
"""Between the warnings of a mask."""


def provenance(job: Job, engine: Engine, counts: Counts) -> dict[str, str]:
    """Return the tags of the mask that a job makes with an engine.

    Every option that shaped the mask has a tag of its name; COMMAND puts them together.
    """
    spec, options = job.model.spec, job.options
    return {
        "SOFTWARE": f"seaice {__version__}",
        "SCENE": Path(job.scene.path).name or job.scene.path,
        "MODEL_SHA256": spec.digest,
        **{name.upper(): value for name, value in shaping_options(options).items()},
        "MODEL": f"{spec.name} {spec.version}",
        "TILE": str(job.grid.size),
        "OVERLAP": str(job.grid.overlap),
        "ENGINE": engine.name,
        "PRECISION": engine.precision,
        "ICE_CLASS": str(spec.ice),
        **{f"CLASS_{i}": name for i, name in enumerate(spec.class_names)},
        **_about_the_scene(job),
        **_about_doubt(job, counts),
        "COMMAND": repeating_command(
            job.scene.path, options, _ran(engine), fetched=address_of(job.scene.path, job.scene.facts.tags)
        ),
    }


def _about_the_scene(job: Job) -> dict[str, str]:
    radiometry, acquired = job.radiometry, acquisition_time(job.scene.facts)
    told = {
        "SENSOR": radiometry.sensor.name if radiometry.sensor else None,
        "ACQUIRED": acquired,
        "RESCALE_ENDS": ",".join(f"{v:g}" for v in radiometry.rescale) if radiometry.rescale else None,
        "LAND": str(LAND) if job.region.land else None,
        "LAND_FILE": job.options.land.name if job.options.land else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _about_doubt(job: Job, counts: Counts) -> dict[str, str]:
    found = {"UNCERTAIN": f"{uncertain_share(job, counts):.4f}"}
    if job.options.abstain is not None:
        found["UNSURE"] = str(UNSURE)
    warnings = all_warnings(job, counts)
    return found | ({"WARNINGS": SEPARATOR.join(warnings)} if warnings else {})


def _ran(engine: Engine) -> dict[str, str]:
    ran = {"engine": engine.name, "precision": engine.precision}
    if engine.device != "cpu":
        ran |= {"device": engine.device, "batch_size": str(getattr(engine, "batch_size", 1))}
    return ran
