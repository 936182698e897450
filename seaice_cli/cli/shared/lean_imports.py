"""Keeping libraries from loading others that no command uses, where these are installed: half a second of every cold start.

Only for the command line, whose process is its own: a program that uses this package may want them.
"""

from __future__ import annotations

import importlib
import sys

UNUSED = {"pyogrio": ("geopandas", "pandas"), "numba": ("scipy.linalg",)}
"""What a library would load if it can, and does without otherwise: data frames, which are not made, and BLAS, which is not called."""


def load_lean(library: str) -> None:
    """Import a library without those it would load beside it; whoever imports them later gets them."""
    hidden = [name for name in UNUSED[library] if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: "there is no such module"
    try:
        importlib.import_module(library)
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
