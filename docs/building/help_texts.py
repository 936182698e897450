"""What `--help` prints, for pages: so that no option is described twice."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import click
from click.testing import CliRunner

from seaice_cli.cli.main import cli

FOLDER = Path(__file__).resolve().parents[1] / "commands"
WIDTH = 100


def block(command: str) -> str:
    """Return what `seaice COMMAND --help` prints, and what its subcommands print, as blocks of code."""
    words = command.split()
    found: click.Command = cli
    for word in words:
        assert isinstance(found, click.Group)  # noqa: S101 - else the page names no command
        found = found.commands[word]
    text = f"```text\n{_help(words)}```\n"
    if isinstance(found, click.Group):
        parts = [f"### seaice {command} {name}\n\n{block(f'{command} {name}')}" for name in found.commands]
        text += "\n" + "\n".join(parts)
    return text


@cache
def command_pages() -> tuple[str, ...]:
    """Return the pages of the commands, in the order of `seaice --help`."""
    return tuple(f"commands/{name}.md" for name in cli.list_commands(click.Context(cli)))


def pages_without_text() -> dict[str, str]:
    """Return pages, by their place, for commands that have none in docs/commands/: their help alone."""
    names = [page.removeprefix("commands/").removesuffix(".md") for page in command_pages()]
    return {
        f"commands/{name}.md": f"# seaice {name}\n\n<!-- help: {name} -->\n"
        for name in names
        if not (FOLDER / f"{name}.md").exists()
    }


@cache
def _runner() -> CliRunner:
    return CliRunner()


def _help(words: list[str]) -> str:
    found = _runner().invoke(cli, [*words, "--help"], prog_name="seaice", terminal_width=WIDTH, max_content_width=WIDTH)
    assert found.exit_code == 0, found.output  # noqa: S101 - the site does not build
    return found.output
