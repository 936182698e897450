"""The `seaice` command: the group, -v and -q, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from typing import Any

import click

from seaice_cli import __version__
from seaice_cli.cli.composite import composite
from seaice_cli.cli.concentration import concentration
from seaice_cli.cli.data.command import data
from seaice_cli.cli.doctor import doctor
from seaice_cli.cli.evaluation.command import evaluate
from seaice_cli.cli.extent import extent
from seaice_cli.cli.fetch import fetch
from seaice_cli.cli.floes import floes
from seaice_cli.cli.info import info
from seaice_cli.cli.map import draw
from seaice_cli.cli.models import models
from seaice_cli.cli.predict import predict
from seaice_cli.cli.shared.flags import FlagFormatter, complain
from seaice_cli.cli.shared.verbosity import QUIET, change_verbosity, verbosity
from seaice_cli.cli.stac import stac
from seaice_cli.cli.train import train
from seaice_cli.cli.vectorize import vectorize
from seaice_cli.cli.view import view
from seaice_cli.errors import describe

GO_ON = "what is finished is kept; run the same command again to go on"


class Terminated(BaseException):
    """The process was asked to end (SIGTERM)."""


class _Group(click.Group):
    """A group that turns what a user can cause into one line on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:  # who reads the output has heard enough: click ends in silence
            raise
        except Exception as error:  # noqa: BLE001 - one line, whatever it was
            _tell(ctx, "\n".join(f"Error: {line}" for line in describe(error).splitlines()))
            ctx.exit(1)
        except KeyboardInterrupt:
            _tell(ctx, f"Interrupted: {GO_ON}")
            ctx.exit(128 + signal.SIGINT)
        except Terminated:
            _tell(ctx, f"Terminated: {GO_ON}")
            ctx.exit(128 + signal.SIGTERM)


def _tell(ctx: click.Context, text: str) -> None:
    if verbosity(ctx) >= 2:
        traceback.print_exc()
    complain(text)


def _terminate(_number: int, _frame: object) -> None:
    raise Terminated


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option(
    "-v", "--verbose", count=True, help="Say more: model, engine, windows, why; twice: with the traceback of an error."
)
@click.option("-q", "--quiet", count=True, help=QUIET)
@click.version_option(__version__, prog_name="seaice")
def cli(verbose: int, quiet: int) -> None:
    """Make sea-ice maps from satellite scenes of any size."""
    context = click.get_current_context()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FlagFormatter(context))
    logging.basicConfig(handlers=[handler], force=True)
    change_verbosity(context, verbose - quiet)
    signal.signal(signal.SIGTERM, _terminate)


cli.add_command(fetch)
cli.add_command(predict)
cli.add_command(data)
cli.add_command(train)
cli.add_command(evaluate)
cli.add_command(models)
cli.add_command(vectorize)
cli.add_command(floes)
cli.add_command(info)
cli.add_command(doctor)
cli.add_command(composite)
cli.add_command(concentration)
cli.add_command(extent)
cli.add_command(draw)
cli.add_command(stac)
cli.add_command(view)


def main() -> None:
    """Run the command line."""
    cli(prog_name="seaice")
