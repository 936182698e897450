"""Runs in a child of the forkserver: many files in turn, each with a time limit; tells what was no clean refusal."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import tempfile
import time
import traceback
from pathlib import Path

SECONDS = 10.0
"""Of a processor, that a file may take; how long they last depends on who else is using the machine."""
PATIENCE = 300.0
"""Seconds of the clock after which a file that takes no processor either is told to hang."""


class TooLong(BaseException):
    """A file took more than its time."""


def _ring(*_):
    raise TooLong


def _set_timers(busy, waiting):
    signal.setitimer(signal.ITIMER_PROF, busy)
    signal.setitimer(signal.ITIMER_REAL, waiting)


def each(paths, report, attempt):
    """Call `attempt` with every path; write what it did, and what went wrong, to the report."""
    from seaice_cli.errors import SeaIceError

    signal.signal(signal.SIGALRM, _ring)
    signal.signal(signal.SIGPROF, _ring)
    wrong, fine, refused, slowest = [], 0, 0, (0.0, "")
    for path in paths:
        Path(report).write_text(json.dumps({"at": str(path), "wrong": wrong, "fine": fine, "refused": refused}))
        began = time.perf_counter()
        _set_timers(SECONDS, PATIENCE)
        try:
            attempt(path)
            fine += 1
        except SeaIceError as error:
            refused += 1
            lines = str(error).replace(str(path), "").split("\n")  # one for every refusal
            if not all(line.strip() for line in lines) or len(lines) > 6 or len(str(error)) > 3000:
                wrong.append(f"{path}: not a line for every refusal: {error!s}"[:600])
        except TooLong:
            wrong.append(f"{path}: took more than {SECONDS} s of a processor, or {PATIENCE} s")
        except BaseException:  # noqa: BLE001 - whatever it is, it is told
            wrong.append(f"{path}: {traceback.format_exc()[-900:]}")
        finally:
            _set_timers(0, 0)
            slowest = max(slowest, (round(time.perf_counter() - began, 2), str(path)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Path(report).write_text(
        json.dumps({"at": "", "wrong": wrong, "fine": fine, "refused": refused, "peak_mb": peak, "slowest": slowest})
    )
    return 0


def scenes(paths, report, model, out, options=None):
    """Predict every path as a scene; engines of one shape are opened once."""
    from seaice_cli.prediction.options import PredictOptions
    from seaice_cli.prediction.pipeline import predict

    engines = {}

    def engine_of(job):
        if job.grid.shape not in engines:
            engines[job.grid.shape] = job.open_engine()
        return engines[job.grid.shape]

    def attempt(path):
        place = Path(out) / "here"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        try:
            chosen = PredictOptions(model=model, preview=place / "quicklook.png", **(options or {}))
            predict(path, place / "mask.tif", options=chosen, engine=engine_of)
        finally:
            left = {p.name for p in place.iterdir()}
        if not {"mask.tif", "quicklook.png"} <= left:
            raise AssertionError(f"exit 0, but only {left}")

    return each(paths, report, attempt)


def models(paths, report, scene, out, engine="openvino"):
    """Predict one scene with every path as the model."""
    from seaice_cli.prediction.options import PredictOptions
    from seaice_cli.prediction.pipeline import predict

    def attempt(path):
        shutil.rmtree(out, ignore_errors=True)
        Path(out).mkdir()
        predict(scene, Path(out) / "mask.tif", options=PredictOptions(model=path, engine=engine))

    return each(paths, report, attempt)


def areas(paths, report, scene, model, out):
    """Predict one scene with every path as the area of interest, then as land."""
    from seaice_cli.prediction.options import PredictOptions
    from seaice_cli.prediction.pipeline import predict

    def attempt(path):
        shutil.rmtree(out, ignore_errors=True)
        Path(out).mkdir()
        predict(scene, Path(out) / "mask.tif", options=PredictOptions(model=model, land=Path(path)))

    return each(paths, report, attempt)


def polygons(paths, report, scene, use):
    """Read every path as the polygons of labels or of a reference, or for the sizes of its floes."""
    import rasterio

    from seaice_cli.data.labels.encoding import LabelEncoding
    from seaice_cli.data.labels.rasterizing import read_layer
    from seaice_cli.evaluation.masks import Legend, MaskGrid
    from seaice_cli.evaluation.vector_references import FeatureReader
    from seaice_cli.products.floes import measure_floes

    with rasterio.open(scene) as source:
        grid = MaskGrid((source.height, source.width), source.transform, source.crs)

    def label(path):
        read_layer(Path(path), Path(scene), LabelEncoding(attribute="class")).rasterize()

    def reference(path):
        with FeatureReader(Path(path), legend=Legend(attribute="class"), grid=grid) as reader:
            reader.read(0, grid.shape[0])

    def floes(path):
        measure_floes(Path(path))

    return each(paths, report, {"label": label, "reference": reference, "floes": floes}[use])


def masks(paths, report, sound, out):
    """Turn every path as a mask into polygons, after a sound one: the first run on a machine compiles the kernels."""
    from seaice_cli.vectorization.pipeline import vectorize

    with tempfile.TemporaryDirectory() as folder:
        vectorize(Path(sound), Path(folder) / "ice.gpkg")

    def attempt(path):
        shutil.rmtree(out, ignore_errors=True)
        Path(out).mkdir()
        vectorize(Path(path), Path(out) / "ice.gpkg")

    return each(paths, report, attempt)
