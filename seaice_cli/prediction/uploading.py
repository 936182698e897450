"""Masks in object storage: made in a folder of this machine, and put into the bucket when they are complete.

What a mask was made of is kept with its object, so that the same run, on whatever machine, finds out that it is there already.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from seaice_cli.errors import OutputError
from seaice_cli.network.graph_cache import cache_folder
from seaice_cli.outputs import unwritable_folder
from seaice_cli.prediction.parts.run_folder import fingerprint, forget
from seaice_cli.prediction.summary import Summary
from seaice_cli.sidecars import OWN, sidecar_path
from seaice_cli.storage import Storage, split

FINGERPRINT = "fingerprint"


class Upload:
    """Puts the mask of one scene into a bucket.

    Args:
        url: Of the mask, `s3://bucket/...`.
        overwrite: Whether an object of that name may be replaced.

    Raises:
        OutputError: By every method: the storage refuses, does not answer, or holds another mask of that name.
        InstallationError: The library for object storage is missing.
    """

    def __init__(self, url: str, *, overwrite: bool) -> None:
        place, self._name = split(url)
        self._url, self._place, self._overwrite = url, place, overwrite
        self._storage = Storage(place)
        self._fingerprint = ""
        self._there = False

    def earlier(self, manifest: dict[str, Any]) -> dict[str, Any] | None:
        """Return the summary of a run of this manifest that has put its mask already; None where there is none."""
        self._fingerprint = fingerprint(manifest)
        found = self._storage.find(self._name)
        if found is None:
            return None
        record = self._storage.get(self._record)
        if record is not None and found.about.get(FINGERPRINT) == self._fingerprint:
            self._there = True
            summary: dict[str, Any] = json.loads(record)
            return summary
        if not self._overwrite:
            raise OutputError(f"{self._url}: exists already; add `overwrite`, or choose another name")
        return None

    def publish(self, mask: Path, summary: Summary, *, keep_record: bool) -> Summary:
        """Put a mask that was made, what lies beside it first; return its summary, with its address."""
        told = replace(summary, mask=self._url, files=[self._url])
        if not self._there:
            self._storage.put(self._record, json.dumps(told.to_json()).encode())
            for end in OWN:
                beside = sidecar_path(mask, end)
                if beside.exists():
                    self._storage.put(beside.name, beside)
            self._storage.put(self._name, mask, about={FINGERPRINT: self._fingerprint}, replace=self._overwrite)
        if not keep_record:
            self.forget()
        discard_scratch(mask)
        return told

    def forget(self) -> None:
        """Remove the record of the run."""
        self._storage.remove([self._record])

    @property
    def _record(self) -> str:
        return f".{self._name}.done"


def scratch(url: str) -> Path:
    """Return where on this machine a mask is made that goes to a bucket, in a folder that is there; always the same for one address.

    Raises:
        OutputError: The folder cannot be made.
    """
    folder = cache_folder() / "runs" / hashlib.sha256(url.encode()).hexdigest()[:16]
    mask = folder / split(url)[1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable_folder(mask, error) from error
    return mask


def discard_scratch(mask: Path) -> None:
    """Remove a mask that was put into its bucket, and its folder."""
    forget(mask)
    for file in (mask, *(sidecar_path(mask, end) for end in OWN)):
        file.unlink(missing_ok=True)
    try:
        mask.parent.rmdir()
    except OSError:  # another run at this address works in it
        return
