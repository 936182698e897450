"""The errors a user can cause, each with the way out in its text.

    SeaIceError
    ├── SceneError      the scene: missing, damaged, of another kind than the model reads
    ├── ModelError      the model: unknown, incomplete, damaged, not what its spec says
    ├── OutputError     the target: exists, cannot be written, is being written by another run
    ├── DataError       training or reference data: a row, a label, a file that does not fit
    ├── OptionError     options that are each fine but not together, or not on this machine
    ├── EngineError     the engine: not installed, out of memory, failed in the middle
    ├── ClusterError    the cluster: no scheduler, no workers, workers that are not like the client
    └── InstallationError   libraries that only some tasks need: not installed

The library raises these and nothing else for what a user can cause; `cli.main` turns each into one line and
exit code 1; one that tells of several faults has a line for each. A programmer's mistake raises `ValueError` or `TypeError` as usual.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

WAYS_OUT = {
    errno.EMFILE: "raise the limit on open files with `ulimit -n 4096`",
    errno.ENFILE: "the machine has too many files open; close some programs",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""Out of errors of the system that are about no disk."""


class SeaIceError(Exception):
    """Root of all errors a user can cause; its text names the file, the fault and the way out."""


def combine(errors: Sequence[SeaIceError]) -> SeaIceError:
    """Return one error that tells all of them, a line each; of the class of the first."""
    texts = list(dict.fromkeys(str(error) for error in errors))
    return errors[0] if len(texts) == 1 else type(errors[0])("\n".join(texts))


def describe(error: BaseException, about: str = "") -> str:
    """Return what a user is told of an error: the library's own text, or the best that can be said of any other.

    Args:
        error: Any.
        about: What was worked on, named before a text that is not the library's own.
    """
    if isinstance(error, SeaIceError):
        return str(error)
    reason = (str(error).strip().splitlines() or ["no reason given"])[0][:300]
    if _is_lack_of_memory(error, reason):
        told = f"out of memory ({reason}); choose a smaller `tile` or `batch_size`, or a machine with more of it"
    elif isinstance(error, OSError) and error.strerror:
        way_out = WAYS_OUT.get(error.errno or 0, "make room, or choose another place")
        told = f"{error.filename or 'a file'}: {error.strerror}; {way_out}"
    else:
        told = f"unforeseen {type(error).__name__}: {reason}; please report this, with what `seaice -vv` prints"
    return f"{about}: {told}" if about else told


def _is_lack_of_memory(error: BaseException, reason: str) -> bool:
    """Tell whether an error says that memory has run out: Python's, torch's (not imported here), or the loader's of libraries."""
    if isinstance(error, ImportError):
        return "failed to map segment" in reason
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


class SceneError(SeaIceError):
    """The scene is missing, damaged, or of another kind than the model reads."""


class ModelError(SeaIceError):
    """The model is unknown, incomplete, damaged, or not what its spec says."""


class OutputError(SeaIceError):
    """The target exists, cannot be written, or is being written by another run."""


class DataError(SeaIceError):
    """A row, a label or a file of the training or reference data does not fit."""


class OptionError(SeaIceError):
    """Options that are each fine but not together, or not on this machine."""


class EngineError(SeaIceError):
    """The engine is not installed, ran out of memory, or failed in the middle."""


class ClusterError(SeaIceError):
    """The cluster has no scheduler or no workers, lost one too often, or its workers are not like the client."""


class InstallationError(SeaIceError):
    """A library that only some tasks need is not installed."""
