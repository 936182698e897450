"""How many processors this process may use, which on a shared machine are often fewer than there are."""

from __future__ import annotations

import os


def processors() -> int:
    """Return that number; where the system does not tell it (macOS), how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
