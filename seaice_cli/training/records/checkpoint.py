"""What changes while training, and how it is kept so that a killed run goes on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from seaice_cli.errors import DataError, OutputError
from seaice_cli.training.crops.difficulty import Difficulty
from seaice_cli.training.optimization.ema import Ema


@dataclass(slots=True)
class State:
    """What changes while training."""

    network: nn.Module
    """As `accelerate` has prepared it."""
    optimizer: Any
    schedule: Any
    ema: Ema | None
    difficulty: Difficulty
    step: int = 0
    """Steps that are done."""
    best: dict[str, float] = field(default_factory=dict)
    """Scores of the best weights; empty before the first evaluation."""
    stale: int = 0
    """Evaluations since the best one."""

    def weights(self, accelerator: Accelerator) -> nn.Module:
        """Return the network whose weights count: the running mean, if there is one."""
        return self.ema.network if self.ema is not None else accelerator.unwrap_model(self.network)


def save_checkpoint(state: State, path: Path, accelerator: Accelerator) -> None:
    """Write everything a run needs to go on, complete or not at all.

    Raises:
        OutputError: The disk is full, or the folder cannot be written.
    """
    content = {
        "step": state.step,
        "best": state.best,
        "stale": state.stale,
        "difficulty": state.difficulty.state_dict(),
        "network": accelerator.unwrap_model(state.network).state_dict(),
        "ema": state.ema.network.state_dict() if state.ema is not None else None,
        "optimizer": state.optimizer.state_dict(),
        "schedule": state.schedule.state_dict(),
    }
    partial = path.with_name(f".{path.name}.partial")
    try:
        torch.save(content, partial)
        os.replace(partial, path)  # noqa: PTH105 - replaces on every system
    except (OSError, RuntimeError) as error:  # the second is how torch tells of a full disk
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: the checkpoint cannot be written ({error}); make room and resume") from error


def restore_checkpoint(state: State, path: Path, accelerator: Accelerator) -> None:
    """Bring a new state to where a checkpoint was written.

    Raises:
        DataError: The checkpoint is damaged, or belongs to a run with another network.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        accelerator.unwrap_model(state.network).load_state_dict(content["network"])
        if state.ema is not None:
            state.ema.network.load_state_dict(content["ema"])
        state.optimizer.load_state_dict(content["optimizer"])
        state.schedule.load_state_dict(content["schedule"])
        state.difficulty.load_state_dict(content.get("difficulty", ()))
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(
            f"{path}: cannot be resumed ({reason}); it is damaged or belongs to a run with other options: remove it"
        ) from error
    state.step, state.best, state.stale = content["step"], content["best"], content["stale"]
