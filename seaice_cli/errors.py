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

from collections.abc import Sequence


class SeaIceError(Exception):
    """Root of all errors a user can cause; its text names the file, the fault and the way out."""


def combine(errors: Sequence[SeaIceError]) -> SeaIceError:
    """Return one error that tells all of them, a line each; of the class of the first."""
    texts = list(dict.fromkeys(str(error) for error in errors))
    return errors[0] if len(texts) == 1 else type(errors[0])("\n".join(texts))


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
