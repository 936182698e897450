"""The quantised graphs of the shipped models, made one after the other, each measured on labelled scenes.

    python benchmarks/quantize.py NAME=DIR [NAME=DIR ...]

DIR holds the images and labels that the lists of the model name, as for its training (models/NAME/train.toml). The graph is
calibrated on the scenes of its lists `data`; what it loses is measured on these and on those of `val`, for what is left out of
training need not hold all classes, or all kinds of scenes: noted is the loss in the list that loses most.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from measuring import ROOT, seaice


def _options(name: str, values: list[Path]) -> list[object]:
    return [part for value in values for part in (name, value)]


def main(arguments: list[str]) -> None:
    if not arguments or not all("=" in a for a in arguments):
        sys.exit(__doc__)
    for argument in arguments:
        name, _, data = argument.partition("=")
        model = ROOT / "models" / name
        recipe = tomllib.loads((model / "train.toml").read_text())
        taught = [model / path for path in recipe["data"]]
        judged = [*taught, *(model / path for path in recipe["val"])]
        lists = [*_options("--calibrate", taught), *_options("--measure", judged)]
        command = seaice("models", "export", model, "--int8", *lists, "--overwrite")
        subprocess.run(command, cwd=data, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
