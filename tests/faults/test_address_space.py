"""Limits on the address space (`ulimit -v`), on processes of their own as a user starts them.

Native libraries that cannot have their memory while they are loaded crash or hang, not always, and nobody can mend that from outside.
So what is too small is refused before they are loaded, always; and what is not refused works, always.
"""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from seaice_cli.cli.main import cli
from seaice_cli.cli.shared.address_space import FILES, MAPS, POLYGONS, TORCH
from tests.faults.conftest import contents
from tests.faults.corpus import vrt

TINY = 40
"""MiB in which Python and click have room, and no library else."""
COMMANDS = {
    "predict": ("{scene}", "-o", "{out}/x.tif"), "train": ("--data", "{list}", "-o", "{out}/x"),
    "vectorize": ("{scene}", "{out}/x.gpkg"), "eval": ("{scene}", "{scene}"), "floes": ("{scene}",),
    "models list": (), "models show": ("modis-truecolor",), "models export": ("modis-truecolor", "-o", "{out}/x.onnx"),
    "data list": ("{out}", "-o", "{out}/x.csv"), "data split": ("{list}", "-o", "{out}/x"), "data check": ("{list}",),
    "data stats": ("{list}",), "data balance": ("{list}", "-o", "{out}/x.csv"), "data tile": ("{list}", "-o", "{out}/x"),
    "data resize": ("{list}", "-o", "{out}/x"),
    "data recolor": ("{out}", "-o", "{out}/x"), "data rasterize": ("{scene}", "--like", "{scene}", "-o", "{out}/x.tif"),
    "data zip": ("{scene}", "-o", "{out}/x.zip"), "info": ("{scene}",), "doctor": (), "data suggest": ("{scene}", "-o", "{out}/x.gpkg"),
    "data template": ("{scene}", "-o", "{out}/x.gpkg", "--classes", "water,ice"), "extent": ("{scene}",),
    "stac": ("{out}", "-o", "{out}/x.json"), "fetch": ("--date", "2024-06-01", "-o", "{out}/x.tif"),
    "composite": ("{scene}", "{scene}", "-o", "{out}/x.tif"), "concentration": ("{scene}", "-o", "{out}/x.nc", "--grid", "psn25"),
    "map": ("{scene}", "-o", "{out}/x.png"), "view": ("{scene}", "-o", "{out}/x.html"),
}  # fmt: skip
WAYS = {
    "maps": (MAPS, ()), "polygons": (POLYGONS, ("--vector", "{out}/ice.gpkg", "--preview", "{out}/quicklook.png")),
    "torch": (TORCH, ("--engine", "torch", "--model", "modis-truecolor")),
}  # fmt: skip


def processors():
    return len(os.sched_getaffinity(0))


def seaice(*arguments, mebibytes):
    """Run the command line under `ulimit -v`."""
    command = ["sh", "-c", f'ulimit -v {mebibytes << 10}; exec "$@"', "sh", sys.executable, "-m", "seaice_cli"]
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=600)


def refused(done, mebibytes):
    """Tell whether a run ended with the one line that there should be."""
    lines = done.stderr.splitlines()
    return done.returncode == 1 and len(lines) == 1 and lines[0].startswith(
        f"Error: the limit on address space is {mebibytes} MiB, and this command takes at least"
    )  # fmt: skip


def leaves(group, prefix=""):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


def test_every_command_is_tried():
    assert sorted(leaves(cli)) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_limit_that_is_too_small_is_refused_by_every_command(work, tmp_path, command):
    (tmp_path / "list.csv").write_text("image,label\n")
    places = {"scene": work.scene, "out": tmp_path, "list": tmp_path / "list.csv"}
    arguments = [*command.split(), *(a.format(**places) for a in COMMANDS[command])]
    done = seaice(*arguments, mebibytes=TINY)
    assert refused(done, TINY), done
    assert "ulimit -v unlimited" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["list.csv"]


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["--version"]])
def test_help_needs_no_libraries(arguments):
    assert seaice(*arguments, mebibytes=TINY).returncode == 0


def predict(work, out, way, mebibytes):
    out.mkdir(exist_ok=True)
    options = [o.format(out=out) for o in WAYS[way][1]]
    model = [] if "--model" in options else ["--model", work.model]
    return seaice("predict", work.scene, "-o", out / "mask.tif", *model, *options, mebibytes=mebibytes)


@pytest.mark.parametrize("way", WAYS)
def test_every_limit_below_the_least_is_refused(work, tmp_path, way):
    """Limits all over the range, the largest but one MiB short; nothing is written."""
    least = WAYS[way][0].megabytes(processors())
    limits = {*range(TINY, least, least // 10), 120, least - 1}
    wrong = {m: done for m in sorted(limits) if not refused(done := predict(work, tmp_path / "out", way, m), m)}
    assert wrong == {}
    assert contents(tmp_path) == {}


def agree(work, tmp_path, way, factors, repeats):
    """Run under limits from the least on; assert that each gives the very files of a run without one."""
    least = WAYS[way][0].megabytes(processors())
    assert predict(work, tmp_path / "free", way, 1 << 22).returncode == 0
    expected = contents(tmp_path / "free")
    for number, factor in enumerate(factors * repeats):
        out = tmp_path / str(number)
        done = predict(work, out, way, int(least * factor))
        assert done.returncode == 0, (factor, number, done)
        assert contents(out) == expected, (factor, number)


@pytest.mark.parametrize(("way", "factors"), [("maps", (1, 1, 1.5)), ("polygons", (1,))])
def test_a_limit_that_is_not_refused_is_enough(work, tmp_path, way, factors):
    agree(work, tmp_path, way, factors, 1)


@pytest.mark.slow
@pytest.mark.parametrize(("way", "repeats"), [("maps", 20), ("polygons", 5), ("torch", 3)])
def test_limits_from_the_least_on_are_enough_every_time(work, tmp_path, way, repeats):
    agree(work, tmp_path, way, (1, 1.1, 1.3, 1.7), repeats)


def test_a_scene_that_takes_more_than_the_limit_is_refused(work, tmp_path):
    least = MAPS.megabytes(processors())
    width = least << 10
    (tmp_path / "strips.tif").write_bytes(work.scene.read_bytes())
    (tmp_path / "wide.vrt").write_text(vrt("strips.tif", width=width, height=600))
    done = seaice("predict", tmp_path / "wide.vrt", "-o", tmp_path / "mask.tif", "--model", work.model, mebibytes=least)
    assert done.returncode == 1, done
    assert f"is {width} pixels wide, which takes about" in done.stderr
    assert f"where this process may have {least}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_least_grows_with_the_processors():
    assert FILES.megabytes(2) - FILES.megabytes(1) == FILES.per_processor
    needs = [need.megabytes(4) for need in (FILES, MAPS, POLYGONS, TORCH)]
    assert needs == sorted(needs)
