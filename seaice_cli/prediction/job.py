"""One scene, one target and what is to be done: opened, and checked before a model is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from seaice_cli import __version__
from seaice_cli.errors import OptionError, OutputError, SceneError, SeaIceError, combine
from seaice_cli.extras import require_extra
from seaice_cli.network.catalog import Model, find_model
from seaice_cli.network.engines import Engine, choose_engine, open_engine
from seaice_cli.network.spec import scene_dtype
from seaice_cli.outputs import refuse_target, refuse_unwritable_folder
from seaice_cli.prediction.options import PredictOptions, check_options, refuse_guessing, refuse_vector
from seaice_cli.prediction.parts.run_folder import announced
from seaice_cli.prediction.parts.store import Part
from seaice_cli.prediction.resources import check_disk, check_memory, disk_bytes, memory_bytes
from seaice_cli.raster.polygons.names import split_layer
from seaice_cli.raster.reading.radiometry import Radiometry
from seaice_cli.raster.reading.region import Region, bbox_window, bounds_of, read_region
from seaice_cli.raster.reading.scene import Scene
from seaice_cli.raster.reading.sensors import Sensor, acquisition_time, choose_bands, find_sensor, recognise
from seaice_cli.raster.reading.suitability import checks, warnings
from seaice_cli.raster.windows.grid import Grid
from seaice_cli.stac.items import item_path, require_moment

MAX_WINDOWS = 100_000
"""Along a side; what is larger is a damaged header."""
WINDOWS_PER_PART = 64
"""About so many windows are lost when a run is killed."""


class Job:
    """One scene, one target and what is to be done, opened and checked.

    Args:
        scene: Anything GDAL opens.
        target: The mask to be written.
        options: What was chosen.
        refuse: Called with every error that a check finds; the default raises one that tells all of them.

    Raises:
        SeaIceError: Checks found what would end the run.
    """

    def __init__(
        self, scene: str, target: Path, options: PredictOptions, *, refuse: Callable[[SeaIceError], None] | None = None
    ) -> None:
        self.target, self.options = target, options
        self._faults: list[SeaIceError] = []
        self._refuse = refuse or self._faults.append
        self._stack = ExitStack()
        self.model: Model = find_model(options.model)
        try:
            with self._checking():
                check_options(options)
                refuse_guessing(scene, options.on_bad_block)
            self.scene = Scene(scene, nodata=options.nodata, on_bad_block=options.on_bad_block)
            self._stack.enter_context(self.scene)
            self._check()
        except SeaIceError as error:
            self.close()
            raise combine([*self._faults, error]) from error
        except BaseException:
            self.close()
            raise
        if self._faults:
            self.close()
            raise combine(self._faults)

    def _check(self) -> None:
        self.radiometry = self._trained()
        """What the model reads, and how the scene's values become it."""
        self.region = Region()
        fits = self._checking()
        with fits:
            self._fit()
        with self._checking():
            self.region = self._region()
        if not fits.failed:  # else what is wrong with its values follows from that
            self._check_scene()
        with self._checking():
            _ = self.grid
        with self._checking():
            self._refuse_formats()
        self._check_targets()

    def _check_targets(self) -> None:
        with self._checking():
            self._refuse_mixed_up()
        known = announced(self.target)
        for path in self.targets:
            with self._checking():
                refuse_target(path, overwrite=self.options.overwrite or str(path) in known)
                refuse_unwritable_folder(path)
        with self._checking():
            check_disk(self.target, self.disk_bytes)
        with self._checking():
            check_memory(self.scene.path, self.scene.width, self.memory_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the scene."""
        self._stack.close()

    @property
    def targets(self) -> list[Path]:
        """All files that the run is to leave."""
        extra = (self.options.probability, self.options.vector, self.options.preview)
        item = [item_path(self.target)] if self.options.stac else []
        return [self.target, *(p for p in extra if p is not None), *item]

    @property
    def layers(self) -> tuple[str, ...]:
        """What is kept of every pixel."""
        return ("mask", "probability") if self.options.probability or self.options.vector else ("mask",)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know of the scene before trusting its mask."""
        return tuple(warnings(self.radiometry, self.scene))

    @cached_property
    def grid(self) -> Grid:
        """The windows.

        Raises:
            OptionError: Window size and overlap make no grid.
            SceneError: The scene is larger than any.
        """
        spec = self.model.spec
        tile, overlap = self.options.tile or spec.tile, self.options.overlap
        overlap = min(spec.overlap, tile // 4) if overlap is None else overlap
        if overlap >= tile:
            raise OptionError(f"`overlap` {overlap} must be smaller than `tile` {tile}; a quarter of it is usual")
        if tile % spec.stride:
            raise OptionError(f"`tile` {tile} must be a multiple of {spec.stride}, which the network's stages need")
        if max(self.scene.height, self.scene.width) > MAX_WINDOWS * (tile - overlap):
            raise SceneError(
                f"{self.scene.path}: is {self.scene.width} x {self.scene.height} pixels large, more than {MAX_WINDOWS} windows along a "
                f"side; choose a part of it with `bbox`, or a larger `tile`"
            )
        return Grid(self.scene.height, self.scene.width, tile, overlap, spec.stride)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts that are computed, saved and resumed as one each."""
        rows, step = len(self.grid.rows), max(1, WINDOWS_PER_PART // len(self.grid.columns))
        groups = [range(r, min(r + step, rows)) for r in range(0, rows, step)]
        return tuple(Part(i, g) for i, g in enumerate(groups))

    def open_engine(self) -> Engine:
        """Load the model."""
        o = self.options
        return open_engine(
            self.model, self.grid.shape, engine=o.engine, device=o.device, precision=o.precision,
            batch_size=o.batch_size, threads=o.threads,
        )  # fmt: skip

    def manifest(self, engine: Engine) -> dict[str, Any]:
        """Return all that the values of the mask depend on: parts of another manifest are no part of this run."""
        o = self.options
        batch = {"batch_size": getattr(engine, "batch_size", 1)} if engine.device != "cpu" else {}
        return {
            "version": __version__,
            "scene": self.scene.fingerprint(),
            "model": {"spec": json.loads(self.model.spec.to_json())},
            "engine": {"name": engine.name, "precision": engine.precision, "device": engine.device, **batch},
            "windows": {"size": self.grid.size, "overlap": self.grid.overlap, "parts": len(self.parts)},
            "layers": list(self.layers),
            "options": {
                "on_bad_block": o.on_bad_block, "threshold": o.threshold, "abstain": o.abstain, "tta": o.tta, "rescale": o.rescale,
                "aoi": _stamp(o.aoi), "land": _stamp(o.land),
            },
            "conversion": self.radiometry.described(),
        }  # fmt: skip

    @property
    def memory_bytes(self) -> int:
        """Estimated peak of the process."""
        engine = choose_engine(self.options.engine, self.options.device)
        return memory_bytes(self.grid, self.model.spec, len(self.layers), engine)

    @property
    def disk_bytes(self) -> int:
        """Estimated at most, uncompressed, while parts and results lie side by side."""
        return disk_bytes(self.grid, len(self.layers))

    def _trained(self) -> Radiometry:
        spec = self.model.spec
        return Radiometry(
            bands=spec.bands, dtype=scene_dtype(spec), valid_range=spec.valid_range, fill=spec.mean,
            resolution=spec.resolution, stretch=spec.stretch,
        )  # fmt: skip

    def _fit(self) -> None:
        """Find out what the scene comes from, choose its bands, and say how its values become the model's."""
        o, facts = self.options, self.scene.facts
        sensor = find_sensor(o.sensor) if o.sensor else self._recognised()
        nodata = o.nodata
        if nodata is None and sensor is not None and self.scene.all_valid:
            nodata = sensor.nodata
        self.scene.select(choose_bands(facts, sensor, self.model.spec.bands, o.bands), nodata)
        self.radiometry = self.radiometry.fitted(self.scene, sensor, o.rescale if _two_ends(o.rescale) else None)

    def _recognised(self) -> Sensor | None:
        """Return the sensor that the file speaks for; a model that takes values as they are does not mind if nobody knows."""
        try:
            return recognise(self.scene.facts)
        except SceneError:
            if self.model.spec.stretch and not self.options.rescale:
                raise
            return None

    def _check_scene(self) -> None:
        o = self.options
        for check in checks(self.radiometry, self.scene, any_resolution=o.any_resolution, bands_given=bool(o.bands)):
            with self._checking():
                check()

    def _refuse_formats(self) -> None:
        """Refuse polygons and an item that could not say of the scene what their formats ask for."""
        if self.options.vector:
            refuse_vector(self.options.vector, self.scene)
        if self.options.stac:
            require_extra("stac", "a STAC item")
            require_moment(self.scene.path, {"ACQUIRED": acquisition_time(self.scene.facts) or ""})

    def _refuse_mixed_up(self) -> None:
        """Refuse targets that are one file, or one of the files that are read."""
        targets = [path.resolve() for path in self.targets]
        if len(set(targets)) < len(targets):
            raise OptionError("the mask, `probability`, `vector` and `preview` must be different files")
        areas = [split_layer(p)[0] for p in (self.options.aoi, self.options.land) if p is not None]
        read = {path.resolve() for path in (*map(Path, self.scene.files), *areas)}
        for path in targets:
            if path in read or path.parent == self.model.directory.resolve():
                raise OutputError(f"{path}: is read by this run (as its scene, area or model); choose another name")

    def _region(self) -> Region:
        o = self.options
        aoi = read_region(o.aoi, self.scene, "aoi") if o.aoi else None
        if aoi is not None and not aoi:
            raise OptionError(f"{o.aoi}: its polygons lie elsewhere than the scene")
        if o.bbox or aoi:
            self.scene.subset(bbox_window(self.scene, o.bbox or bounds_of(aoi or ())))
        return Region(aoi, read_region(o.land, self.scene, "land") if o.land else ())

    def _checking(self) -> _Checking:
        return _Checking(self._refuse)


class _Checking:
    """Hands errors of the user to `refuse`."""

    def __init__(self, refuse: Callable[[SeaIceError], None]) -> None:
        self._refuse = refuse
        self.failed = False

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, SeaIceError):
            self.failed = True
            self._refuse(error)
            return True
        return False


def _two_ends(rescale: tuple[float, float] | str | None) -> bool:
    """Tell whether there is something to stretch between; what is not was refused with the other options."""
    return not isinstance(rescale, tuple) or rescale[0] != rescale[1]


def _stamp(path: Path | None) -> list[Any] | None:
    if path is None:
        return None
    with suppress(OSError):
        stat = split_layer(path)[0].stat()
        return [str(path), stat.st_size, stat.st_mtime_ns]
    return [str(path)]
