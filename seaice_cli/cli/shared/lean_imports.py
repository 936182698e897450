"""Keeping libraries from loading others that no command uses, where these are installed: a third of every cold start.

Only for the command line, whose process is its own: a program that uses this package may want them.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Any

UNUSED = {
    "pyarrow": ("pandas",),
    "pyogrio": ("geopandas", "pandas", "pyproj"),
    "numba.np.arraymath": ("scipy.linalg", "coverage"),
}
"""What a library would load if it can, and does without otherwise: data frames, which are not made, reference systems of such, BLAS,
which is not called, and what measures the coverage of tests."""


@contextmanager
def loading() -> Iterator[None]:
    """Look for no garbage while libraries are loaded, nor among what they made: nearly all of it stays to the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _Hiding(MetaPathFinder):
    """Says of some modules that there are none."""

    def __init__(self, hidden: tuple[str, ...]) -> None:
        self._hidden = hidden

    def find_spec(self, name: str, *_: Any) -> None:
        if name in self._hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def load_lean(library: str) -> None:
    """Import a library without those it would load beside it; whoever imports them later gets them."""
    hiding = _Hiding(UNUSED[library])
    sys.meta_path.insert(0, hiding)
    try:
        loaded = importlib.import_module(library)
        if library == "pyarrow":
            loaded.array([0])  # it looks for pandas, once, when it makes its first array
    finally:
        sys.meta_path.remove(hiding)
