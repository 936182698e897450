"""What a training step costs beside a bare torch loop over the same network with its batch in memory.

    python benchmarks/train.py [--steps 20]

Both loops run in turn in one process, so that a busy machine slows both; the ratio of the medians is printed.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from seaice_cli.network.build import build_network
from seaice_cli.synthetic import SceneRecipe, write_scene
from seaice_cli.training import pipeline
from seaice_cli.training.loop import Run
from seaice_cli.training.losses import parse_loss
from seaice_cli.training.options import read_options
from seaice_cli.training.preparation import prepare


def make_data(folder: Path, scenes: int = 4) -> Path:
    with (folder / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label"])
        for seed in range(scenes):
            recipe = SceneRecipe(height=512, width=512, seed=seed, collar=False)
            write_scene(folder / f"scene{'abcdefgh'[seed]}.tif", recipe, truth=folder / f"truth{seed}.tif")
            writer.writerow([f"scene{'abcdefgh'[seed]}.tif", f"truth{seed}.tif"])
    return folder / "train.csv"


def bare_step(network, optimizer, loss, accelerator, pixels, target) -> None:
    with accelerator.autocast():
        logits = network(pixels)
    loss(logits.float(), target).backward()
    optimizer.step()
    optimizer.zero_grad()


def measure(options, folder: Path, steps: int) -> tuple[list[float], list[float]]:
    prepared, accelerator = prepare(options), pipeline.make_accelerator(options)
    run = Run(options, prepared, accelerator, pipeline.start(options, prepared, accelerator), folder)
    batches = run.batches()
    network = build_network(prepared.spec).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.lr)
    loss = parse_loss(options.loss, classes=3)
    pixels = torch.randn(options.batch, 3, options.crop, options.crop).contiguous(memory_format=torch.channels_last)
    target = torch.randint(0, 3, (options.batch, options.crop, options.crop))
    ours, bare = [], []
    for step in range(steps):
        started = time.perf_counter()
        run.step(step, batches)
        between = time.perf_counter()
        bare_step(network, optimizer, loss, accelerator, pixels, target)
        ours.append(between - started)
        bare.append(time.perf_counter() - between)
    return ours[3:], bare[3:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    steps = parser.parse_args().steps
    with tempfile.TemporaryDirectory() as name:
        data = make_data(Path(name))
        for augment in ("none", "hflip:0.5,vflip:0.5,rot90:0.5,light:0.1,noise:0.02"):
            flags = {"data": (str(data),), "classes": ("water", "ice", "cloud"), "steps": steps + 5, "augment": augment,
                     "mean": (127.5,), "std": (64.0,), "ema": 0.99, "val_share": 0.25}  # fmt: skip
            ours, bare = measure(read_options(None, "fast", flags), Path(name), steps)
            ratio = statistics.median(np.array(ours) / np.array(bare))
            print(
                f"augment {augment}: {statistics.median(ours):.3f} s, bare {statistics.median(bare):.3f} s, ratio {ratio:.2f}"
            )


if __name__ == "__main__":
    main()
