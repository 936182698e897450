"""The command that repeats a run: the options that shaped its mask, as words of the command line and as tags."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from seaice_cli.fetching.redaction import public
from seaice_cli.prediction.options import PredictOptions

_NOT_SHAPING = {
    "engine", "device", "precision", "batch_size", "threads", "probability", "vector", "preview", "overwrite", "format",
    "split_floes", "floe_window", "stac",
}  # fmt: skip
"""How fast a mask comes, and what is written beside it. Engine, device and precision are told as they were, not as they were chosen."""
YES = "yes"
"""What a flag without a value is told as."""


def shaping_options(options: PredictOptions) -> dict[str, str]:
    """Return the options that shaped a mask and differ from their defaults, by name, as the command line writes them.

    Files are given by their names alone: a tag need not tell where somebody keeps their data.
    """
    chosen = {f.name: getattr(options, f.name) for f in fields(options) if f.name not in _NOT_SHAPING}
    return {f.name: _word(chosen[f.name]) for f in fields(options) if f.name in chosen and chosen[f.name] != f.default}


def repeating_command(
    scene: str, options: PredictOptions, ran: Mapping[str, str], *, fetched: tuple[str, str] = ("", "")
) -> str:
    """Return the command that makes a mask once more, but for where it goes.

    Args:
        scene: The scene's path or address.
        options: What was chosen.
        ran: Engine, device and precision that it ran with, by the names of their options.
        fetched: The address and the box that the scene was fetched by; empty: it was not.
    """
    address, box = fetched
    words = ["seaice", "predict", address or _shown(scene)]
    for name, value in {**({"bbox": box} if box else {}), **shaping_options(options), **ran}.items():
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value == YES else [flag, value]
    return shlex.join(words)


def _shown(scene: str) -> str:
    if "://" in scene:
        before, scheme, address = scene.rpartition("://")
        prefix, _, kind = before.rpartition("/")  # as in /vsicurl/https
        return (f"{prefix}/" if prefix else "") + public(f"{kind}{scheme}{address}")
    return scene if scene.startswith(("/vsi", "<")) else Path(scene).name or scene


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return YES
    if isinstance(value, tuple):
        return ",".join(_word(v) for v in value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return value.name if isinstance(value, Path) else str(value)
