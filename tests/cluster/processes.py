"""Real processes on the loopback: a scheduler, its workers, an S3 server, the command line."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DASK = Path(sys.executable).with_name("dask")
MOTO = Path(sys.prefix) / ".s3" / "bin" / "moto_server"
"""In an environment of its own: what it stands on contradicts our pins."""


def environment(**more):
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "DASK_LOGGING__DISTRIBUTED": "error"} | more


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A process, and the group of those that it starts."""

    def __init__(self, *command, folder, env=None):
        self.log = Path(folder) / f"{Path(str(command[0])).name}-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(c) for c in command], cwd=folder, env=env or environment(), stdout=log, stderr=log, start_new_session=True
            )  # fmt: skip

    def kill(self):
        """End it and all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait(self, timeout=120):
        return self._process.wait(timeout)

    @property
    def running(self):
        return self._process.poll() is None

    @property
    def text(self):
        return self.log.read_text(errors="replace")


class Cluster:
    """A scheduler and workers, each with one thread."""

    def __init__(self, folder, workers=2, env=None, preload="tests.cluster.preload"):
        self.folder, self._env, self._port, self._preload = folder, env or environment(), free_port(), preload
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.workers = []
        self.start_scheduler()
        for _ in range(workers):
            self.add_worker()
        self._wait_for_workers(workers)

    def start_scheduler(self):
        arguments = ("--host", "127.0.0.1", "--port", self._port, "--no-dashboard", "--no-show")
        self.scheduler = Process(DASK, "scheduler", *arguments, folder=self.folder, env=self._env)

    def add_worker(self, **env):
        arguments = ("--nthreads", 1, "--no-dashboard", "--preload", self._preload, "--memory-limit", 0)
        self.workers.append(
            Process(DASK, "worker", self.address, *arguments, folder=self.folder, env=self._env | env)
        )  # fmt: skip

    def _wait_for_workers(self, count):
        """Wait until all are there: how a scene is shared depends on how many there are."""
        from distributed import Client

        with Client(self.address, set_as_default=False, timeout=60) as client:
            client.wait_for_workers(count, timeout=60)

    def close(self):
        for process in (*self.workers, self.scheduler):
            process.kill()


class S3:
    """An S3 server with one bucket."""

    def __init__(self, folder):
        port = free_port()
        self.variables = {
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_HTTPS": "NO",
            "AWS_S3_ENDPOINT": f"127.0.0.1:{port}", "AWS_VIRTUAL_HOSTING": "FALSE",
        }  # fmt: skip
        self.process = Process(MOTO, "-H", "127.0.0.1", "-p", port, folder=folder)
        wait_for(lambda: self._make_bucket(f"http://127.0.0.1:{port}/bucket"))

    @staticmethod
    def _make_bucket(url):
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(urllib.request.Request(url, data=b"", method="PUT")).status == 200


def wait_for(what, timeout=60):
    """Wait until it is so."""
    end = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < end, "it has not come"
        time.sleep(0.05)
    return found


def seaice(*arguments, folder, env=None, timeout=240):
    """Run the command line; return its exit code and what it says."""
    return subprocess.run(
        [sys.executable, "-m", "seaice_cli", *map(str, arguments)], cwd=folder, env=env or environment(),
        capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip


def hidden(folder):
    """Return what runs have left beside their targets."""
    return sorted(p.name for p in Path(folder).iterdir() if re.match(r"\.", p.name))
