"""From finished parts to files under their names: mask, probability, polygons, preview.

Everything is made beside its target under another name first; only when all of it is there is it renamed, the mask last. So a
mask under its name is always complete, and so is everything that was made with it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seaice_cli import __version__
from seaice_cli.network.engines import Engine
from seaice_cli.outputs import discard, partial_path, rename, write_error
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.parts import Counts, PartStore
from seaice_cli.prediction.recording import MASK, PROBABILITY
from seaice_cli.products.preview import write_preview
from seaice_cli.raster.reading.quicklook import Quicklook
from seaice_cli.raster.reading.region import LAND, NODATA
from seaice_cli.raster.writing.cog import Layer, assemble_cog, assemble_png


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


def publish(job: Job, store: PartStore, engine: Engine, quicklook: Quicklook | None) -> int | None:
    """Make all files of a job from its parts, and give them their names; the preview also from a look at the scene.

    Returns:
        The number of polygons, if there are any wanted.

    Raises:
        OutputError: A target cannot be written.
    """
    for target in {*job.targets, *store.abandoned}:
        discard(partial_path(target))  # what a killed run may have left
    store.announce(job.targets)
    try:
        mask = partial_path(job.target)
        probability = _assemble(job, store, engine, mask)
        if job.options.preview and quicklook is not None:
            _preview(job, quicklook, mask, partial_path(job.options.preview))
        polygons = _vectorize(job, mask, job.options.vector, probability) if job.options.vector else None
        for target in reversed(job.targets):
            rename(partial_path(target), target)
    except BaseException:
        for target in job.targets:
            discard(partial_path(target))
        raise
    return polygons


def summarize(job: Job, counts: Counts, engine: Engine, *, seconds: float, run: int, polygons: int | None) -> Summary:
    """Return what a run made, in figures."""
    total = job.scene.height * job.scene.width
    classified = total - counts.pixels.get(NODATA, 0) - counts.pixels.get(LAND, 0)
    names = job.model.spec.class_names
    return Summary(
        scene=job.scene.path, mask=str(job.target), height=job.scene.height, width=job.scene.width,
        windows=len(job.grid), windows_run=run, seconds=round(seconds, 3), mpx_per_s=round(total / 1e6 / seconds, 3),
        shares={n: round(counts.pixels.get(i, 0) / max(1, classified), 6) for i, n in enumerate(names)},
        valid_share=round(classified / total, 6),
        ice_km2=round(counts.ice_m2 / 1e6, 6) if job.scene.georeferenced else None,
        files=[str(t) for t in job.targets], engine=engine.name, precision=engine.precision, polygons=polygons,
    )  # fmt: skip


def _assemble(job: Job, store: PartStore, engine: Engine, mask: Path) -> Path | None:
    """Assemble mask and probability beside their targets; return where the probability lies."""
    layer = _layer(job, engine)
    parts = [(store.layer(p.index, MASK), p.start) for p in job.parts]
    if job.options.format == "png":
        assemble_png(parts, mask, layer, ice=job.model.spec.ice)
    else:
        assemble_cog(parts, mask, layer)
    if PROBABILITY not in job.layers:
        return None
    wanted = job.options.probability
    target = partial_path(wanted) if wanted else store.folder / "probability.tif"
    tags = {
        **layer.tags,
        "UNITS": "per cent",
        "BAND": f"probability of {job.model.spec.class_names[job.model.spec.ice]}",
    }
    continuous = Layer(height=layer.height, width=layer.width, crs=layer.crs, transform=layer.transform, tags=tags)
    assemble_cog([(store.layer(p.index, PROBABILITY), p.start) for p in job.parts], target, continuous)
    return target


def _layer(job: Job, engine: Engine) -> Layer:
    spec = job.model.spec
    return Layer(
        height=job.scene.height, width=job.scene.width, crs=job.scene.crs, transform=job.scene.transform,
        tags=_provenance(job, engine), names=spec.class_names, colors=[c.color for c in spec.classes],
        with_land=bool(job.region.land),
    )  # fmt: skip


def _provenance(job: Job, engine: Engine) -> dict[str, str]:
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


def _vectorize(job: Job, mask: Path, target: Path, probability: Path | None) -> int:
    """Write the ice as polygons, into a folder of its own: some formats are several files."""
    from seaice_cli.vectorization.pipeline import VectorOptions, vectorize

    options = VectorOptions(
        classes=(job.model.spec.ice,), attributes="floe", layer=target.stem, overwrite=True, blank=True
    )
    folder = partial_path(target)
    try:
        folder.mkdir()
    except OSError as error:
        raise write_error(target, error) from error
    return vectorize(mask, folder / target.name, options=options, probability=probability).polygons


def _preview(job: Job, quicklook: Quicklook, mask: Path, target: Path) -> None:
    write_preview(
        quicklook.rows(), mask, target, colors=[c.color for c in job.model.spec.classes], ends=job.options.rescale
    )
