"""Clusters: one that runs, one on this machine, or one that a batch system starts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from seaice_cli import __version__
from seaice_cli.cluster.workers import ENGINE, EnginePlugin
from seaice_cli.errors import ClusterError, OptionError
from seaice_cli.extras import require_extra
from seaice_cli.outputs import shorten
from seaice_cli.raster.processors import processors

BATCH_SYSTEMS = {
    "htcondor": "HTCondorCluster", "lsf": "LSFCluster", "moab": "MoabCluster", "oar": "OARCluster", "pbs": "PBSCluster",
    "sge": "SGECluster", "slurm": "SLURMCluster",
}  # fmt: skip
"""Classes of dask-jobqueue by what a configuration calls them."""
PATIENCE = 60
"""Seconds for a scheduler to answer, and for its first worker to come."""


@contextmanager
def connect(where: str) -> Iterator[Any]:
    """Give a Dask client whose workers have one engine each.

    Args:
        where: The address of a scheduler (`tcp://host:8786`), `local:N` for N processes on this machine, or a YAML file that says how a
            batch system starts workers, see `read_batch_system`.

    Raises:
        InstallationError: Dask is not installed.
        ClusterError: There is no scheduler, or it has no workers.
        OptionError: It is none of these.
    """
    require_extra("cluster", "`cluster`", "distributed")
    from distributed import Client

    with ExitStack() as stack:
        quiet()
        cluster, patience = _cluster(where, stack)
        try:
            client = stack.enter_context(Client(cluster or where, timeout=PATIENCE, set_as_default=False))
            client.register_plugin(EnginePlugin())
            client.wait_for_workers(1, timeout=patience)
        except TimeoutError as error:
            raise ClusterError(
                f"{where}: no worker has come in {patience} s; start some: dask worker ADDRESS"
            ) from error
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"{where}: there is no scheduler; start one (dask scheduler), or look at the address"
            ) from error
        except Exception as error:  # whatever a worker answers that cannot load the plugin
            raise ClusterError(
                f"{where}: its workers cannot load seaice ({shorten(str(error).splitlines()[0])}); install version {__version__} "
                f"where they run"
            ) from error
        yield client


def quiet() -> None:
    """Let Dask's own lines about lost connections not stand between ours; whoever asks for debugging sees them."""
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        for name in (
            "distributed",
            "distributed.client",
            "distributed.nanny",
            "distributed.scheduler",
            "tornado",
            "asyncio",
        ):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _cluster(where: str, stack: ExitStack) -> tuple[Any, int]:
    """Return the cluster that is to be started, or None, and how long its first worker may take."""
    if where.startswith("local:"):
        return stack.enter_context(_local(where)), PATIENCE
    if where.lower().endswith((".yaml", ".yml")):
        name, jobs, settings = read_batch_system(Path(where))
        require_extra("cluster", f"`cluster` {where}", "dask_jobqueue")
        import dask_jobqueue

        try:
            cluster = stack.enter_context(getattr(dask_jobqueue, name)(**settings))
        except (TypeError, ValueError, OSError) as error:
            raise OptionError(f"{where}: dask-jobqueue refuses it ({error})") from error
        cluster.scale(jobs=jobs)
        return cluster, 24 * 3600  # a batch system starts jobs when it has room
    if "://" not in where:
        raise OptionError(
            f"`cluster` {where}: is neither the address of a scheduler (tcp://host:8786), local:N, nor a .yaml file"
        )
    return None, PATIENCE


def _local(where: str) -> Any:
    from distributed import LocalCluster

    number = where.removeprefix("local:")
    if not number.isdecimal() or not int(number):
        raise OptionError(f"`cluster` {where}: needs a number of processes, as in local:4")
    threads = max(1, processors() // int(number))
    return LocalCluster(
        n_workers=int(number), threads_per_worker=threads, processes=True, resources={ENGINE: 1},
        dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
    )  # fmt: skip


def read_batch_system(path: Path) -> tuple[str, int, dict[str, Any]]:
    """Return the class of dask-jobqueue, the number of jobs and the class's own arguments that a YAML file names.

    The file is a mapping: `system` (a key of `BATCH_SYSTEMS`), `jobs`, and whatever that class takes (`queue`, `cores`, `memory`, ...).

    Raises:
        OptionError: It cannot be read, or is no such mapping.
    """
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise OptionError(f"{path}: cannot be read as YAML ({reason})") from error
    if not isinstance(values, dict) or values.get("system") not in BATCH_SYSTEMS:
        raise OptionError(f"{path}: needs a line `system:` with one of {', '.join(BATCH_SYSTEMS)}")
    jobs = values.get("jobs")
    if not isinstance(jobs, int) or jobs < 1:
        raise OptionError(f"{path}: needs a line `jobs:` with how many workers the batch system starts")
    return BATCH_SYSTEMS[values["system"]], jobs, {k: v for k, v in values.items() if k not in ("system", "jobs")}
