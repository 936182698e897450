"""`seaice predict` beside other tools, with the same network, weights, scene, window and overlap, on one machine.

    python benchmarks/peers.py [--network resnet18|cheap] [--side 3000] [--runs 3] [--python PEERS_PYTHON] [PEER ...]

The other tools run by their own scripts (`../shared/bench/peers`), each in a process of its own; PEERS_PYTHON is a Python that
has them. They are timed from their call to their mask, without imports and model loading; `seaice` from process start to exit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measuring import PEERS, bench_line, machine, measure, median, seaice, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", default=["toolbelt", "omnicloudmask", "monai"])
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--side", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--python", default=sys.executable)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scene, weights, model = Path(folder, "scene.tif"), Path(folder, "weights.pt"), Path(folder, "model")
        measure([sys.executable, str(PEERS / "make_scene.py"), str(scene), str(chosen.side), str(chosen.side)])
        measure(
            [sys.executable, __file__.replace("peers.py", "same_network.py"), chosen.network, str(weights), str(model)]
        )
        rows = []
        for precision in ("auto", "float32"):
            command = seaice(
                "predict",
                scene,
                "-o",
                Path(folder, "mask.tif"),
                "--model",
                model,
                "--overwrite",
                "--precision",
                precision,
            )
            run = median(command, runs=chosen.runs)
            rows.append([f"seaice ({precision})", run.wall, run.processor, run.peak_mb])
        for peer in chosen.peers:
            script = [chosen.python, str(PEERS / f"bench_{peer}.py"), str(scene), str(Path(folder, f"{peer}.tif"))]
            lines = [
                bench_line(measure(script, ENCODER=chosen.network, WEIGHTS=str(weights)).output)
                for _ in range(chosen.runs)
            ]
            line = sorted(lines, key=lambda v: float(str(v["wall_s"])))[len(lines) // 2]
            rows.append([peer, float(str(line["wall_s"])), float("nan"), float(str(line["peak_rss_mb"]))])
    ours = rows[0][1]
    print(f"{chosen.network}, {chosen.side} x {chosen.side} px, {machine()}, median of {chosen.runs}\n")
    shown = [[n, f"{w:.2f}", f"{w / ours:.1f}", f"{c:.1f}", f"{m:.0f}"] for n, w, c, m in rows]
    print(table(["tool", "wall s", "times seaice", "processor s", "peak MB"], shown))


if __name__ == "__main__":
    main()
