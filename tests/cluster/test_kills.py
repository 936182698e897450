"""Workers, the scheduler and the client are killed with SIGKILL; the masks are those of one machine all the same."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cluster.preload import arm, disarm
from tests.cluster.processes import Cluster, environment, hidden, seaice, wait_for

POINTS = 20


def command(maps, cluster, scenes, output):
    return ("predict", *scenes, "-o", output, *maps.options(), "--cluster", cluster.address, "--json")


def on_first_worker(cluster, function, *arguments):
    """Call a function on one of the two workers, the same as long as both live; return its address and the result."""
    from distributed import Client

    with Client(cluster.address, set_as_default=False, timeout=30) as client:
        wait_for(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == 2)
        first = min(client.scheduler_info(n_workers=-1)["workers"])
        return first, client.run(function, *arguments, workers=[first])[first]


def workers_of(cluster):
    from distributed import Client

    with Client(cluster.address, set_as_default=False, timeout=30) as client:
        return wait_for(lambda: w if len(w := list(client.scheduler_info(n_workers=-1)["workers"])) == 2 else [])


def killed_at(cluster, maps, scenes, output, share):
    """Kill a worker at this share of the steps that it takes for a run; tell whether it was."""
    on_first_worker(cluster, arm, -1)
    trial = output.with_name(f"trial-{output.name}")
    done = seaice(*command(maps, cluster, scenes, trial), folder=maps.folder)
    assert done.returncode == 0, done.stderr
    _, steps = on_first_worker(cluster, disarm)
    armed, _ = on_first_worker(cluster, arm, int(steps * share))
    done = seaice(*command(maps, cluster, scenes, output), folder=maps.folder)
    assert done.returncode == 0, done.stderr
    if armed in workers_of(cluster):
        on_first_worker(cluster, disarm)
        return False
    return True  # it has been started anew, at another address


def check(maps, output):
    if output.is_dir():
        for name, content in maps.masks.items():
            assert (output / name).read_bytes() == content, name
    else:
        assert output.read_bytes() == maps.masks["scene0.tif"]
    assert hidden(output if output.is_dir() else output.parent) == []


def test_a_worker_killed_in_the_middle_of_its_scenes(cluster, maps, tmp_path):
    assert killed_at(cluster, maps, maps.scenes, tmp_path / "day", 0.5)
    check(maps, tmp_path / "day")


def test_a_worker_killed_in_the_middle_of_a_range(cluster, maps, tmp_path):
    assert killed_at(cluster, maps, maps.scenes[:1], tmp_path / "mask.tif", 0.6)
    check(maps, tmp_path / "mask.tif")


@pytest.mark.cluster
def test_a_worker_killed_at_any_point(cluster, maps, tmp_path):
    """In every stage: windows, blocks, parts that are put and fetched, the mask that gets its name."""
    killed = 0
    for number in range(POINTS):
        share = (number + 0.5) / POINTS
        alone = number % 2
        output = tmp_path / (f"mask{number}.tif" if alone else f"day{number}")
        killed += killed_at(cluster, maps, maps.scenes[:1] if alone else maps.scenes, output, share)
        check(maps, output)
    assert killed >= POINTS // 2


@pytest.mark.cluster
def test_a_client_killed_at_any_time_goes_on(cluster, maps, tmp_path):
    for number, delay in enumerate((0.8, 1.4, 1.8, 2.2, 2.8)):
        for scenes, output in ((maps.scenes, tmp_path / f"day{number}"), (maps.scenes[:1], tmp_path / f"{number}.tif")):
            words = [str(w) for w in command(maps, cluster, scenes, output)]
            client = subprocess.Popen(
                [sys.executable, "-m", "seaice_cli", *words], cwd=maps.folder, env=environment(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(delay)
            os.kill(client.pid, signal.SIGKILL)
            client.wait()
            for _ in range(3):  # a worker may still be at what the dead client wanted
                done = seaice(*words, folder=maps.folder)
                if done.returncode == 0 or "exists already" in done.stderr:
                    break
                assert "another run is writing it" in done.stderr, done.stderr
                time.sleep(2)
            check(maps, output)


def test_a_scheduler_that_is_killed_is_one_line_and_the_same_command_goes_on(maps, tmp_path):
    cluster = Cluster(tmp_path, workers=1, env=environment(DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="3s"))
    try:
        words = [str(w) for w in command(maps, cluster, maps.scenes, tmp_path / "day")]
        client = subprocess.Popen(
            [sys.executable, "-m", "seaice_cli", *words], cwd=maps.folder, stderr=subprocess.PIPE, text=True,
            env=environment(DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="3s"), stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(lambda: list((tmp_path / "day").glob(".*.done")) if (tmp_path / "day").is_dir() else [])
        cluster.scheduler.kill()
        told = client.communicate(timeout=90)[1]
        assert client.returncode == 1
        assert told.splitlines()[-1].startswith("Error: the scheduler is gone; what is finished is kept")
        assert "Traceback" not in told
        for worker in cluster.workers:
            worker.kill()
        cluster.start_scheduler()
        cluster.add_worker()
        done = seaice(*words, folder=maps.folder)
        assert done.returncode == 0, done.stderr
        assert 0 in [one["windows_run"] for one in json.loads(done.stdout)]
        for name, content in maps.masks.items():
            assert (tmp_path / "day" / name).read_bytes() == content
    finally:
        cluster.close()
