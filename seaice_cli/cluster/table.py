"""The table of a run: a row for every scene, with what became of it and where."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from seaice_cli.cluster.pipeline import ClusterResult
from seaice_cli.outputs import new_file
from seaice_cli.storage import S3, VSIS3, Storage, is_object

NAME = "summary.csv"
COLUMNS = (
    "scene", "mask", "state", "error", "seconds", "windows_run", "valid_share", "uncertain", "ice_km2", "warnings", "workers",
)  # fmt: skip


def write_table(results: Sequence[ClusterResult], folder: Path | str) -> str:
    """Write `summary.csv` into a folder, or under an address in object storage; return its name.

    Raises:
        OutputError: It cannot be written.
    """
    content = _table(results).encode()
    if is_object(folder):
        storage = Storage(str(folder).replace(VSIS3, S3, 1))
        storage.put(NAME, content)
        return f"{storage.place}/{NAME}"
    target = Path(folder) / NAME
    with new_file(target, overwrite=True) as partial:
        partial.write_bytes(content)
    return str(target)


def _table(results: Sequence[ClusterResult]) -> str:
    stream = io.StringIO()
    rows = csv.DictWriter(stream, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    for one in results:
        values = one.result.to_json()
        values |= {
            "state": "done" if one.result.ok else "failed", "seconds": f"{one.seconds:.3f}",
            "warnings": " | ".join(values.get("warnings", ())), "workers": " ".join(one.workers),
        }  # fmt: skip
        rows.writerow(values)
    return stream.getvalue()
