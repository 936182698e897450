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

from seaice_cli.errors import OptionError, OutputError, SeaIceError
from seaice_cli.fetching.addresses import Wanted, fetch_address, is_address
from seaice_cli.network.catalog import find_model
from seaice_cli.network.engines import Engine
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions, refuse_name
from seaice_cli.prediction.pipeline import ComputedRun, OpenEngine, Progress, finish, start
from seaice_cli.prediction.plan import Plan, dry_run
from seaice_cli.prediction.summary import Summary
from seaice_cli.prediction.uploading import Upload, scratch
from seaice_cli.raster.reading.opening import open_raster
from seaice_cli.storage import S3, VSIS3, Storage, is_object

log = logging.getLogger(__name__)
SUFFIXES = (".tif", ".tiff", ".vrt", ".jp2", ".png", ".jpg", ".jpeg", ".img", ".xml")
"""What counts as a scene in a folder."""
SAVERS = 4
"""Threads that assemble and compress masks."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A scene and what is to be made of it."""

    scene: str
    target: Path
    """The mask; for an object, where it is made: another place on every machine."""
    options: PredictOptions
    upload: str = ""
    """The address of the mask in object storage; empty where it is a file."""

    def here(self) -> BatchItem:
        """Return the item as this machine makes it."""
        return replace(self, target=scratch(self.upload)) if self.upload else self


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one scene: a summary, or an error."""

    scene: str
    summary: Summary | None = None
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the mask is there."""
        return self.summary is not None

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return asdict(self.summary) if self.summary else {"scene": self.scene, "error": self.error}

    def text(self) -> str:
        """Return the result as lines for a person."""
        return _told(self.summary) if self.summary else f"Error: {self.error}"


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
        return asdict(self.plan) if self.plan else {"scene": self.scene, "refusals": [self.error]}

    def text(self) -> str:
        """Return the plan as lines for a person."""
        if self.plan is None:
            return f"Refused: {self.error}"
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


def pair(scenes: Sequence[str], output: Path | str, options: PredictOptions) -> list[BatchItem]:
    """Give every scene its target: the output itself for one scene, else a file of the scene's name in the output folder.

    The output may be in object storage, `s3://bucket/day/`.

    Raises:
        OptionError: A folder holds no scenes, two scenes would get one mask, an option is for one scene only, or the mask's name
            says another format.
        OutputError: The output folder cannot be made.
    """
    if is_object(output):
        return _pair_objects(scenes, str(output).replace(VSIS3, S3, 1), options)
    output = Path(output)
    if len(scenes) == 1 and not Path(scenes[0]).is_dir():
        if not output.is_dir():
            refuse_name(output, options.format)
        path, chosen = _listed(scenes[0], options)[0]
        target = output / _mask_name(path, options) if output.is_dir() else output
        return [BatchItem(path, target, chosen)]
    if output.suffix.lower() in (".tif", ".tiff", ".png"):
        raise OptionError(f"{output}: several scenes need a folder, not a file")
    if any((options.probability, options.vector, options.preview)):
        raise OptionError("`probability`, `vector` and `preview` name one file; give them with one scene")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made a folder ({error.strerror})") from error
    listed = [one for scene in scenes for one in _listed(scene, options)]
    names = _names(listed, str(output))
    return [BatchItem(path, output / name, chosen) for (path, chosen), name in zip(listed, names, strict=True)]


def _pair_objects(scenes: Sequence[str], output: str, options: PredictOptions) -> list[BatchItem]:
    if any((options.probability, options.vector, options.preview)):
        raise OptionError(
            "`probability`, `vector` and `preview` are files; write the mask to one, too, or make them of it"
        )
    listed = [one for scene in scenes for one in _listed(scene, options)]
    if len(listed) == 1 and Path(output).suffix and not output.endswith("/"):
        refuse_name(Path(output), options.format)
        return [BatchItem(listed[0][0], scratch(output), listed[0][1], output)]
    if Path(output).suffix.lower() in (".tif", ".tiff", ".png"):
        raise OptionError(f"{output}: several scenes need a folder, not a file")
    urls = [f"{output.rstrip('/')}/{name}" for name in _names(listed, output)]
    return [BatchItem(path, scratch(url), chosen, url) for (path, chosen), url in zip(listed, urls, strict=True)]


def _names(listed: Sequence[tuple[str, PredictOptions]], output: str) -> list[str]:
    """Return the name of every scene's mask."""
    names = [_mask_name(path, options) for path, options in listed]
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise OptionError(f"several scenes would write {output.rstrip('/')}/{doubles[0]}; give them apart")
    return names


def plan(item: BatchItem) -> PlanResult:
    """Work out what a run would do."""
    try:
        item = item.here()
        found = dry_run(item.scene, item.target, item.options)
        return PlanResult(item.scene, replace(found, mask=item.upload or found.mask))
    except SeaIceError as error:
        return PlanResult(item.scene, error=str(error))


def run(items: Sequence[BatchItem], *, progress: Callable[[str], Progress]) -> list[Result]:
    """Run every item; return what became of each, in order.

    Raises:
        SeaIceError: Of a single item; those of several are told in their results.
    """
    engines = Engines()
    if len(items) == 1:
        only = items[0]
        return [Result(only.scene, run_item(only, progress(Path(only.scene).name), engines.open))]
    with ThreadPoolExecutor(SAVERS) as savers:
        pending = [_submit(a, engines, progress, savers) for a in items]
        return [_result(a, p) for a, p in zip(items, pending, strict=True)]


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
    upload = Upload(item.upload, overwrite=item.options.overwrite) if item.upload else None
    item = item.here()
    run = start(
        item.scene,
        item.target,
        item.options,
        progress=progress,
        engine=engine,
        earlier=upload.earlier if upload else None,
    )
    return _Begun(item, run, upload)


def _submit(
    item: BatchItem, engines: Engines, progress: Callable[[str], Progress], savers: ThreadPoolExecutor
) -> Future[Summary] | SeaIceError:
    try:
        return savers.submit(_begin(item, progress(Path(item.scene).name), engines.open))
    except SeaIceError as error:
        return error


def _result(item: BatchItem, pending: Future[Summary] | SeaIceError) -> Result:
    try:
        if isinstance(pending, SeaIceError):
            raise pending
        return Result(item.scene, pending.result())
    except SeaIceError as error:
        return Result(item.scene, error=str(error))


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


def _listed(scene: str, options: PredictOptions) -> list[tuple[str, PredictOptions]]:
    """Return the scenes that a name stands for, with their options: those of a folder, what an address fetches, or itself."""
    if is_address(scene):
        path = fetch_address(scene, Wanted(bbox=options.bbox, resolution=find_model(options.model).spec.resolution))
        return [(str(path), replace(options, bbox=None))]
    if is_object(scene) and scene.endswith("/"):
        return [(path, options) for path in _listed_objects(scene)]
    folder = Path(scene)
    if not folder.is_dir():
        return [(scene, options)]
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    found = [(str(p), options) for p in files if p.suffix.lower() != ".xml" or _describes_raster(p, files)]
    if not found:
        raise OptionError(f"{scene}: the folder holds no scenes ({', '.join(SUFFIXES)})")
    return found


def _listed_objects(folder: str) -> list[str]:
    storage = Storage(folder.replace(VSIS3, S3, 1), OptionError)
    names = [name for name in storage.names() if "/" not in name and not name.startswith(".")]
    found = [f"{storage.place}/{name}" for name in names if Path(name).suffix.lower() in SUFFIXES[:-1]]
    if not found:
        raise OptionError(f"{folder}: holds no scenes ({', '.join(SUFFIXES[:-1])})")
    return found


def _describes_raster(file: Path, files: Sequence[Path]) -> bool:
    """Tell whether an XML file is a scene (a WMS description, a product of several files), not what lies beside one."""
    rasters = [p for p in files if p.suffix.lower() != ".xml"]
    if any(file.name.startswith(f"{p.name}.") or file.stem == p.stem for p in rasters):
        return False
    try:
        open_raster(str(file)).close()
    except SeaIceError as error:
        log.info("%s; taken for no scene", error)
        return False
    return True


def _mask_name(scene: str, options: PredictOptions) -> str:
    return Path(scene).stem + (".png" if options.format == "png" else ".tif")


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
