"""Where the time goes, and what reduced precision changes.

    python benchmarks/engine.py [--model NAME|DIR] SCENE [SCENE ...]

For every scene: the time of the run beside that of the engine alone on as many windows of the same pixels, from which the
engine's share follows; and the share of pixels whose class differs between float32 and the precision chosen by "auto".
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np
import rasterio
from measuring import machine, table

from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import predict
from seaice_cli.raster.windows.chips import read_chips


def engine_alone(scene: str, options: PredictOptions, windows: int, folder: Path) -> float:
    """Return the seconds that the engine needs for that many windows when nothing else is done."""
    with Job(scene, folder / "unused.tif", options) as job:
        chips = read_chips(job.scene, job.grid, radiometry=job.radiometry, region=job.region)
        some = list(islice((c for c in chips if c.pixels is not None), 8))
        engine = job.open_engine()
        list(engine.run(some[:2]))
        began = time.perf_counter()
        for _ in engine.run(some[i % len(some)] for i in range(windows)):
            pass
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="+")
    parser.add_argument("--model", default="modis-truecolor")
    parser.add_argument("--bands")
    chosen = parser.parse_args()
    bands = tuple(int(b) for b in chosen.bands.split(",")) if chosen.bands else None
    rows = []
    for scene in chosen.scenes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            options = PredictOptions(model=chosen.model, any_resolution=True, bands=bands)
            fast = predict(scene, folder / "fast.tif", options=options)
            exact = predict(
                scene,
                folder / "exact.tif",
                options=PredictOptions(model=chosen.model, any_resolution=True, bands=bands, precision="float32"),
            )
            alone = engine_alone(scene, options, fast.windows_run, folder)
            with rasterio.open(folder / "fast.tif") as a, rasterio.open(folder / "exact.tif") as b:
                first, second = a.read(1), b.read(1)
            differs = np.count_nonzero(first != second) / max(1, np.count_nonzero(second != 255))
        rows.append([Path(scene).name, fast.windows_run, f"{fast.seconds:.2f}", f"{alone:.2f}", f"{alone / fast.seconds:.0%}",
                     f"{exact.seconds:.2f}", f"{differs:.3%}"])  # fmt: skip
    print(f"{chosen.model}, {fast.precision}, {machine()}\n")
    print(table(["scene", "windows", "run s", "engine alone s", "share", "float32 run s", "classes that differ"], rows))


if __name__ == "__main__":
    main()
