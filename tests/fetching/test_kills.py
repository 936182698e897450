"""Killed in the middle, `seaice fetch` leaves no scene, and the same command goes on with the tiles it has."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_killed_run_is_taken_up(server, tmp_path, how, code):
    server.faults[31, 22] = ["slow"] * 8
    arguments = [
        "fetch", "--date", "2024-06-01", "--bbox=-1500000,-100000,-1200000,200000", "-o", "scene.tif", "--server", server.url,
        "--cache", "cache",
    ]  # fmt: skip
    command = [sys.executable, "-m", "seaice_cli", *arguments]
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | {"PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(server.requests) < 8 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    running.send_signal(how)
    assert running.wait(30) == code
    assert len(running.stderr.read().splitlines()) <= 1
    running.stderr.close()
    shown = [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")]
    assert shown == ["cache"]
    kept = len(list((tmp_path / "cache").rglob("*.jpg")))
    assert kept >= 5
    assert how != signal.SIGKILL or kept < 12
    server.faults.clear()
    server.requests.clear()
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert sum(server.requests.values()) == len(list((tmp_path / "cache").rglob("*.jpg"))) - kept
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "scene.tif"]
