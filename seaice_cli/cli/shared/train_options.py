"""A flag for each training option, so that the command line and the library cannot drift apart."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from seaice_cli.cli.shared.address_space import Command
from seaice_cli.cli.shared.completion import architecture_names, loss_names, model_names
from seaice_cli.cli.shared.parameters import Numbers
from seaice_cli.training.options import GROUPS, KEPT, PRECISIONS, SAMPLERS, TrainOptions

_CHOICES = {"sampler": SAMPLERS, "precision": PRECISIONS, "keep": KEPT}
_SEVERAL = ("data", "val")
_COMPLETED = {"architecture": architecture_names, "loss": loss_names, "init_from": model_names}
_KINDS = typing.get_type_hints(TrainOptions)


class GroupedCommand(Command):
    """A command whose help lists the training options under headings, and its own options before them."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        headings = {first: heading for heading, first in GROUPS.items()}
        groups: dict[str, list[tuple[str, str]]] = {"Options": []}
        heading_of = dict.fromkeys((p.name for p in self.params), "Options")
        heading = "Options"
        for entry in fields(TrainOptions):
            heading = headings.get(entry.name, heading)
            heading_of[entry.name] = heading
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                groups.setdefault(heading_of.get(param.name, "Options"), []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def _words(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Turn "a,b" into ("a", "b")."""
    return None if value is None else tuple(word.strip() for word in value.split(","))


def _pairs(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any] | None:
    """Turn several NAME=VALUE into a mapping; a value is JSON or a word."""
    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE")
        try:
            pairs[name] = json.loads(text)
        except ValueError:
            pairs[name] = text
    return pairs or None


def train_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one flag for each training option, so that the two cannot drift apart."""
    for entry in reversed([f for f in fields(TrainOptions) if f.name != "stages"]):
        name, text = f"--{entry.name.replace('_', '-')}", str(entry.metadata["help"])
        if entry.default not in ((), "", 0, False) and entry.default_factory is not dict:
            text += f"  [default: {entry.default if not isinstance(entry.default, tuple) else ','.join(map(str, entry.default))}]"
        command = click.option(name, entry.name, help=text, **_kind(entry.name))(command)
    return command


def _kind(name: str) -> dict[str, Any]:
    if name in _COMPLETED:
        return {"type": _KINDS[name], "shell_complete": _COMPLETED[name]}
    kind = _KINDS[name]
    if name in _CHOICES:
        return {"type": click.Choice(_CHOICES[name])}
    if name in _SEVERAL:
        return {"multiple": True, "metavar": "PATH"}
    if typing.get_origin(kind) is tuple:
        entry = typing.get_args(kind)[0]
        return {"callback": _words, "metavar": "A,B,..."} if entry is str else {"type": Numbers("NUMBERS", entry)}
    if name == "network":
        return {"callback": _pairs, "multiple": True, "metavar": "NAME=VALUE"}
    return {"is_flag": True, "default": None} if kind is bool else {"type": kind}
