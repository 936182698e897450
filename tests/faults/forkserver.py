"""A process that has imported everything once and forks a child for every case.

A case then costs milliseconds instead of a start of Python, and may crash, hang, fill its memory or be killed without
harm to the test process. The server side of this file runs as `python -m tests.faults.forkserver`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 900.0
PRELOADED = (
    "click", "fiona", "numpy", "openvino", "pyproj", "rasterio", "scipy", "shapely", "seaice_cli.prediction.batch",
    "seaice_cli.cli.main", "seaice_cli.network.engines.openvino", "seaice_cli.products.preview", "tests.faults.injection",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a case ended."""

    code: int
    """The exit code; minus the signal's number if one ended it."""
    seconds: float
    peak_mb: float
    """Memory the child had resident at most, beyond what it inherited."""
    timed_out: bool
    out: str
    err: str

    @property
    def errors(self):
        """The lines on stderr that are no warnings of ours or of GDAL."""
        return [line for line in self.err.splitlines() if not line.startswith(("WARNING ", "Warning 1:"))]


class ForkServer:
    """Runs cases one after the other; each is a function by name and JSON arguments.

    Args:
        also: Modules to import beforehand, besides those that a prediction needs.
    """

    def __init__(self, *also):
        environment = os.environ | {"OMP_NUM_THREADS": "2"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forkserver", *also], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, task, *, timeout=PATIENCE, memory=None, address_space=None, file_size=None, cwd=None, **arguments):
        """Run "module:function" with the arguments in a forked child.

        Args:
            task: What to call; what it returns becomes the exit code.
            timeout: Seconds after which the child is killed: what takes so long hangs, on the busiest of machines too.
            memory: Bytes of address space beyond what the child starts with, or None.
            address_space: Bytes of address space in all, as `ulimit -v` sets it, or None.
            file_size: Bytes that a file may grow to, or None.
            cwd: Where the child works.
        """
        request = {
            "task": task, "timeout": timeout, "memory": memory, "address_space": address_space, "file_size": file_size,
            "cwd": str(cwd or ROOT), "arguments": arguments,
        }  # fmt: skip
        self._server.stdin.write(json.dumps(request, default=str) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        if not answer:
            raise RuntimeError("the forkserver has died")
        return Outcome(**json.loads(answer))

    def seaice(self, *arguments, plan=None, **limits):
        """Run the command line; `plan` is that of `injection.seaice`."""
        return self.run("tests.faults.injection:seaice", command=[str(a) for a in arguments], plan=plan or {}, **limits)

    def close(self):
        self._server.stdin.close()
        self._server.wait(timeout=PATIENCE)
        self._server.stdout.close()


def _serve():
    for name in (*PRELOADED, *sys.argv[1:]):
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), file=answers, flush=True)


def _run(request):
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        child = os.fork()
        if not child:
            _live(request, out, err)
        code, usage, timed_out = _await(child, request["timeout"])
        peak = usage.ru_maxrss / 1024 - resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "code": code, "seconds": time.perf_counter() - began, "peak_mb": peak, "timed_out": timed_out,
            "out": _text(out), "err": _text(err),
        }  # fmt: skip


def _text(file):
    file.seek(0)
    return file.buffer.read(1 << 20).decode(errors="replace")


def _await(child, timeout):
    deadline, timed_out = time.monotonic() + timeout, False
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), usage, timed_out
        if time.monotonic() > deadline and not timed_out:
            timed_out = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        time.sleep(0.002)


def _live(request, out, err):
    """Do the work of the child, and end it."""
    code = 70
    try:
        os.setsid()
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        os.chdir(request["cwd"])
        _limit(request)
        module, name = request["task"].split(":")
        code = getattr(importlib.import_module(module), name)(**request["arguments"]) or 0
    except BaseException:  # noqa: BLE001 - the parent is told of it
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _limit(request):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if request["memory"]:
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + request["memory"],) * 2)
    if request["address_space"]:
        resource.setrlimit(resource.RLIMIT_AS, (request["address_space"],) * 2)
    if request["file_size"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"],) * 2)


if __name__ == "__main__":
    _serve()
