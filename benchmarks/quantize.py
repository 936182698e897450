"""The quantised graphs of the shipped models, made one after the other, each measured on the scenes its training left out.

    python benchmarks/quantize.py NAME=DIR [NAME=DIR ...]

DIR holds the images and labels that the lists of the model name, as for its training (models/NAME/train.toml). The graph is
calibrated on the scenes of the first list of `data`, and what it loses is measured on those of the first list of `val`.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib

from measuring import ROOT, seaice


def main(arguments: list[str]) -> None:
    if not arguments or not all("=" in a for a in arguments):
        sys.exit(__doc__)
    for argument in arguments:
        name, _, data = argument.partition("=")
        model = ROOT / "models" / name
        recipe = tomllib.loads((model / "train.toml").read_text())
        lists = ("--calibrate", model / recipe["data"][0], "--measure", model / recipe["val"][0])
        command = seaice("models", "export", model, "--int8", *lists, "--overwrite")
        subprocess.run(command, cwd=data, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
