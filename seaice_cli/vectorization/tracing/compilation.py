"""How the kernels of this room are compiled: by numba, without the GIL, cached where the machine lets us.

Importing this module costs a third of a second, so it is imported by kernels only, and those only when they run.

A kernel is compiled in the first run of a new machine, while the user waits, so kernels are kept lean: loops over plain
arrays that they are given. A loop compiles in a tenth of a second, making an array in a kernel costs as much again, and
assigning a slice of one two seconds. What NumPy can do in a few calls is left to NumPy. And what is handed from kernel to kernel is of
one type: constants are of `np.int64`, since a kernel is compiled anew for every number that is written out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])
_OPTIONS: dict[str, Any] = {"nogil": True, "boundscheck": False, "error_model": "numpy"}
whole: Any = np.int64
"""The one type of the whole numbers that kernels hand to each other."""


def compiled(kernel: _Kernel) -> _Kernel:
    """Return the kernel compiled for the types it is first called with.

    The machine code is kept beside the module or in the user's cache folder. Where neither can be written to, as in a
    read-only container, the kernel is compiled anew in every process instead of being refused.
    """
    try:
        result: _Kernel = numba.njit(cache=True, **_OPTIONS)(kernel)
    except RuntimeError:  # numba: no locator available, that is no folder it may write to
        result = numba.njit(**_OPTIONS)(kernel)
    return result


def inlined(kernel: _Kernel) -> _Kernel:
    """Return a part of kernels, compiled into each that calls it; by itself it cannot be called from Python."""
    result: _Kernel = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(kernel)
    return result
