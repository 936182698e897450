"""The machine: processor, memory, GPU."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from seaice_cli.raster.processors import processors

INSTRUCTIONS = {
    "AVX2": ("avx2",),
    "AVX512": ("avx512f",),
    "VNNI": ("avx512_vnni", "avx_vnni"),
    "BF16": ("avx512_bf16", "amx_bf16"),
    "AMX": ("amx_tile",),
}
"""Instruction sets that the CPU engine gains by, and the flags by which Linux knows them."""
CPU_INFO = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, Any]:
    """Return processor, instruction sets (None where the system does not tell them), threads and memory in MiB."""
    model, flags = read_cpu_info(CPU_INFO)
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": model or platform.processor() or platform.machine(),
        "instructions": None if flags is None else [n for n, any_of in INSTRUCTIONS.items() if flags & set(any_of)],
        "threads": processors(),
        "processors": os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "memory_free_mb": _free_memory(),
    }


def read_cpu_info(path: Path) -> tuple[str, frozenset[str] | None]:
    """Return the name and the flags of the first processor in a file like /proc/cpuinfo; None where there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "", None
    pairs = [line.split(":", 1) for line in reversed(lines) if ":" in line]
    values = {name.strip(): value.strip() for name, value in pairs}
    flags = values.get("flags") or values.get("Features")
    return values.get("model name", ""), None if flags is None else frozenset(flags.split())


def _free_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def describe_gpus() -> list[str]:
    """Return a line for every GPU that NVIDIA's driver knows; none where there is no driver."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []
