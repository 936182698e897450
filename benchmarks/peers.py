"""`seaice predict` beside other tools, with the same network, weights, scene, window and overlap, on one machine.

    python benchmarks/peers.py [--network resnet18|cheap] [--side 3000] [--runs 3] [--python PEERS_PYTHON] [PEER ...]

The other tools run by their own scripts (`../shared/bench/peers`), each in a process of its own; PEERS_PYTHON is a Python that
has them. Their wall time is from their call to their mask, without imports and model loading; that of `seaice` from process
start to exit. Processor seconds are those of the whole process, of both. The int8 network is calibrated on the scene itself.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from measuring import PEERS, bench_line, machine, measure, median, seaice, table
from rasterio.windows import Window

SIDE = 256
"""Pixels along the side of the chips on which the network is calibrated."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", default=["toolbelt", "omnicloudmask", "monai"])
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--side", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--quantise", nargs=2, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.quantise:
        add_int8(*chosen.quantise)
        return
    with tempfile.TemporaryDirectory() as folder:
        scene, weights, model = Path(folder, "scene.tif"), Path(folder, "weights.pt"), Path(folder, "model")
        measure([sys.executable, str(PEERS / "make_scene.py"), str(scene), str(chosen.side), str(chosen.side)])
        measure(
            [sys.executable, __file__.replace("peers.py", "same_network.py"), chosen.network, str(weights), str(model)]
        )
        # In a process of its own: what this one has loaded would count as memory of those that it starts.
        measure([sys.executable, __file__, "--quantise", str(model), str(scene)])
        rows = [ours(scene, model, precision, chosen.runs) for precision in ("int8", "bfloat16", "float32")]
        for peer in chosen.peers:
            script = [chosen.python, str(PEERS / f"bench_{peer}.py"), str(scene), str(Path(folder, f"{peer}.tif"))]
            runs = [measure(script, ENCODER=chosen.network, WEIGHTS=str(weights)) for _ in range(chosen.runs)]
            told = sorted((float(str(bench_line(r.output)["wall_s"])), r.processor, r.peak_mb) for r in runs)
            rows.append([peer, *told[len(told) // 2]])
        differs = disagreement(Path(folder))
    print(f"{chosen.network}, {chosen.side} x {chosen.side} px, {machine()}, median of {chosen.runs}\n")
    wall, processor = rows[0][1:3]
    shown = [[n, f"{w:.2f}", f"{w / wall:.1f}", f"{c:.1f}", f"{c / processor:.1f}", f"{m:.0f}"] for n, w, c, m in rows]
    print(table(["tool", "wall s", "times seaice", "processor s", "times seaice", "peak MB"], shown))
    print(f"\nclasses that differ from float32: {differs}")


def add_int8(model: Path, scene: Path) -> None:
    """Quantise the network, calibrated on parts of the scene."""
    from seaice_cli.network.catalog import find_model
    from seaice_cli.network.quantization import quantize

    with rasterio.open(scene) as source:
        steps = range(0, min(source.height, source.width) - SIDE, max(SIDE, source.height // 5))
        chips = [source.read(window=Window(left, top, SIDE, SIDE)) for top in steps for left in steps]
    quantize(find_model(model), chips)


def ours(scene: Path, model: Path, precision: str, runs: int) -> list[object]:
    """Return the name of `seaice` in a precision, its wall and processor seconds and its memory."""
    mask = scene.with_name(f"{precision}.tif")
    options = ("--model", model, "--overwrite", "--precision", precision)
    run = median(seaice("predict", scene, "-o", mask, *options), runs=runs)
    return [f"seaice, {precision}", run.wall, run.processor, run.peak_mb]


def disagreement(folder: Path) -> str:
    """Return what share of the pixels has another class than in float32."""
    masks = {}
    for precision in ("int8", "bfloat16", "float32"):
        with rasterio.open(folder / f"{precision}.tif") as mask:
            masks[precision] = mask.read(1)
    return ", ".join(f"{p} {np.mean(masks[p] != masks['float32']):.3%}" for p in ("int8", "bfloat16"))


if __name__ == "__main__":
    main()
