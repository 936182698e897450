"""What processors this process may use: how many, which on a shared machine are often fewer than there are, and what they can."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_INT8 = {"avx512_vnni", "avx_vnni", "amx_int8"}
"""What Linux calls the instructions that multiply and add bytes."""


_limits: list[int] = []


def limit_processors(count: int) -> None:
    """Let this process take no more than so many: others on the machine have their share."""
    _limits[:] = [max(1, count)]


def processors() -> int:
    """Return that number; where the system does not tell it (macOS), how many there are."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([there, *_limits])


@cache
def multiplies_bytes() -> bool:
    """Tell whether the processor multiplies and adds bytes in one instruction (VNNI, AMX): what makes int8 networks fast."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return bool(_INT8 & set(flags.split()))
