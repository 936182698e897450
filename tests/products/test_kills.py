"""Killed in the middle, a product leaves nothing half written, and the same command makes it afterwards."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.products.made import mask_at

KILLED = """
import os, signal, sys
import {module} as module
from seaice_cli.cli.main import cli
def die(*_arguments, **_named):
    os.kill(os.getpid(), signal.SIGKILL)
module.{name} = die
cli({arguments!r})
"""
CASES = [
    (["concentration", "a.tif", "-o", "sic.nc", "--cell", "1000"], "seaice_cli.products.concentration.metadata", "discovery"),
    (["concentration", "b.tif", "-o", "series.nc", "--cell", "1000", "--append"], "seaice_cli.products.concentration.netcdf", "_renew"),
    (["concentration", "a.tif", "-o", "sic.tif", "--cell", "1000"], "seaice_cli.products.concentration.geotiff", "stamp"),
    (["composite", "a.tif", "b.tif", "-o", "day.tif", "--layers", "l.tif"], "seaice_cli.products.composite.pipeline", "copy_cog"),
    (["extent", "series.nc", "--csv", "series.csv"], "csv", "writer"),
    (["map", "a.tif", "-o", "map.png", "--dpi", "60"], "seaice_cli.products.map.pipeline", "_undated"),
    (["view", "a.tif", "-o", "page.html"], "seaice_cli.products.view.pipeline", "_fill"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "module", "name"), CASES)
def test_a_kill_leaves_no_target_and_the_next_run_makes_it(arguments, module, name, tmp_path):
    pixels = np.zeros((20, 20), np.uint8)
    pixels[:, 10:] = 1
    for hour, file in ((8, "a.tif"), (9, "b.tif")):
        mask_at(tmp_path / file, pixels, hour=hour)
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def run(*command):
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    seaice = [sys.executable, "-m", "seaice_cli"]
    made = run(*seaice, "concentration", "a.tif", "-o", "series.nc", "--cell", "1000")
    assert made.returncode == 0, made.stderr
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    killed = run(sys.executable, "-c", KILLED.format(module=module, name=name, arguments=arguments))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    shown = {p.name: p.read_bytes() for p in tmp_path.iterdir() if not p.name.startswith(".")}
    assert shown == before
    again = run(*seaice, *arguments)
    assert again.returncode == 0, again.stderr
    assert {
        p.name for p in tmp_path.iterdir() if p.name.startswith(".") and p.name not in (".cache", ".config")
    } == set()


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing fails instead, as on a full disk
from seaice_cli.cli.main import cli
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
cli({arguments!r})
"""


@pytest.mark.parametrize("limit", [2_000, 6_000])
@pytest.mark.parametrize(
    "arguments",
    [
        ["concentration", "a.tif", "-o", "sic.nc", "--cell", "300"],
        ["concentration", "a.tif", "-o", "sic.tif", "--cell", "300"],
        ["composite", "a.tif", "a.tif", "-o", "day.tif", "--layers", "l.tif"],
        ["map", "a.tif", "-o", "map.png", "--dpi", "100"],
        ["view", "a.tif", "-o", "page.html"],
    ],
)
def test_a_full_disk_is_one_line_and_leaves_nothing(arguments, limit, tmp_path):
    mask_at(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 2, (200, 200)), hour=8)
    environment = {
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "NUMBA_CACHE_DIR": "/dev/null/no",
    }
    command = [sys.executable, "-c", FULL.format(limit=limit, arguments=arguments)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "cannot be written" in done.stderr.splitlines()[-1]
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith((".cache", ".config"))] == ["a.tif"]
