"""How the kernels of this room are compiled: by numba, without the GIL, cached where the machine lets us.

Importing this module costs a third of a second, so it is imported by kernels only, and those only when they run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def compiled(kernel: _Kernel) -> _Kernel:
    """Return the kernel compiled for the types it is first called with.

    The machine code is kept beside the module or in the user's cache folder. Where neither can be written to, as in a
    read-only container, the kernel is compiled anew in every process instead of being refused.
    """
    options: dict[str, Any] = {"nogil": True, "boundscheck": False, "error_model": "numpy"}
    try:
        result: _Kernel = numba.njit(cache=True, **options)(kernel)
    except RuntimeError:  # numba: no locator available, that is no folder it may write to
        result = numba.njit(**options)(kernel)
    return result
