"""How much is told: -v and -q, before and after the name of a command.

-q leaves errors, on stderr, and what was asked for: JSON, tables, plans (see `flags`).
"""

from __future__ import annotations

import logging
import sys

import click

_LEVEL = "seaice.verbosity"
QUIET = "Print errors and what was asked for only."


def options() -> list[click.Option]:
    """Return -v and -q for a command; they add to those before its name."""
    more = "Say more: model, engine, windows, why."
    return [
        click.Option(["-v", "--verbose"], count=True, expose_value=False, callback=_louder, help=more),
        click.Option(["-q", "--quiet"], count=True, expose_value=False, callback=_quieter, help=QUIET),
    ]


def change_verbosity(ctx: click.Context, steps: int) -> None:
    """Say so much more, or less, from now on."""
    ctx.meta[_LEVEL] = ctx.meta.get(_LEVEL, 0) + steps
    level = max(logging.DEBUG, logging.WARNING - 10 * ctx.meta[_LEVEL])
    logging.getLogger().setLevel(level)
    quiet = level > logging.DEBUG  # what libraries say in passing is told by our own errors, in one line
    logging.captureWarnings(capture=quiet)
    for name in ("py.warnings", "rasterio", "fiona", "pyogrio"):
        logging.getLogger(name).setLevel(logging.CRITICAL if quiet else logging.NOTSET)


def verbosity(ctx: click.Context | None = None) -> int:
    """Return how often more was asked for than less; 0 outside of any command."""
    ctx = ctx or click.get_current_context(silent=True)
    return int(ctx.meta.get(_LEVEL, 0)) if ctx else 0


def bars_are_shown() -> bool:
    """Tell whether progress is shown: on a terminal, unless -q was given."""
    return sys.stderr.isatty() and verbosity() >= 0


def _louder(ctx: click.Context, _option: click.Parameter, count: int) -> None:
    change_verbosity(ctx, count)


def _quieter(ctx: click.Context, _option: click.Parameter, count: int) -> None:
    change_verbosity(ctx, -count)
