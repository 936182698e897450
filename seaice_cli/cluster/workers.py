"""What a worker is: a process with one engine, and that engine's threads.

Dask counts a worker's threads (`--nthreads`); here they are those of the engine, of compression and of reading together, and one task
at a time runs in a process, however many there are: two engines would only wait for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from seaice_cli import __version__
from seaice_cli.errors import ClusterError
from seaice_cli.raster.processors import limit_processors

ENGINE = "seaice-engine"
"""The resource that every worker has one of, and every task that computes takes."""

try:
    from distributed import WorkerPlugin
except ImportError:  # whoever asks for a cluster is told so by `connect`
    WorkerPlugin = object


class EnginePlugin(WorkerPlugin):  # type: ignore[misc]  # distributed has no types
    """Makes a worker ready: one engine, with the worker's threads."""

    name = "seaice"
    idempotent = True

    async def setup(self, worker: Any) -> None:
        """Called by Dask on every worker, those that come later too."""
        limit_processors(worker.state.nthreads)
        await worker.set_resources(**{ENGINE: 1})


@dataclass(frozen=True, slots=True)
class Identity:
    """What workers must have in common with the client, or their masks would not be one machine's."""

    version: str
    model: str
    """Its name, or its directory."""
    digest: str

    @classmethod
    def of(cls, model: str) -> Identity:
        """Return the identity of this process.

        Raises:
            ModelError: The model cannot be found here.
        """
        return cls(__version__, model, _digest(model))

    def check(self) -> None:
        """Refuse to work where this process is another.

        Raises:
            ClusterError: It is.
            ModelError: The model cannot be found here.
        """
        here = Identity.of(self.model)
        if here.version != self.version:
            raise ClusterError(
                f"worker {worker_address()}: has seaice {here.version}, the client {self.version}; install the same on all"
            )
        if here.digest != self.digest:
            raise ClusterError(
                f"worker {worker_address()}: has another model {self.model} than the client; put the same one there"
            )


def worker_address() -> str:
    """Return the address of the worker that this is; empty where it is none."""
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return ""


@cache
def _digest(model: str) -> str:
    from seaice_cli.network.catalog import find_model

    return find_model(model).spec.digest
