"""Many runs in one process: nothing is left behind, none disturbs another."""

from __future__ import annotations

import gc
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.conftest import contents, speckle, write_scene

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts handles in /proc")


def resident_mb():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def handles():
    return sorted(str(f.readlink()) for f in Path("/proc/self/fd").iterdir() if f.exists())


def settings():
    from rasterio._env import get_gdal_config

    names = (
        "GDAL_CACHEMAX",
        "GDAL_HTTP_TIMEOUT",
        "GDAL_HTTP_MAX_RETRY",
        "GDAL_ERROR_ON_LIBJPEG_WARNING",
        "GDAL_PAM_ENABLED",
        "GDAL_NUM_THREADS",
    )
    return {n: get_gdal_config(n) for n in names}


def many_runs(scene, model, out, runs, threads):
    """Run in the forkserver: predict again and again; say what has grown. The first runs fill caches that are meant to stay."""
    from seaice_cli.prediction.options import PredictOptions
    from seaice_cli.prediction.pipeline import predict

    def once(number):
        options = PredictOptions(
            model=model, overwrite=True, preview=Path(out) / f"{number}.png", probability=Path(out) / f"p{number}.tif"
        )
        predict(scene, Path(out) / f"{number}.tif", options=options)
        return resident_mb()

    at_start, told = settings(), []
    seen = [once(0) for _ in range(3)]
    files, names = handles(), sorted(t.name for t in threading.enumerate())
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            seen += list(pool.map(once, range(runs)))
    else:
        seen += [once(0) for _ in range(runs - 3)]
    if resident_mb() > seen[2] * 1.05 and threads == 1:
        told.append(f"memory {[round(s) for s in seen]}")
    if settings() != at_start:
        told.append(f"GDAL's settings {at_start} became {settings()}")
    if handles() != files:
        told.append(f"open files {set(handles()) ^ set(files)}")
    if sorted(t.name for t in threading.enumerate()) != names:
        told.append(f"threads {names} became {[t.name for t in threading.enumerate()]}")
    print([round(s) for s in seen])
    sys.stderr.write("\n".join(told))
    return int(bool(told))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A scene wide enough for two readers."""
    return write_scene(tmp_path_factory.mktemp("load") / "scene.tif", speckle(600, 4200))


@pytest.mark.slow
def test_24_runs_in_turn_leave_nothing_behind(work, large, tmp_path):
    outcome = work.forkserver.run(
        "tests.faults.test_load:many_runs",
        scene=str(large),
        model=str(work.model),
        out=str(tmp_path),
        runs=24,
        threads=1,
    )
    assert outcome.code == 0, (outcome.err, outcome.out)


def test_4_runs_at_once_give_the_same_masks_and_leave_nothing_behind(work, large, tmp_path):
    outcome = work.forkserver.run(
        "tests.faults.test_load:many_runs",
        scene=str(large),
        model=str(work.model),
        out=str(tmp_path),
        runs=4,
        threads=4,
    )
    assert outcome.code == 0, (outcome.err, outcome.out)
    files = contents(tmp_path)
    for number in range(1, 4):
        assert files[f"{number}.tif"] == files["0.tif"]
        assert files[f"p{number}.tif"] == files["p0.tif"]
