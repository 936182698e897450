"""Options that say what label files mean, shared by every command that reads labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seaice_cli.data.labels.encoding import LabelEncoding

FILE = click.Path(path_type=Path)
_OPTIONS = (
    click.option("--classes", metavar="N|NAMES", help="How many classes, or their names: water,ice,cloud."),
    click.option(
        "--values",
        metavar="MAP",
        help="What label values stand for: binary (0 / anything else), naic (100 to 800), or pairs such as 0:0,255:1 or "
        "water:0,land:ignore,*:1.  [default: found from all masks]",
    ),
    click.option("--palette", metavar="NAME|FILE", help="For labels in colour: isaid, isprs, or a file of `id red green blue name`."),
    click.option("--attribute", metavar="NAME", help="For vector labels: the attribute that names the class.  [default: all are 1]"),
    click.option("--layer", metavar="NAME", help="For vector labels: the layer.  [default: the only one]"),
    click.option(
        "--background", type=click.IntRange(0, 255), default=0, show_default=True,
        help="For vector labels: the class where no polygon lies; 255 to ignore.",
    ),
)  # fmt: skip


def label_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that `build_encoding` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def folder_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--image-dir` and `--label-dir`, for lists of bare names."""
    command = click.option("--label-dir", "--mask-dir", type=FILE, help="Where the labels of lists are.")(command)
    return click.option("--image-dir", type=FILE, help="Where the images of lists are.")(command)


def build_encoding(
    *,
    classes: str | None = None,
    values: str | None = None,
    palette: str | None = None,
    attribute: str | None = None,
    layer: str | None = None,
    background: int = 0,
) -> LabelEncoding:
    """Turn the options into what label values stand for.

    Raises:
        DataError: A value map or palette is none.
        OptionError: Values and a palette are both given, or there are too few or too many classes.
    """
    from seaice_cli.data.labels.encoding import LabelEncoding, of_names, parse_values
    from seaice_cli.data.labels.palettes import find_palette
    from seaice_cli.errors import OptionError

    if values and palette:
        raise OptionError("--values is for grey labels and --palette for coloured ones; give one of them")
    names = class_names(classes)
    value_map = parse_values(values).with_names(names) if values else None
    if value_map is None and attribute and names:
        value_map = of_names(names)
    return LabelEncoding(
        classes=len(names) if names else None,
        values=value_map,
        palette=find_palette(palette) if palette else None,
        attribute=attribute,
        layer=layer,
        background=background,
    )


def class_names(text: str | None) -> tuple[str, ...]:
    """Return the names of the classes for `--classes 3` or `--classes water,ice,cloud`; empty if not given.

    Raises:
        OptionError: There are fewer than 1 or more than 200, or a name is empty or given twice.
    """
    from seaice_cli.data.labels.palettes import MAX_CLASS
    from seaice_cli.errors import OptionError

    if text is None:
        return ()
    if text.isdecimal() and len(text) < 9:
        names = [f"class {i}" for i in range(min(int(text), MAX_CLASS + 2))]
    else:
        names = [name.strip() for name in text.split(",")]
    if not 1 <= len(names) <= MAX_CLASS + 1 or not all(names) or len(set(names)) < len(names):
        raise OptionError(f"--classes {text}: must be a number from 1 to {MAX_CLASS + 1}, or that many different names")
    return tuple(names)
