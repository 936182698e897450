"""What a command prints, with parameters in the library's texts written as the flags of the command line.

The library names a parameter in backticks, as a caller in Python knows it: `min_area`. Whoever typed a command knows it as --min-area.

`echo` tells what was done, and nothing under -q; `answer` prints what was asked for, and `complain` what went wrong, always. A file
that is printed as it is (a model card, TOML) goes through `click.echo`: its backticks are its own.
"""

from __future__ import annotations

import logging
import re

import click

from seaice_cli.cli.shared.verbosity import verbosity

_PARAMETER = re.compile(r"`([a-z][a-z0-9_]*)`")


def as_flags(text: str, context: click.Context | None = None) -> str:
    """Return a text in which every parameter in backticks is written as its flag.

    The command that was called says what the flag of a parameter is, else any command that has one of that name. What is no
    parameter of any stays as it is.

    Args:
        text: What the library says.
        context: Of the command, or of the group that it was called through; None: of the one that is running.
    """
    context = context or click.get_current_context()
    root = context.find_root().command
    own = context.command
    if isinstance(root, click.Group) and own is root:
        own = root.commands.get(context.invoked_subcommand or "", root)
    known = _flags(root) | _flags(own)
    return _PARAMETER.sub(lambda found: known.get(found[1], found[0]), text)


def echo(text: str) -> None:
    """Tell on the standard output what was done, unless -q was given."""
    if verbosity() >= 0:
        answer(text)


def answer(text: str) -> None:
    """Print on the standard output what was asked for: JSON, a table, a plan."""
    click.echo(as_flags(text))


def complain(text: str) -> None:
    """Print on stderr what went wrong."""
    click.echo(as_flags(text), err=True)


class FlagFormatter(logging.Formatter):
    """Formats what the library logs as the command that is running says it.

    Args:
        context: Of the group.
    """

    def __init__(self, context: click.Context) -> None:
        super().__init__("%(levelname)s %(message)s")
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        """Return one record as a line."""
        return as_flags(super().format(record), self._context)


def _flags(command: click.Command) -> dict[str, str]:
    """Return the first long flag of every option of a command and of its subcommands, by the name of the parameter."""
    found: dict[str, str] = {}
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        found |= _flags(below)
    for option in command.params:
        if isinstance(option, click.Option) and option.name:
            found[option.name] = next((o for o in option.opts if o.startswith("--")), option.opts[0])
    return found
