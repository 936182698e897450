"""Run a command, and say how long it took and how much memory it needed; shared by the benchmarks."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT.parent / "shared" / "bench" / "peers"


@dataclass(frozen=True)
class Run:
    """What one run of a command took."""

    wall: float
    """Seconds from start to exit."""
    processor: float
    """Seconds of processor time, all threads."""
    peak_mb: float
    """Largest resident memory of the process."""
    output: str


def measure(command: list[str], **environment: str) -> Run:
    """Run a command to its end; a failure ends the benchmark with its output."""
    with tempfile.TemporaryFile("w+") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **environment})
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{text[-3000:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def median(command: list[str], *, runs: int, **environment: str) -> Run:
    """Return the run of median wall time."""
    done = sorted((measure(command, **environment) for _ in range(runs)), key=lambda r: r.wall)
    middle = statistics.median_low([r.wall for r in done])
    return next(r for r in done if r.wall == middle)


def seaice(*arguments: object) -> list[str]:
    """Return the command line of `seaice`."""
    return [sys.executable, "-m", "seaice_cli", *map(str, arguments)]


def table(headers: list[str], rows: list[list[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(headers) + " |", "|" + "---|" * len(headers)]
    return "\n".join(lines + ["| " + " | ".join(str(v) for v in row) + " |" for row in rows])


def machine() -> str:
    """Describe the machine in one line."""
    names = [
        line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    flags = Path("/proc/cpuinfo").read_text()
    able = [f for f in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if f in flags]
    return f"{len(os.sched_getaffinity(0))} cores, {names[0] if names else 'unknown'} ({able[0] if able else 'no vector extension'})"


def bench_line(output: str) -> dict[str, object]:
    """Return the JSON that a peer's script prints."""
    return json.loads(next(line for line in output.splitlines() if line.startswith("BENCH "))[6:])
