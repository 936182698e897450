"""One run at a target, and no lock that outlives its run."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from seaice_cli.errors import OutputError
from seaice_cli.locking import LOCK, alone, hold


def run(folder, code):
    """Start a process that holds the lock of a folder, and return it once it does."""
    text = f"from pathlib import Path; from seaice_cli.locking import *; f = Path({str(folder)!r})\n{code}"
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


HOLDING = "lock = hold(f, f); print('held', flush=True); import time; time.sleep(600)"


def test_a_second_run_is_refused_at_once_and_a_killed_one_holds_nothing(tmp_path):
    folder = tmp_path / ".mask.parts"
    process = run(folder, HOLDING)
    began = time.monotonic()
    for take in (hold, lambda *a: alone(*a).__enter__()):
        with pytest.raises(OutputError, match=r"mask\.tif: another run is writing it"):
            take(folder, tmp_path / "mask.tif")
    assert time.monotonic() - began < 5
    process.send_signal(signal.SIGKILL)
    process.communicate()
    hold(folder, tmp_path / "mask.tif").close()


def test_a_second_holder_in_one_process_is_refused(tmp_path):
    with hold(tmp_path / "run", tmp_path / "x"), pytest.raises(OutputError, match="another run"):
        hold(tmp_path / "run", tmp_path / "x")
    with hold(tmp_path / "run", tmp_path / "x"):
        pass


def test_the_holder_may_remove_the_folder(tmp_path):
    with alone(tmp_path / "run", tmp_path / "x"):
        assert (tmp_path / "run" / LOCK).exists()
    assert not (tmp_path / "run").exists()
    with pytest.raises(ZeroDivisionError), alone(tmp_path / "run", tmp_path / "x"):
        raise ZeroDivisionError
    assert not (tmp_path / "run").exists()
    with alone(tmp_path / "run", tmp_path / "x"):
        (tmp_path / "run" / "kept").touch()
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["kept"]


def count(folder, counter, rounds):
    done = 0
    while done < rounds:
        try:
            with alone(folder, folder):
                value = int(counter.read_text())
                time.sleep(0.0005)
                counter.write_text(str(value + 1))
                done += 1
        except OutputError:
            time.sleep(0.0005)


def test_runs_that_make_and_remove_the_folder_never_hold_it_together(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=count, args=(tmp_path / "run", counter, 60)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [w.exitcode for w in workers] == [0, 0, 0]
    assert counter.read_text() == "180"
    assert not (tmp_path / "run").exists()


def test_what_is_in_the_way_is_told(tmp_path, monkeypatch):
    (tmp_path / "run").touch()
    with pytest.raises(OutputError, match="no file can be made beside it"):
        hold(tmp_path / "run", tmp_path / "x")
    with pytest.raises(OutputError, match="no file can be made beside it"):
        hold(tmp_path / "gone" / "run", tmp_path / "gone" / "x")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.open", full)
    with pytest.raises(OutputError, match="No space left"):
        hold(tmp_path / "new", tmp_path / "x")
    assert not (tmp_path / "new").exists()
