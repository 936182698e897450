"""A run that is killed or interrupted anywhere is taken up by the same command, and ends as if nothing had been."""

from __future__ import annotations

import dataclasses

import pytest

from tests.faults.conftest import PARTS_OF_EIGHT, contents, speckle, summary, write_scene

PRODUCTS = ("--probability", "ice.tif", "--preview", "quicklook.png")
POLYGONS = ("--vector", "ice.gpkg")
COLUMNS, WINDOWS = 5, 30


def products(out, *more):
    return [str(out / p) if "." in p else p for p in (*PRODUCTS, *more)]


def trace(work, *more):
    """Return what an undisturbed run leaves, and its steps."""
    out, steps = work.fresh("undisturbed"), work.folder / "steps"
    steps.unlink(missing_ok=True)
    outcome = work.predict(out, *products(out, *more), trace=str(steps))
    assert outcome.code == 0, outcome.err
    assert summary(outcome)["windows_run"] == WINDOWS
    return contents(out), steps.read_text().splitlines()


@pytest.fixture(scope="module")
def undisturbed(work):
    return trace(work)


@pytest.fixture(scope="module")
def with_polygons(work):
    return trace(work, *POLYGONS)


def finished_parts(out):
    return len(list((out / ".mask.tif.parts").glob("0????.json")))


def spread(steps, number):
    """Return the numbers of steps spread evenly over a run, the first and the last among them."""
    return sorted({round(i * (len(steps) - 1) / (number - 1)) for i in range(number)})


def kill_and_resume(work, undisturbed, step, out, more=()):
    files, steps = undisturbed
    killed = work.predict(out, *products(out, *more), at=step, do="SIGKILL")
    assert killed.code == -9, f"step {step}, {steps[step]}: {killed}"
    done = finished_parts(out) if (out / ".mask.tif.parts").is_dir() else 0
    resumed = work.predict(out, *products(out, *more))
    assert resumed.code == 0, f"step {step}, {steps[step]}: {resumed.err}"
    assert contents(out) == files, f"step {step}, {steps[step]}"
    return done, summary(resumed)["windows_run"]


def hold(work, undisturbed, points, more=()):
    """Kill at every point; return what went wrong."""
    wrong = []
    for step in points:
        try:
            done, run = kill_and_resume(work, undisturbed, step, work.fresh(), more)
            published = "copied" in undisturbed[1][:step]
            if run > (0 if published else WINDOWS - COLUMNS * done):
                wrong.append(f"step {step}, {undisturbed[1][step]}: {run} windows run after {done} finished parts")
        except AssertionError as error:
            wrong.append(" | ".join(str(error).splitlines())[:1500])
    return wrong


def test_a_run_killed_at_any_of_some_steps_goes_on_and_ends_the_same(work, undisturbed):
    assert hold(work, undisturbed, spread(undisturbed[1], 12)) == []


def publishing(steps):
    """Return the steps from the assembly of the mask on."""
    return range(steps.index("copy"), len(steps))


def test_a_run_killed_while_it_publishes_polygons_goes_on_and_ends_the_same(work, with_polygons):
    points = publishing(with_polygons[1])
    assert hold(work, with_polygons, [points[i] for i in spread(points, 2)], POLYGONS) == []


@pytest.mark.slow
def test_a_run_killed_at_any_step_goes_on_and_ends_the_same(work, undisturbed):
    assert hold(work, undisturbed, spread(undisturbed[1], 90)) == []


@pytest.mark.slow
def test_a_run_killed_at_any_step_of_publishing_goes_on_and_ends_the_same(work, with_polygons):
    points = publishing(with_polygons[1])
    assert hold(work, with_polygons, [points[i] for i in spread(points, 25)], POLYGONS) == []


def interrupt_and_resume(work, undisturbed, step, name, code, out):
    files, steps = undisturbed
    stopped = work.predict(out, *products(out), at=step, do=name)
    where = f"{name} at step {step}, {steps[step]}: {stopped}"
    published = (out / "mask.tif").exists()
    assert stopped.code == code or (stopped.code == 0 and published), where
    assert published or "run the same command again to go on" in stopped.err, where
    assert len(stopped.errors) <= 1, where
    if not published:
        parts = {".mask.tif.parts"} if finished_parts(out) else set()
        assert {p.name for p in out.iterdir()} <= parts, where
    if stopped.code:
        resumed = work.predict(out, *products(out))
        assert resumed.code == 0, where
    assert contents(out) == files, where


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupted_run_says_how_to_go_on_and_does(work, undisturbed, name, code):
    for step in spread(undisturbed[1], 6):
        interrupt_and_resume(work, undisturbed, step, name, code, work.fresh())


def test_a_run_killed_in_the_middle_of_a_write_goes_on(work, undisturbed):
    """The limit on a file's size ends the process at that byte, inside GDAL: in a part, in the mask, in an overview."""
    files, _ = undisturbed
    largest = len(files["mask.tif"])
    for size in (100, largest // 3, largest - 1):
        out = work.fresh()
        killed = work.predict(out, "--precision", "float32", fatal_file_size=True, file_size=size)
        assert killed.code == -25, f"{size} bytes: {killed}"
        resumed, again = work.predict(out, "--precision", "float32"), work.fresh("again")
        assert resumed.code == 0, resumed.err
        assert work.predict(again, "--precision", "float32").code == 0
        assert contents(out) == contents(again)


def test_a_run_killed_at_any_time_goes_on(work, undisturbed):
    files, _ = undisturbed
    for delay in (0.05, 0.2, 0.4):
        out = work.fresh()
        killed = work.predict(out, *products(out), kill_after=delay)
        assert killed.code in (-9, 0)
        if killed.code and contents(out) != files:  # else it was killed on its way out, with nothing left to do
            assert work.predict(out, *products(out)).code == 0
        assert contents(out) == files, delay


def test_a_run_killed_again_and_again_gets_there(work, undisturbed):
    files, steps = undisturbed
    out = work.fresh()
    for _ in range(8):
        killed = work.predict(out, *products(out), at=len(steps) // 4, do="SIGKILL")
        assert killed.code in (-9, 0)
        if not killed.code:
            break
    assert killed.code == 0 or work.predict(out, *products(out)).code == 0
    assert contents(out) == files


def halfway(work, out, undisturbed, *options):
    """Kill a run when half its parts are finished."""
    steps = undisturbed[1]
    half = steps.index("os.rename 00002.partial") + 2
    assert work.predict(out, *options, at=half, do="SIGKILL").code == -9
    assert finished_parts(out) >= 1


def test_a_quantised_run_killed_halfway_goes_on(work, undisturbed):
    options = ("--precision", "int8", "--tile", "128", "--overlap", "32")
    quantised = dataclasses.replace(work, model="modis-truecolor")
    out, whole = work.fresh(), work.fresh("whole")
    assert quantised.predict(whole, *options).code == 0
    halfway(quantised, out, undisturbed, *options)
    resumed = quantised.predict(out, *options)
    assert resumed.code == 0, resumed.err
    assert summary(resumed)["windows_run"] < WINDOWS, "what was finished is not run again"
    assert contents(out) == contents(whole)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--threshold", "0.7"), "options.threshold"),
        (("--overlap", "16"), "windows.overlap"),
        (("--precision", "float32"), "engine.precision"),
        (("--tta", "flip"), "options.tta"),
        (("--nodata", "0"), "scene.nodata"),
    ],
)
def test_parts_of_other_options_are_discarded_with_a_line_that_says_why(work, undisturbed, options, named):
    out, plain = work.fresh(), work.fresh("plain")
    halfway(work, out, undisturbed)
    changed = work.predict(out, *options)
    assert changed.code == 0, changed.err
    assert "starting anew, because this run differs from the killed one in " in changed.err
    assert named in changed.err
    assert work.predict(plain, *options).code == 0
    assert contents(out) == contents(plain)


def test_parts_of_a_changed_scene_or_model_are_discarded(work, undisturbed):
    out, before = work.fresh(), work.scene.read_bytes()
    halfway(work, out, undisturbed)
    try:
        write_scene(work.scene, speckle(520, 430, seed=1))
        changed = work.predict(out)
    finally:
        work.scene.write_bytes(before)
    assert changed.code == 0
    assert "scene.files" in changed.err
    assert summary(changed)["windows_run"] == WINDOWS


def test_what_a_killed_run_was_publishing_is_removed_when_another_takes_its_place(work, undisturbed):
    out, plain = work.fresh(), work.fresh("plain")
    copied = [i for i, s in enumerate(undisturbed[1]) if s == "copied"][-1]
    assert work.predict(out, *products(out), at=copied, do="SIGKILL").code == -9
    assert work.predict(out, "--threshold", "0.9").code == 0
    assert work.predict(plain, "--threshold", "0.9").code == 0
    assert contents(out) == contents(plain)


def test_a_killed_run_of_other_options_gives_no_right_to_overwrite(work, undisturbed):
    steps = undisturbed[1]
    out = work.fresh()
    last = max(i for i, s in enumerate(steps) if s.startswith("os.rename"))
    assert work.predict(out, *products(out), at=last - 1, do="SIGKILL").code == -9
    assert (out / "mask.tif").exists()
    before = (out / "mask.tif").read_bytes()
    other = work.predict(out, "--threshold", "0.9")
    assert other.code == 1
    assert "exists already" in other.err
    assert (out / "mask.tif").read_bytes() == before


def test_a_second_run_at_the_same_target_is_refused(work, undisturbed):
    from seaice_cli.prediction.parts.run_folder import RunFolder

    out = work.fresh()
    with RunFolder(out / "mask.tif", {}):
        second = work.predict(out)
    assert second.code == 1
    assert "another run is writing it" in second.err
    assert len(second.errors) == 1
    assert work.predict(out).code == 0
    assert (out / "mask.tif").read_bytes() == undisturbed[0]["mask.tif"]


def test_runs_that_race_for_one_target_leave_one_whole_mask(work, undisturbed):
    """Eight runs at once, of which some start while another tidies up: every mask seen is whole, and nothing is left."""
    out = work.fresh()
    outcome = work.forkserver.run(
        "tests.faults.injection:race",
        runs=8,
        patches=[PARTS_OF_EIGHT],
        command=["predict", work.scene, "-o", out / "mask.tif", "--model", work.model, "--overwrite"],
    )
    assert outcome.code == 0, outcome.err
    assert contents(out) == {n: c for n, c in undisturbed[0].items() if n.startswith("mask")}
    assert "Traceback" not in outcome.err
