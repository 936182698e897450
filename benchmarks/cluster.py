"""What a cluster costs: a plain run against `--cluster local:1`, tasks that do nothing, parts that are only put and listed.

python benchmarks/cluster.py overhead --side 12000 --runs 2
python benchmarks/cluster.py tasks --tasks 10000
python benchmarks/cluster.py parts --parts 10000
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from seaice_cli.cluster import pipeline
from seaice_cli.cluster.shared_parts import SharedParts
from seaice_cli.cluster.tasks import Outcome
from seaice_cli.prediction.batch import BatchItem
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.summary import Summary
from seaice_cli.storage import Storage

PART_BYTES = 100_000
"""About a row of windows of classes, compressed."""


def null_scene(item, identity, most_parts):
    """Do nothing, and return what a mapped scene returns."""
    del identity, most_parts
    summary = Summary(item.scene, str(item.target), 1, 1, 1, 0, 0.0, 0.0, {}, 1.0, 0.0, 0.0, None, [], "null", "none")
    return Outcome("null", summary)


def overhead(side, runs):
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.tif"
        make = Path(__file__).parents[1] / "examples" / "make_scene.py"
        subprocess.run([sys.executable, make, scene, "--height", str(side), "--width", str(side)], check=True)
        found = {(): [], ("--cluster", "local:1"): []}
        for _ in range(runs):
            for extra, seconds in found.items():
                target = Path(folder) / f"mask{len(extra)}.tif"
                began = time.perf_counter()
                command = ["-m", "seaice_cli", "predict", scene, "-o", target, "--overwrite", *extra]
                subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
                seconds.append(time.perf_counter() - began)
                print(f"{' '.join(extra) or 'plain':18} {seconds[-1]:.1f} s", flush=True)
        assert (Path(folder) / "mask0.tif").read_bytes() == (Path(folder) / "mask2.tif").read_bytes()
        plain, cluster = map(statistics.median, found.values())
        print(f"{cluster - plain:+.1f} s, {cluster / plain - 1:+.1%}; masks are equal byte for byte")


def tasks(number, workers):
    pipeline.map_scene = null_scene
    items = [BatchItem(f"scene{i}.tif", Path(f"mask{i}.tif"), PredictOptions()) for i in range(number)]
    began = time.perf_counter()
    results = pipeline.run(items, f"local:{workers}")
    seconds = time.perf_counter() - began
    assert all(one.result.ok for one in results)
    print(f"{number} tasks that do nothing on {workers} workers: {seconds:.1f} s, {seconds / number * 1e3:.2f} ms each")


def parts(number):
    content = bytes(PART_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        shared = SharedParts(f"{folder}/parts", "0" * 32, number, number)
        storage = Storage(shared.place)
        began = time.perf_counter()
        for index in range(number):
            storage.put(f"{index:05d}.mask.blocks", content)
            storage.put(f"{index:05d}.json", b"{}")
        put = time.perf_counter()
        assert shared.missing() == []
        listed = time.perf_counter()
        target = Path(folder) / "run"
        target.mkdir()
        shared.fetch(target)
        fetched = time.perf_counter()
    print(
        f"{number} parts of {PART_BYTES} bytes in a folder: put {(put - began) / number * 1e3:.2f} ms each, "
        f"all listed in {listed - put:.2f} s, fetched {(fetched - listed) / number * 1e3:.2f} ms each"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("overhead", "tasks", "parts"))
    parser.add_argument("--side", type=int, default=12000)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--tasks", type=int, default=10000)
    parser.add_argument("--parts", type=int, default=10000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if given.what == "overhead":
        overhead(given.side, given.runs)
    elif given.what == "tasks":
        tasks(given.tasks, given.workers)
    else:
        parts(given.parts)


if __name__ == "__main__":
    main()
