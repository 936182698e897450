"""What a run made, in figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from seaice_cli.network.engines import Engine
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.parts.store import Counts
from seaice_cli.raster.reading.region import LAND, NODATA


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
    """Of every class among the classified pixels."""
    valid_share: float
    """Of classified pixels in the scene."""
    ice_km2: float | None
    """True area; None where the scene does not say where it is."""
    files: list[str]
    engine: str
    precision: str
    polygons: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return asdict(self)


def summarize(
    job: Job, counts: Counts, engine: Engine, *, seconds: float, windows: int, polygons: int | None
) -> Summary:
    """Return what a run made, in figures."""
    total = job.scene.height * job.scene.width
    classified = total - counts.pixels.get(NODATA, 0) - counts.pixels.get(LAND, 0)
    names = job.model.spec.class_names
    return Summary(
        scene=job.scene.path, mask=str(job.target), height=job.scene.height, width=job.scene.width,
        windows=len(job.grid), windows_run=windows, seconds=round(seconds, 3), mpx_per_s=round(total / 1e6 / seconds, 3),
        shares={n: round(counts.pixels.get(i, 0) / max(1, classified), 6) for i, n in enumerate(names)},
        valid_share=round(classified / total, 6),
        ice_km2=round(counts.ice_m2 / 1e6, 6) if job.scene.georeferenced else None,
        files=[str(t) for t in job.targets], engine=engine.name, precision=engine.precision, polygons=polygons,
    )  # fmt: skip
