"""Disks that are full, folders that vanish, memory that ends, engines that fail: one clear line, a non-zero exit, no wrong mask."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.conftest import PARTS_OF_EIGHT, contents, summary
from tests.faults.test_kills import products, spread, undisturbed

__all__ = ["undisturbed"]  # a fixture
OTHER_TARGETS = {"--probability": "tif", "--preview": "png", "--vector": "gpkg"}


def told(outcome, *words):
    """Assert exit code 1 and one line."""
    assert outcome.code == 1, outcome
    assert not outcome.timed_out
    assert len(outcome.errors) == 1, outcome.err
    assert outcome.errors[0].startswith("Error: ")
    for word in words:
        assert word in outcome.errors[0], outcome.err
    return True


def nothing_but_parts(out):
    return {p.name for p in out.iterdir()} <= {".mask.tif.parts"}


def no_mask(out):
    return not (out / "mask.tif").exists()


def fail_and_resume(work, undisturbed, step, fault, out):
    """Let one step of a run fail; return what is wrong with how it ended, and how it went on."""
    files, steps = undisturbed
    outcome = work.predict(out, *products(out), at=step, do=fault)
    where = f"{fault} at step {step}, {steps[step]}: {outcome}"
    if outcome.code == 0:
        tidy = contents(out) == files or "it is needed no more" in outcome.err
        return [] if tidy and files.items() <= contents(out).items() else [f"{where}: exit 0, but other files"]
    wrong = []
    if outcome.code != 1 or len(outcome.errors) != 1 or not outcome.errors[0].startswith("Error: "):
        wrong.append(where)
    again = work.predict(out, *products(out))
    if again.code or contents(out) != files:
        wrong.append(f"{where}: the run after it: {again}")
    return wrong


def injectable(steps):
    """Return the steps that can fail as a file operation does."""
    return [i for i, s in enumerate(steps) if s.startswith(("open ", "os."))]


@pytest.mark.parametrize(
    "fault", ["ENOSPC", pytest.param("EIO", marks=pytest.mark.slow), pytest.param("EACCES", marks=pytest.mark.slow)]
)
def test_an_error_at_some_file_operations_ends_the_run_in_one_line(work, undisturbed, fault):
    points = injectable(undisturbed[1])
    chosen = [points[i] for i in spread(points, 6)]
    assert [w for s in chosen for w in fail_and_resume(work, undisturbed, s, fault, work.fresh())] == []


@pytest.mark.slow
def test_an_error_at_every_other_file_operation_ends_the_run_in_one_line(work, undisturbed):
    points = injectable(undisturbed[1])[::2]
    assert [w for s in points for w in fail_and_resume(work, undisturbed, s, "ENOSPC", work.fresh())] == []


def outgrow(work, out, size):
    """Run with a limit on the size of files, as on a disk that is full at that byte; return what is wrong."""
    outcome = work.predict(out, file_size=size)
    if outcome.code == 0:
        return 0, []
    where = f"{size} bytes: {outcome}"
    wrong = [] if outcome.code == 1 and outcome.err.splitlines()[-1].startswith("Error: ") else [where]
    wrong += [] if "Traceback" not in outcome.err and no_mask(out) else [where]
    again = work.predict(out)
    return 1, wrong + ([] if again.code == 0 else [f"{where}: the run after it: {again}"])


def test_files_that_cannot_grow_end_the_run_and_leave_no_mask(work, undisturbed):
    mask = undisturbed[0]["mask.tif"]
    failed = 0
    for size in (600, 1500, len(mask) // 6, len(mask) // 2, len(mask) - 1, 1 << 20):
        out = work.fresh()
        number, wrong = outgrow(work, out, size)
        failed += number
        assert wrong == []
        assert contents(out)["mask.tif"] == mask
    assert failed >= 4


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that mounts a disk of so many KiB; skip where that is not allowed."""
    mounted = []

    def mount(kib):
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", place], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("no right to mount a small disk")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_at_any_size_ends_the_run_or_gives_the_right_mask(work, undisturbed, small_disk):
    mask = undisturbed[0]["mask.tif"]
    seen = set()
    for kib in (8, 16, 24, 40, 56, 64, 72, 80, 96, 120, 160, 240, 320, 480, 800, 1600):
        out = small_disk(kib)
        outcome = work.predict(out)
        where = f"{kib} KiB: {outcome}"
        seen.add(outcome.code)
        if outcome.code == 0:
            assert contents(out)["mask.tif"] == mask, where
        else:
            assert outcome.code == 1, where
            assert "Traceback" not in outcome.err, where
            assert outcome.err.splitlines()[-1].startswith("Error: "), where
            assert "cannot be written" in outcome.err or "free" in outcome.err, where
            assert nothing_but_parts(out), where
    assert seen == {0, 1}


def test_room_made_on_a_full_disk_lets_the_run_go_on(work, undisturbed, small_disk):
    out = small_disk(200)
    (out / "ballast").write_bytes(bytes(130 << 10))
    assert work.predict(out).code == 1
    (out / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=2m", out], check=True)
    resumed = work.predict(out)
    assert resumed.code == 0, resumed.err
    assert contents(out)["mask.tif"] == undisturbed[0]["mask.tif"]


def test_a_read_only_disk_is_refused_before_any_window(work, small_disk):
    out = small_disk(1024)
    subprocess.run(["mount", "-o", "remount,ro", out], check=True)
    assert told(work.predict(out), "cannot be written")


def test_a_target_folder_that_is_missing_or_a_file_is_refused(work, tmp_path):
    for target in (tmp_path / "nowhere" / "mask.tif", work.scene / "mask.tif"):
        outcome = work.forkserver.seaice("predict", work.scene, "-o", target, "--model", work.model)
        assert told(outcome, "mask.tif")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
def test_a_place_where_no_file_can_be_made_is_named_with_its_true_fault(work, tmp_path):
    """Root has the right to write in /proc, yet nothing can be made there; nobody else is writing either."""
    out, nowhere = tmp_path / "mask.tif", "/proc/self"
    command = ("predict", work.scene, "--model", work.model, "-o")
    for options in (
        (f"{nowhere}/mask.tif",),
        *((out, option, f"{nowhere}/x.{suffix}") for option, suffix in OTHER_TARGETS.items()),
        (f"{nowhere}/mask.tif", "--dry-run"),
    ):
        outcome = work.forkserver.seaice(*command, *options)
        assert outcome.code == 1, (options, outcome)
        assert "no file can be made beside it" in outcome.err + outcome.out, (options, outcome)
        assert "other runs" not in outcome.err
        assert list(tmp_path.iterdir()) == [], options
    assert work.predict(work.fresh()).code == 0
    mask = work.folder / "out" / "mask.tif"
    assert told(work.forkserver.seaice("vectorize", mask, f"{nowhere}/ice.gpkg"), "no file can be made beside it")


def test_the_scene_is_never_its_own_target(work, tmp_path):
    scene = shutil.copy(work.scene, tmp_path / "scene.tif")
    (tmp_path / "link.tif").symlink_to(scene)
    before = scene.read_bytes()
    for name in ("scene.tif", "link.tif", "../" + tmp_path.name + "/scene.tif"):
        outcome = work.forkserver.seaice("predict", scene, "-o", tmp_path / name, "--model", work.model, "--overwrite")
        assert told(outcome, "scene")
    for option in ("--probability", "--preview"):
        outcome = work.forkserver.seaice(
            "predict", scene, "-o", tmp_path / "mask.tif", "--model", work.model, "--overwrite", option, scene
        )
        assert outcome.code == 1
        assert any("scene" in line and line.startswith("Error: ") for line in outcome.errors)
    assert scene.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.tif", "scene.tif"]


def test_one_file_is_not_two_targets(work, tmp_path):
    outcome = work.forkserver.seaice(
        "predict",
        work.scene,
        "-o",
        tmp_path / "mask.tif",
        "--model",
        work.model,
        "--probability",
        tmp_path / "mask.tif",
    )
    assert told(outcome, "different files")


def test_a_folder_that_vanishes_in_the_middle_ends_the_run_in_one_line(work, undisturbed):
    steps = undisturbed[1]
    for step in spread(steps[:95], 8):
        out = work.fresh()
        outcome = work.forkserver.run(
            "tests.faults.injection:vanishing",
            folder=str(out),
            at=step,
            patches=[PARTS_OF_EIGHT],
            command=["predict", str(work.scene), "-o", f"{out}/mask.tif", "--model", str(work.model)],
        )
        assert outcome.code == 1, f"step {step}, {steps[step]}: {outcome}"
        assert "Traceback" not in outcome.err
        assert outcome.err.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("points", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_memory_that_ends_at_some_steps_ends_the_run_in_one_line(work, undisturbed, points):
    chosen = spread(undisturbed[1], points)
    assert [w for s in chosen for w in fail_and_resume(work, undisturbed, s, "MemoryError", work.fresh())] == []


def test_a_thread_that_dies_ends_the_run(work):
    for how in ("error", "silence"):
        outcome = work.forkserver.run(
            "tests.faults.injection:dying",
            how=how,
            command=["predict", str(work.scene), "-o", f"{work.fresh()}/mask.tif", "--model", str(work.model)],
        )
        assert told(outcome, "unforeseen", "the disk has gone" if how == "error" else "reading thread"), outcome


def test_an_engine_that_is_missing_is_named(work):
    for engine in ("openvino", "torch"):
        outcome = work.forkserver.run(
            "tests.faults.injection:without",
            module=engine,
            command=[
                "predict",
                str(work.scene),
                "-o",
                f"{work.fresh()}/mask.tif",
                "--model",
                str(work.model),
                "--engine",
                engine,
            ],
        )
        assert told(outcome, engine, "not installed")


def test_an_engine_that_fails_in_the_middle_keeps_the_parts(work, undisturbed):
    out = work.fresh()
    outcome = work.forkserver.run(
        "tests.faults.injection:failing_engine",
        after=17,
        patches=[["seaice_cli.prediction.job:WINDOWS_PER_PART", 8]],
        command=["predict", str(work.scene), "-o", f"{out}/mask.tif", "--model", str(work.model)],
    )
    assert told(outcome, "OpenVINO failed")
    assert nothing_but_parts(out)
    resumed = work.predict(out)
    assert resumed.code == 0
    assert summary(resumed)["windows_run"] < summary(resumed)["windows"]
    assert contents(out)["mask.tif"] == undisturbed[0]["mask.tif"]


def test_unusable_options_are_told_in_one_line(work, tmp_path):
    for options in (("--rescale", "nan,1"), ("--rescale", "3,3"), ("--overlap", "4000"), ("--tile", "100"), ("--bands", "9"),
                    ("--bbox", "nan,0,1,1"), ("--bbox", "0,0,1,1"), ("--device", "cuda:9"), ("--device", "nonsense")):  # fmt: skip
        outcome = work.forkserver.seaice(
            "predict", work.scene, "-o", tmp_path / "mask.tif", "--model", work.model, *options
        )
        assert outcome.code in (1, 2), (options, outcome)
        assert "Traceback" not in outcome.err, (options, outcome)
        assert contents(tmp_path) == {}


def test_a_process_ends_with_the_open_files_it_is_allowed(work):
    """Sixteen handles beyond the standard ones are few; they are enough, or one line says so."""
    outcome = work.forkserver.run(
        "tests.faults.injection:with_few_files",
        files=32,
        command=["predict", str(work.scene), "-o", f"{work.fresh()}/mask.tif", "--model", str(work.model)],
    )
    assert outcome.code in (0, 1), outcome
    assert "Traceback" not in outcome.err, outcome.err
