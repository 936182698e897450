"""`seaice vectorize` killed, interrupted or short of disk: the same command ends the same, and nothing is left beside its file."""

from __future__ import annotations

import pytest

from tests.faults.conftest import contents
from tests.faults.test_kills import spread

FORMATS = ("ice.gpkg", pytest.param("ice.shp", marks=pytest.mark.slow))
LATE = [pytest.param(name, marks=pytest.mark.slow) for name in ("ice.gpkg", "ice.geojson", "ice.parquet")]


@pytest.fixture(scope="module")
def mask(work):
    out = work.fresh("for_vectorize")
    assert work.predict(out).code == 0
    return out / "mask.tif"


def vectorize(work, mask, out, name, *options, **plan):
    limits = {k: plan.pop(k) for k in ("timeout", "memory", "file_size") if k in plan}
    return work.forkserver.seaice("vectorize", mask, out / name, *options, plan={"watch": f"{out}/", **plan}, **limits)


@pytest.fixture(scope="module", params=FORMATS)
def undisturbed(request, work, mask):
    """Return the name of the file, what an undisturbed run leaves, and its steps."""
    out, trace = work.fresh("vectors"), work.folder / f"steps_{request.param}"
    outcome = vectorize(work, mask, out, request.param, trace=str(trace))
    assert outcome.code == 0, outcome.err
    return request.param, contents(out), trace.read_text().splitlines()


@pytest.mark.parametrize(
    ("signal", "code"),
    [
        ("SIGKILL", -9),
        pytest.param("SIGINT", 130, marks=pytest.mark.slow),
        pytest.param("SIGTERM", 143, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_stopped_is_run_again_to_the_same_end(work, mask, undisturbed, signal, code):
    name, files, steps = undisturbed
    for step in spread(steps, 4):
        out = work.fresh()
        stopped = vectorize(work, mask, out, name, at=step, do=signal)
        where = f"{signal} at step {step}, {steps[step]}: {stopped}"
        assert stopped.code == code, where
        if signal != "SIGKILL":
            assert stopped.errors[-1].startswith(("Interrupted", "Terminated")), where
            assert len(stopped.errors) == 1, where
        again = vectorize(work, mask, out, name, "--overwrite")
        assert again.code == 0, f"{where}, then {again}"
        assert contents(out) == files, where


def test_an_error_at_any_file_operation_ends_the_run_in_one_line(work, mask, undisturbed):
    name, files, steps = undisturbed
    for step in spread(steps, 3):
        out = work.fresh()
        failed = vectorize(work, mask, out, name, at=step, do="ENOSPC")
        where = f"step {step}, {steps[step]}: {failed}"
        if failed.code:
            assert failed.code == 1, where
            assert len(failed.errors) == 1, where
            assert failed.errors[0].startswith("Error: "), where
        assert vectorize(work, mask, out, name, "--overwrite").code == 0, where
        assert contents(out) == files, where


@pytest.mark.parametrize("name", ["ice.shp", "ice.fgb", *LATE])
def test_files_that_cannot_grow_end_the_run_and_leave_nothing(work, mask, name):
    """To the last byte: GDAL closes some formats without a word when the end does not fit."""
    out = work.fresh()
    assert vectorize(work, mask, out, name).code == 0
    largest = max(len(content) for content in contents(out).values())
    for size in (2000, largest // 2, largest - 8):  # GeoJSON ends with a line feed that nobody misses
        out = work.fresh()
        failed = vectorize(work, mask, out, name, file_size=size)
        assert failed.code == 1, failed
        assert "Traceback" not in failed.err
        assert "unforeseen" not in failed.err, failed.err
        assert contents(out) == {}


def test_a_second_run_at_one_target_is_refused(work, mask, undisturbed):
    from seaice_cli.locking import hold

    out = work.fresh()
    with hold(out / ".ice.gpkg.partial", out / "ice.gpkg"):
        second = vectorize(work, mask, out, "ice.gpkg")
    assert second.code == 1
    assert "another run is writing it" in second.err
