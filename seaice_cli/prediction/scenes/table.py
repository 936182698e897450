"""A table of what became of every scene: one row each, as csv; a file, or an object in a bucket."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seaice_cli.errors import OutputError
from seaice_cli.outputs import new_file, refuse_target
from seaice_cli.storage import Storage, is_object, split

NAME = "summary.csv"
"""Of the table in a folder of masks."""
_FIRST = ["scene", "mask", "status"]
_FAILED = "failed"
_FIGURES = (
    "width", "height", "seconds", "windows_run", "ice_km2", "valid_share", "uncertain", "unsure", "polygons", "sensor", "engine",
    "precision",
)  # fmt: skip


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of scenes.

    Columns: the scene, its mask, whether it is done, failed or skipped, figures of `Summary`, `share_<class>` of every class that
    occurs in the models, the workers of a cluster that have made it, warnings and the error.

    Args:
        rows: Summaries, errors and what was skipped, as `batch.Result.to_json` returns them.
    """
    classes = list(dict.fromkeys(name for row in rows for name in row.get("shares", {})))
    columns = [*_FIRST, *_FIGURES, *(f"share_{name}" for name in classes), "workers", "warnings", "error"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_cells(rows))
    return text.getvalue()


def refuse_table(target: str, *, overwrite: bool) -> None:
    """Refuse a table that could not be written, before its scenes are mapped.

    Raises:
        OutputError: It exists, or there is no such folder or bucket.
    """
    if not is_object(target):
        refuse_target(Path(target), overwrite=overwrite)
    elif _read(target) is not None and not overwrite:
        raise OutputError(f"{target}: exists already; add `overwrite`, or choose another name")


def write_table(target: str, text: str, *, overwrite: bool) -> None:
    """Write a table; it appears complete or not at all.

    Raises:
        OutputError: It exists, or cannot be written.
    """
    if is_object(target):
        place, name = split(target)
        Storage(place).put(name, text.encode(), replace=overwrite)
        return
    with new_file(Path(target), overwrite=overwrite) as partial:
        partial.write_text(text, encoding="utf-8", newline="")


def is_table_of(target: str, scenes: Iterable[str]) -> bool:
    """Tell whether there is a table of these scenes, which their run, taken up, replaces: one that calls none other done.

    Raises:
        OutputError: It cannot be read.
    """
    text = _read(target)
    if text is None:
        return False
    rows = csv.DictReader(io.StringIO(text.decode(errors="replace")))
    if (rows.fieldnames or [])[: len(_FIRST)] != _FIRST:
        return False
    done = {Path(row["scene"]).name for row in rows if row["status"] != _FAILED}
    return done <= {Path(scene).name for scene in scenes}


def _read(target: str) -> bytes | None:
    if is_object(target):
        place, name = split(target)
        return Storage(place).get(name)
    try:
        return Path(target).read_bytes()
    except OSError:  # there is none, or whoever writes it says why it cannot be
        return None


def _cells(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {
            **{name: "" if value is None else value for name, value in row.items()},
            "status": _FAILED if row.get("error") else "skipped" if row.get("skipped") else "done",
            **{f"share_{name}": share for name, share in row.get("shares", {}).items()},
            "workers": " ".join(row.get("workers", [])),
            "warnings": " | ".join(row.get("warnings", [])),
        }
