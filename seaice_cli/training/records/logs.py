"""What a run leaves behind beside the model: its options, its machine, a row of numbers per evaluation, and pictures."""

from __future__ import annotations

import csv
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.extras import require_extra

CONFIG_FILE, LOG_FILE, ENVIRONMENT_FILE = "config.toml", "log.csv", "environment.json"
PACKAGES = ("seaice", "torch", "torchvision", "segmentation-models-pytorch", "timm", "accelerate", "numpy", "rasterio")


def kept_options(run: Path) -> Path | None:
    """Return the TOML file of the options that a run keeps in its folder, or None where there is none."""
    file = run / CONFIG_FILE
    return file if file.is_file() else None


def write_text(path: Path, text: str) -> None:
    """Write a text so that it is complete or not there."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is complete or not there."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)  # noqa: PTH105 - replaces on every system


def write_environment(directory: Path, device: str, precision: str) -> None:
    """Write what the run depends on beside its options: versions, machine, device."""
    facts = {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "device": device,
        "precision": precision,
        "packages": {name: _version(name) for name in PACKAGES},
    }
    write_text(directory / ENVIRONMENT_FILE, json.dumps(facts, indent=2) + "\n")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


class RunLog:
    """Rows in `log.csv`, and in TensorBoard's files if asked for.

    Args:
        directory: The run's folder.
        tensorboard: Whether to write for TensorBoard too; it must be installed.
        keep: Rows up to this step are kept of an earlier try, the others are taken off.

    Raises:
        OptionError: TensorBoard is asked for and not installed.
    """

    def __init__(self, directory: Path, *, tensorboard: bool, keep: int) -> None:
        self._path = directory / LOG_FILE
        self._rows: list[dict[str, Any]] = []
        if keep and self._path.is_file():
            with self._path.open(encoding="utf-8", newline="") as file:
                self._rows = [dict(row) for row in csv.DictReader(file) if int(row["step"]) <= keep]
        self._board = _open_board(directory) if tensorboard else None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All rows, those of an earlier try as texts."""
        return self._rows

    def add(self, row: Mapping[str, float | int | str]) -> None:
        """Add a row; its key `step` says where it belongs."""
        self._rows.append(dict(row))
        names = list(dict.fromkeys(name for r in self._rows for name in r))
        partial = self._path.with_name(f".{self._path.name}.partial")
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._rows)
        os.replace(partial, self._path)  # noqa: PTH105 - replaces on every system
        if self._board is not None:
            for name, value in row.items():
                if name != "step" and isinstance(value, (int, float)):
                    self._board.add_scalar(name, value, int(row["step"]))
            self._board.flush()


def _open_board(directory: Path) -> Any:
    require_extra("train", "`tensorboard`", "tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(directory / "tensorboard"))


def write_picture(
    path: Path,
    rows: Sequence[tuple[npt.NDArray[Any], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]],
    colors: Sequence[tuple[int, int, int]],
    valid_range: tuple[float, float],
) -> None:
    """Write a PNG with a row per scene: the scene, its label, the prediction; black is ignored.

    Args:
        path: The file.
        rows: Pixels (bands, H, W), label (H, W) and predicted classes (H, W); scenes may differ in size.
        colors: Of the classes, by id.
        valid_range: What is shown black and white.
    """
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    table = np.zeros((256, 3), dtype=np.uint8)
    table[: len(colors)] = colors
    lines = [
        _side_by_side([_shown(pixels, valid_range), *(table[ids].transpose(2, 0, 1) for ids in (label, predicted))])
        for pixels, label, predicted in rows
    ]
    width = max(line.shape[2] for line in lines)
    picture = np.concatenate([_filled(line, ((0, GAP), (0, width - line.shape[2]))) for line in lines], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="PNG", width=picture.shape[2], height=picture.shape[1], count=3, dtype="uint8"
        ) as dataset:
            dataset.write(picture)


GAP = 8
"""White pixels between the pictures of a picture."""


def _shown(pixels: npt.NDArray[Any], valid_range: tuple[float, float]) -> npt.NDArray[np.uint8]:
    low, high = valid_range
    shown = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    shares = np.clip((shown.astype(np.float32) - low) / (high - low), 0, 1)
    return np.asarray((shares * 255).astype(np.uint8))


def _side_by_side(pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    return np.concatenate([_filled(picture, ((0, 0), (0, GAP))) for picture in pictures], axis=2)


def _filled(picture: npt.NDArray[np.uint8], more: tuple[tuple[int, int], ...]) -> npt.NDArray[np.uint8]:
    return np.asarray(np.pad(picture, ((0, 0), *more), constant_values=255))
