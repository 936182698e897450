"""What a run made, in figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from seaice_cli.network.engines import Engine
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.parts.counting import Counts
from seaice_cli.raster.reading.region import LAND, NODATA, UNSURE

MUCH_DOUBT = 0.15
"""Share of uncertain pixels from which on a mask is warned about: of the 18 scenes that modis-truecolor was taught and scored on,
those with much cloud have more, up to 0.22, the others less than 0.1."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run made."""

    scene: str
    mask: str
    height: int
    width: int
    windows: int
    windows_run: int
    """By this run; without those that hold no data, and those of parts that an earlier run had finished."""
    seconds: float
    mpx_per_s: float
    """Of the whole scene, from start to published mask."""
    shares: dict[str, float]
    """Of every class among the pixels that got one."""
    valid_share: float
    """Of the pixels in the scene that the network saw as data."""
    uncertain: float
    """Share of these whose likeliest class has a probability below 0.8."""
    unsure: float
    """Share of these that got no class, because none was as likely as `abstain` asks."""
    ice_km2: float | None
    """True area; None where the scene does not say where it is."""
    files: list[str]
    engine: str
    precision: str
    polygons: int | None = None
    sensor: str = ""
    """What the scene comes from, as far as known."""
    rescale: list[float] | None = None
    """The scene's values that stood for the ends of the model's range, if they were asked for."""
    warnings: list[str] = field(default_factory=list)
    """Why the mask may be wrong."""

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return asdict(self)


def summarize(
    job: Job, counts: Counts, engine: Engine, *, seconds: float, windows: int, polygons: int | None
) -> Summary:
    """Return what a run made, in figures."""
    total = job.scene.height * job.scene.width
    seen, unsure = seen_pixels(job, counts), counts.pixels.get(UNSURE, 0)
    names, rescale = job.model.spec.class_names, job.radiometry.rescale
    return Summary(
        scene=job.scene.path, mask=str(job.target), height=job.scene.height, width=job.scene.width,
        windows=len(job.grid), windows_run=windows, seconds=round(seconds, 3), mpx_per_s=round(total / 1e6 / seconds, 3),
        shares={n: round(counts.pixels.get(i, 0) / max(1, seen - unsure), 6) for i, n in enumerate(names)},
        valid_share=round(seen / total, 6), uncertain=uncertain_share(job, counts), unsure=round(unsure / max(1, seen), 6),
        ice_km2=round(counts.ice_m2 / 1e6, 6) if job.scene.georeferenced else None,
        files=[str(t) for t in job.targets], engine=engine.name, precision=engine.precision, polygons=polygons,
        sensor=job.radiometry.sensor.name if job.radiometry.sensor else "", rescale=list(rescale) if rescale else None,
        warnings=all_warnings(job, counts),
    )  # fmt: skip


def seen_pixels(job: Job, counts: Counts) -> int:
    """Return how many pixels the network saw as data."""
    return job.scene.height * job.scene.width - counts.pixels.get(NODATA, 0) - counts.pixels.get(LAND, 0)


def uncertain_share(job: Job, counts: Counts) -> float:
    """Return the share of uncertain pixels among those that the network saw as data."""
    return round(counts.uncertain / max(1, seen_pixels(job, counts)), 6)


def all_warnings(job: Job, counts: Counts) -> list[str]:
    """Return why a mask may be wrong: what is strange about its scene, and much doubt."""
    found = list(job.warnings)
    if (share := uncertain_share(job, counts)) >= MUCH_DOUBT:
        found.append(
            f"the model is uncertain about {share:.0%} of the pixels: look at the mask before using it, or "
            f"teach the model such scenes (docs/finetune.md)"
        )
    if job.scene.bad_blocks:
        found.append(f"{len(job.scene.bad_blocks)} blocks cannot be read; the mask has no data there")
    return found
