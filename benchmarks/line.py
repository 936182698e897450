"""The line around the network: how fast a scene becomes a mask when the engine costs nothing, and what every stage takes.

    python benchmarks/line.py [--side 8192] [--runs 5] [--probability]

Needs no GPU and no model's network: the engine takes every window as the real ones do and hands out the same probabilities at once.
The scene is one generated block, repeated, RGB in deflated blocks of 512 px. Processor seconds of a stage are those of the threads
that do it, without the stages within; they hardly depend on what else runs on the machine, as the wall time does. "Could" is the rate
at which the processor time of all stages would pass on all cores, were none of them idle or busy with other things.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from measuring import machine, table
from scipy.ndimage import gaussian_filter

from seaice_cli.prediction import assembly
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.parts import counting, recording, rows, store
from seaice_cli.prediction.pipeline import predict
from seaice_cli.raster.processors import processors
from seaice_cli.raster.reading import scene
from seaice_cli.raster.windows import blend, chips
from seaice_cli.raster.windows.grid import Chip
from seaice_cli.raster.writing import blocks
from seaice_cli.synthetic import SceneRecipe, write_scene

BLOCK = 1024
"""Pixels along the side of the generated block."""


class FreeEngine:
    """Takes windows as an engine does, and hands out the same probabilities for each, at once."""

    name, precision, device = "free", "float32", "cpu"

    def __init__(self, job: Job) -> None:
        rng = np.random.default_rng(0)
        noise = [gaussian_filter(rng.random(job.grid.shape, np.float32), 8) for _ in job.model.spec.classes]
        self._probabilities = np.stack(noise) / np.sum(noise, axis=0)
        self._input = np.empty((len(job.model.spec.bands), *job.grid.shape), job.radiometry.dtype)

    def send(self, chip: Chip) -> None:
        """Copy the pixels, as engines do."""
        np.copyto(self._input, chip.pixels)

    def run(self, chips: Iterable[Chip]) -> Iterator[Chip]:
        """Yield the same probabilities for every chip."""
        for chip in chips:
            if chip.pixels is None:
                yield chip
                continue
            self.send(chip)
            yield Chip(chip.window, self._probabilities, chip.excluded)


STAGES: list[tuple[str, Any, str]] = [
    ("read", scene.Scene, "_read_window"),
    ("cut", chips._Strip, "move_to"),  # noqa: SLF001 - what is timed lies within
    ("cut", chips._Strip, "pixels_in"),  # noqa: SLF001
    ("send", FreeEngine, "send"),
    ("blend", blend.Blender, "_weighted"),
    ("blend", blend, "_added"),
    ("classify", rows.Rows, "put"),
    ("gather", blocks.RowGatherer, "add"),
    ("count", counting.Counter, "areas"),
    ("count", counting.Counter, "count"),
    ("overviews", recording, "shrink"),
    ("compress", recording, "compress"),
    ("write", blocks.BlockWriter, "write"),
    ("write", blocks.BlockWriter, "close"),
    ("write", store.PartStore, "finish"),
    ("assemble", assembly, "assemble_cog"),
]


class Stopwatch:
    """Adds up the processor seconds of stages, each without the stages within it, in whatever thread they run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner, self._lock = threading.local(), threading.Lock()
        for stage, owner, name in STAGES:
            setattr(owner, name, self._timed(stage, getattr(owner, name)))

    def _timed(self, stage: str, function: Any) -> Any:
        def timed(*args: Any, **kwargs: Any) -> Any:
            outer, self._inner.seconds = getattr(self._inner, "seconds", 0.0), 0.0
            began = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.thread_time() - began
                with self._lock:
                    self.seconds[stage] += spent - self._inner.seconds
                self._inner.seconds = outer + spent

        return timed


def make_scene(path: Path, side: int) -> Path:
    """Write a scene of one generated block, repeated."""
    block = path.with_name("block.tif")
    write_scene(block, SceneRecipe(seed=7, height=BLOCK, width=BLOCK, regime="edge", clouds=0.25))
    with rasterio.open(block) as source:
        pixels = source.read()
        profile = {"driver": "GTiff", "height": side, "width": side, "count": 3, "dtype": "uint8", "crs": source.crs, "tiled": True,
                   "transform": source.transform, "blockxsize": 512, "blockysize": 512, "compress": "deflate",
                   "interleave": "pixel", "BIGTIFF": "IF_SAFER", "num_threads": "all_cpus"}  # fmt: skip
    wide = np.tile(pixels, (1, 1, -(-side // BLOCK)))[:, :, :side]
    with rasterio.open(path, "w", **profile) as target:
        for top in range(0, side, BLOCK):
            height = min(BLOCK, side - top)
            target.write(wide[:, :height], window=rasterio.windows.Window(0, top, side, height))
    return path


def run(path: Path, options: PredictOptions, watch: Stopwatch) -> tuple[float, float, dict[str, float]]:
    """Return wall seconds, processor seconds, and those of every stage, of one run."""
    with Job(str(path), path.with_name("unused.tif"), options) as job:
        engine = FreeEngine(job)
    watch.seconds.clear()
    wall, processor = time.perf_counter(), time.process_time()
    predict(str(path), path.with_name("mask.tif"), options=options, engine=lambda job: engine)  # noqa: ARG005 - the shape of an opener
    return time.perf_counter() - wall, time.process_time() - processor, dict(watch.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--probability", action="store_true", help="write the probability of ice, too")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        path = make_scene(Path(name, "scene.tif"), chosen.side)
        extra = {"probability": Path(name, "ice.tif")} if chosen.probability else {}
        options = PredictOptions(any_resolution=True, overwrite=True, **extra)
        watch = Stopwatch()
        runs = [run(path, options, watch) for _ in range(chosen.runs)]
    mpx = chosen.side**2 / 1e6
    wall, processor = (statistics.median(values) for values in list(zip(*runs, strict=True))[:2])
    spent = {stage: statistics.median(r[2].get(stage, 0.0) for r in runs) for stage, _, _ in STAGES}
    spent = {"start and all else": processor - sum(spent.values())} | spent
    print(f"{chosen.side} x {chosen.side} px, deflated RGB, {machine()}, median of {chosen.runs}\n")
    lines = [[stage, f"{s / mpx * 1e3:.2f}", f"{mpx / max(s, 1e-9):.0f}"] for stage, s in spent.items()]
    lines.append(["**together**", f"{processor / mpx * 1e3:.2f}", f"{mpx / processor:.0f}"])
    print(table(["stage", "processor ms / Mpx", "Mpx / s of a core"], lines))
    could = mpx / processor * processors()
    best = min(r[0] for r in runs)
    print(f"\nwall {wall:.2f} s: {mpx / wall:.1f} Mpx/s (best run {mpx / best:.1f}); could: {could:.1f} Mpx/s")


if __name__ == "__main__":
    main()
