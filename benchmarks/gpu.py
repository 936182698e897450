"""The GPU path: Mpx/s, share of the pure forward rate, and agreement with the CPU's mask.

    python benchmarks/gpu.py [--model NAME|DIR] [--side 8192] [--tile 1024]

Needs a CUDA device. The scene is generated, so that nothing but this file and the package is needed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import torch
from measuring import table

from seaice_cli.network.build import SceneNetwork, load_network
from seaice_cli.network.catalog import find_model
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import predict
from seaice_cli.synthetic import SceneRecipe, write_scene


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
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device here: not run")
    with tempfile.TemporaryDirectory() as name:
        scene = Path(name, "scene.tif")
        write_scene(scene, SceneRecipe(seed=1, height=chosen.side, width=chosen.side))
        masks, rows = {}, []
        for device in ("cuda", "cpu"):
            options = PredictOptions(
                model=chosen.model,
                tile=chosen.tile,
                device=device,
                batch_size=chosen.batch if device == "cuda" else None,
            )
            summary = predict(str(scene), Path(name, f"{device}.tif"), options=options)
            with rasterio.open(Path(name, f"{device}.tif")) as mask:
                masks[device] = mask.read(1)
            windows = summary.windows_run * chosen.tile**2 / 1e6
            rows.append(
                [
                    device,
                    summary.engine,
                    summary.precision,
                    f"{summary.seconds:.2f}",
                    f"{summary.mpx_per_s:.1f}",
                    f"{windows / summary.seconds:.1f}",
                ]
            )
    forward = forward_rate(chosen.model, chosen.tile, chosen.batch)
    print(f"{chosen.model}, {chosen.side} x {chosen.side} px, {torch.cuda.get_device_name()}\n")
    print(table(["device", "engine", "precision", "run s", "scene Mpx/s", "window Mpx/s"], rows))
    print(
        f"\nforward pass alone: {forward:.1f} window Mpx/s; classes that differ: {np.mean(masks['cuda'] != masks['cpu']):.3%}"
    )


if __name__ == "__main__":
    main()
