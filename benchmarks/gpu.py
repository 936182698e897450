"""The GPU path: Mpx/s, share of the pure forward rate, and agreement with the CPU's mask.

    python benchmarks/gpu.py [--model NAME|DIR] [--side 8192] [--tile 1024]

Needs a CUDA device. The scene is one generated block, repeated (benchmarks/line.py); the CPU maps a corner of it, with which the GPU's
mask of that corner is compared.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from line import make_scene
from measuring import table

from seaice_cli.network.build import SceneNetwork, load_network
from seaice_cli.network.catalog import find_model
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import predict
from seaice_cli.prediction.summary import Summary

CORNER = 3
"""Windows along each side of what the CPU maps."""


def forward_rate(model_name: str, tile: int, batch: int) -> float:
    """Return the Mpx/s of the network alone, on windows that lie on the device already."""
    model = find_model(model_name)
    graph = SceneNetwork(load_network(model), model.spec).eval().cuda().to(memory_format=torch.channels_last)
    pixels = torch.randint(0, 255, (batch, len(model.spec.bands), tile, tile), dtype=torch.uint8, device="cuda")
    with torch.inference_mode(), torch.autocast("cuda", dtype=torch.bfloat16):
        for _ in range(3):
            graph(pixels)
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(20):
            graph(pixels)
        torch.cuda.synchronize()
    return 20 * batch * tile * tile / 1e6 / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="modis-truecolor")
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device here: not run")
    with tempfile.TemporaryDirectory() as name:
        scene = make_scene(Path(name, "scene.tif"), chosen.side)
        runs = [run(scene, chosen, device="cuda", batch_size=chosen.batch) for _ in range(chosen.runs)]
        best = min(runs, key=lambda r: r.seconds)
        corner = corner_of(scene, chosen.tile)
        masks = [mask_of(scene, chosen, corner, device) for device in ("cuda", "cpu")]
    windows = best.windows_run * chosen.tile**2 / 1e6
    forward = forward_rate(chosen.model, chosen.tile, chosen.batch)
    print(f"{chosen.model}, {chosen.side} x {chosen.side} px, {torch.cuda.get_device_name()}, best of {chosen.runs}\n")
    row = [
        best.precision,
        f"{best.seconds:.2f}",
        f"{best.mpx_per_s:.0f}",
        f"{windows / best.seconds:.0f}",
        f"{forward:.0f}",
    ]
    row.append(f"{windows / best.seconds / forward:.0%}")
    print(table(["precision", "run s", "scene Mpx/s", "window Mpx/s", "forward pass alone", "share"], [row]))
    print(f"\nclasses of a corner of {CORNER} windows that differ from the CPU's: {np.mean(masks[0] != masks[1]):.3%}")


def run(scene: Path, chosen: argparse.Namespace, **options: Any) -> Summary:
    """Map the scene once; the model is loaded before."""
    wanted = PredictOptions(model=chosen.model, tile=chosen.tile, any_resolution=True, overwrite=True, **options)
    with Job(str(scene), scene.with_name("unused.tif"), wanted) as job:
        engine = job.open_engine()
    return predict(str(scene), scene.with_name("mask.tif"), options=wanted, engine=lambda _: engine)


def corner_of(scene: Path, tile: int) -> tuple[float, float, float, float]:
    """Return the bounds of so many windows along each side as a CPU maps in little time."""
    with rasterio.open(scene) as source:
        side = min(CORNER * tile, source.height, source.width)
        return rasterio.windows.bounds(rasterio.windows.Window(0, 0, side, side), source.transform)


def mask_of(scene: Path, chosen: argparse.Namespace, corner: tuple[float, float, float, float], device: str) -> Any:
    run(scene, chosen, device=device, bbox=corner)
    with rasterio.open(scene.with_name("mask.tif")) as mask:
        return mask.read(1)


if __name__ == "__main__":
    main()
