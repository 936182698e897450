"""What a shell completes: names of models, architectures and losses, beside what click knows of choices.

A shell calls `seaice` for every key that completes, so nothing is imported before something is to be completed, and torch never.
"""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem


def model_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return shipped models, and folders."""
    from seaice_cli.network.catalog import shipped

    return [*_beginning(shipped(), incomplete), CompletionItem(incomplete, type="dir")]


def architecture_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the architectures of networks."""
    from seaice_cli.choices import ARCHITECTURES

    return _beginning(ARCHITECTURES, incomplete)


def loss_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return losses; behind a comma, the next of a sum."""
    from seaice_cli.choices import LOSSES

    before, comma, word = incomplete.rpartition(",")
    return [CompletionItem(f"{before}{comma}{found.value}") for found in _beginning(LOSSES, word)]


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(n) for n in sorted(names) if n.startswith(incomplete)]
