"""Commands, and whether the process may map what their libraries take, asked before they are loaded.

Under a limit on the address space (`ulimit -v`) that is too small for them, native libraries do not always fail: some crash, some wait
for ever, when they cannot have their memory while they are loaded or start their threads. No error of theirs can be told in a line
then, so a limit below what the smallest run takes is refused beforehand. How much that is was measured for 1 to 32 processors
(docs/faults.md); most of it is threads' stacks and heaps, which are mapped and hardly used.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from seaice_cli.cli.shared import verbosity
from seaice_cli.cli.shared.parameters import join_numbers
from seaice_cli.errors import OptionError
from seaice_cli.raster.processors import processors


class Need(NamedTuple):
    """MiB of address space that a command takes at least."""

    libraries: int
    per_processor: int

    def megabytes(self, processors: int) -> int:
        """Return how many MiB that is on so many processors."""
        return self.libraries + processors * self.per_processor


FILES = Need(600, 60)
"""Rasters, vector files, lists, charts."""
MAPS = Need(1100, 100)
"""Those and OpenVINO."""
POLYGONS = Need(2400, 120)
"""Those, and the compiler of the kernels that trace outlines."""
TORCH = Need(3900, 120)


class Command(click.Command):
    """A command that is refused under a limit on the address space that is too small for it.

    Args:
        *arguments: Of `click.Command`.
        need: What it takes; a function is called with the command's parameters.
        **settings: Of `click.Command`.
    """

    def __init__(self, *arguments: Any, need: Need | Callable[..., Need] = FILES, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params = [*self.params, *verbosity.options()]
        self._need = need

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command; numbers may be apart, as rio and gdal_translate take them."""
        return super().parse_args(ctx, join_numbers(self, args))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            OptionError: The limit is too small.
        """
        require(self._need if isinstance(self._need, Need) else self._need(**ctx.params))
        return super().invoke(ctx)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


def needed(*, engine: str, device: str, vector: object = None, **_others: Any) -> Need:
    """Return what a prediction with these options takes."""
    if engine == "torch" or device.startswith("cuda"):
        return TORCH
    return POLYGONS if vector else MAPS


def require(need: Need) -> None:
    """Refuse to go on under a limit on the address space that is too small.

    Raises:
        OptionError: It is; the text says how to raise it.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    count = processors()
    wanted = need.megabytes(count)
    if limit == resource.RLIM_INFINITY or limit >= wanted << 20:
        return
    raise OptionError(
        f"the limit on address space is {limit >> 20} MiB, and this command takes at least {wanted} MiB on {count} processors; "
        f"raise it with `ulimit -v {wanted << 10}` or `ulimit -v unlimited`, or choose fewer with taskset"
    )
