"""A table of what became of every scene: one row each, as csv."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from seaice_cli.outputs import new_file

_FIGURES = (
    "width", "height", "seconds", "ice_km2", "valid_share", "uncertain", "unsure", "polygons", "sensor", "engine", "precision",
)  # fmt: skip


def write_table(target: Path, rows: Sequence[Mapping[str, Any]], *, overwrite: bool) -> None:
    """Write a table of scenes; the file appears complete or not at all.

    Args:
        target: The csv file.
        rows: Summaries, errors and what was skipped, as `batch.Result.to_json` returns them.
        overwrite: Replace a file that exists.

    Raises:
        OutputError: It exists, or cannot be written.
    """
    with new_file(target, overwrite=overwrite) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        print_table(file, rows)


def print_table(file: TextIO, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the same to an open file.

    Columns: the scene, its mask, whether it is done, failed or skipped, figures of `Summary`, `share_<class>` of every class that
    occurs in the models, warnings and the error.
    """
    classes = list(dict.fromkeys(name for row in rows for name in row.get("shares", {})))
    columns = ["scene", "mask", "status", *_FIGURES, *(f"share_{name}" for name in classes), "warnings", "error"]
    writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_cells(rows))


def _cells(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {
            **{name: "" if value is None else value for name, value in row.items()},
            "status": "failed" if row.get("error") else "skipped" if row.get("skipped") else "done",
            **{f"share_{name}": share for name, share in row.get("shares", {}).items()},
            "warnings": " | ".join(row.get("warnings", [])),
        }
