"""Options and argument types that several commands share, declared once.

Names come from the field (rasterio, GDAL), defaults are shown in the help, choices come from the library's own tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from seaice_cli.choices import DEFAULT_MODEL, ENGINES, PRECISIONS
from seaice_cli.cli.shared.completion import model_names
from seaice_cli.cli.shared.verbosity import bars_are_shown

F = TypeVar("F", bound=Callable[..., Any])


class Numbers(click.ParamType[Any]):
    """So many numbers, separated by commas.

    Args:
        names: What they are, shown in the help: "LOW,HIGH".
        kind: int or float.
        count: How many; None: at least one.
    """

    def __init__(self, names: str, kind: type[int] | type[float] = float, count: int | None = None) -> None:
        self.name = names
        self._kind, self.count = kind, count

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn "1,2,3" into (1, 2, 3)."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(self._kind(v) for v in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not {self.name}", param, ctx)
        if self.count is not None and len(numbers) != self.count:
            self.fail(f"{value!r} is not {self.count} values: {self.name}", param, ctx)
        return numbers


def join_numbers(command: click.Command, words: list[str]) -> list[str]:
    """Return a command's words with numbers that follow an option apart put together: --bbox 1 2 3 4 becomes --bbox 1,2,3,4."""
    counts = {
        flag: p.type.count for p in command.params if isinstance(p.type, Numbers) and p.type.count for flag in p.opts
    }
    joined: list[str] = []
    rest = list(words)
    while rest:
        joined.append(rest.pop(0))
        count = counts.get(joined[-1], 0)
        if count and len(rest) >= count and all(_is_number(word) for word in rest[:count]):
            joined.append(",".join(rest[:count]))
            del rest[:count]
    return joined


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


class Bands(click.ParamType[Any]):
    """Bands by number, description or colour, separated by commas."""

    name = "1,2,3|red,green,blue"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn "1,red" into (1, "red")."""
        if isinstance(value, tuple):
            return value
        bands = tuple(part.strip() for part in str(value).split(","))
        if not all(bands):
            self.fail(f"{value!r} names an empty band", param, ctx)
        return tuple(int(band) if band.isdecimal() else band for band in bands)


class Rescale(Numbers):
    """Two numbers, or "auto"."""

    def __init__(self) -> None:
        super().__init__("LOW,HIGH|auto", count=2)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn "0,110" into (0.0, 110.0), and keep "auto"."""
        return value if value == "auto" else super().convert(value, param, ctx)


class BatchSize(click.ParamType[Any]):
    """A whole number from 1 on, or "auto"."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Turn "auto" into None."""
        if value is None or value == "auto":
            return None
        try:
            number = int(value)
        except ValueError:
            number = 0
        if number < 1:
            self.fail(f"{value!r} is neither a whole number from 1 on nor auto", param, ctx)
        return number


class Place(click.Path):
    """A file or folder, or an address in object storage, which stays as it was typed."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Keep "s3://bucket/day/" and "day/", whose slashes a path would lose."""
        as_typed = str(value).startswith(("s3://", "/vsis3/")) or str(value).endswith("/")
        return value if as_typed else super().convert(value, param, ctx)


class VectorFile(click.Path):
    """A vector file that exists, and a layer of it if one is named behind it: `coast.gpkg:land`."""

    name = "FILE[:LAYER]"

    def __init__(self) -> None:
        super().__init__(path_type=Path, exists=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Look for the file, with what stands behind its last colon or without it."""
        file, colon, layer = str(value).rpartition(":")
        if colon and layer and not Path(value).exists() and Path(file).exists():
            super().convert(file, param, ctx)
            return Path(f"{file}:{layer}")
        return super().convert(value, param, ctx)


class Nodata(click.ParamType[Any]):
    """A number, or "none"."""

    name = "VALUE|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Turn a number into a float, and keep "none"."""
        if value == "none":
            return "none"
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor none", param, ctx)


class Classes(click.ParamType[Any]):
    """Names or values of classes, separated by commas."""

    name = "CLASS,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn "ice,2" into ("ice", "2")."""
        if isinstance(value, tuple):
            return value
        classes = tuple(part.strip() for part in str(value).split(","))
        if not all(classes):
            self.fail(f"{value!r} names an empty class", param, ctx)
        return classes


class Names(click.ParamType[Any]):
    """Names, separated by commas."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn "red,nir" into ("red", "nir")."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(","))
        if not all(names):
            self.fail(f"{value!r} holds an empty name", param, ctx)
        return names


FILE = click.Path(path_type=Path, dir_okay=False)
BESIDE = click.Path()
"""A file, a folder, or what the name of a mask gets in place of its suffix."""
STREAMS = ("-", "/dev/stdout")
"""Names of the standard output."""

overwrite = click.option("--overwrite", is_flag=True, help="Replace files that exist.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def model_options(command: F) -> F:
    """Add the options that say with which model, where and how fast a network runs."""
    options = [
        click.option("--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME|DIR", shell_complete=model_names,
                     help="Shipped, or a model directory."),
        click.option("--tile", type=click.IntRange(32, 16384), help="Pixels along the side of a window.  [default: the model's, 1024]"),
        click.option("--overlap", type=click.IntRange(0), help="Pixels that two windows share.  [default: the model's, 256]"),
        click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True, help="What runs the network."),
        click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N,M]", help="Where; cuda:0,1 is two GPUs."),
        click.option("--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True, help="Number format."),
        click.option("--batch-size", type=BatchSize(), metavar="N|auto", default="auto", show_default=True, help="Windows at once."),
        click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: all]"),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


class Bar:
    """Shows on stderr how far a run is: windows, Mpx/s, time left. Silent when stderr is no terminal.

    Args:
        name: What is worked on.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, chips: Iterable[Any], windows: int, done: int) -> Iterator[Any]:
        """Pass the chips on, and count them."""
        if not bars_are_shown():
            yield from chips
            return
        from tqdm import tqdm

        pixels = 0
        with tqdm(total=windows, initial=done, desc=self._name, unit="window", leave=False) as bar:
            for chip in chips:
                pixels += int(chip.window.width * chip.window.height)
                yield chip
                bar.update()
                elapsed = bar.format_dict["elapsed"] or 1e-9
                bar.set_postfix_str(f"{pixels / 1e6 / elapsed:.1f} Mpx/s", refresh=False)


class TaskBar:
    """Shows on stderr how many tasks of a cluster are done. Silent when stderr is no terminal."""

    def __enter__(self) -> TaskBar:
        from tqdm import tqdm

        self._bar = tqdm(unit="task", leave=False, disable=not bars_are_shown())
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def __call__(self, done: int, tasks: int) -> None:
        """Show that so many are done."""
        self._bar.total = tasks
        self._bar.update(done - self._bar.n)
