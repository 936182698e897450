"""Masks in object storage: made in a folder of this machine, and put into the bucket when they are complete.

What a mask was made of is kept with its object, so that the same run, on whatever machine, finds out that it is there already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from seaice_cli.errors import OutputError
from seaice_cli.network.graph_cache import cache_folder
from seaice_cli.outputs import unwritable_folder
from seaice_cli.prediction.parts.run_folder import fingerprint, forget
from seaice_cli.prediction.summary import Summary
from seaice_cli.sidecars import OWN, sidecar_path
from seaice_cli.stac.items import item_path
from seaice_cli.storage import Storage, split

FINGERPRINT = "fingerprint"


class Upload:
    """Puts the mask of one scene into a bucket.

    Args:
        url: Of the mask, `s3://bucket/...`.
        overwrite: Whether an object of that name may be replaced.
        stac: Whether the mask has a STAC item, which is put beside it.

    Raises:
        OutputError: By every method: the storage refuses, does not answer, or holds another mask of that name.
        InstallationError: The library for object storage is missing.
    """

    def __init__(self, url: str, *, overwrite: bool, stac: bool = False) -> None:
        place, self._name = split(url)
        self._place, self._overwrite = place, overwrite
        self._item = item_path(Path(self._name)).name if stac else ""
        self._storage = Storage(place)
        self._fingerprint = ""
        self._there = False

    @property
    def finished(self) -> bool:
        """Whether the mask is there, and its item if it has one, whoever has made them."""
        return all(self._storage.find(name) is not None for name in self._names)

    def earlier(self, manifest: dict[str, Any]) -> dict[str, Any] | None:
        """Return the summary of a run of this manifest that has put its files already; None where there is none."""
        self._fingerprint = fingerprint(manifest)
        found = {name: self._storage.find(name) for name in self._names}
        ours = [name for name, one in found.items() if one and one.about.get(FINGERPRINT) == self._fingerprint]
        record = self._storage.get(self._record) if found[self._name] else None
        if record is not None and ours == self._names:
            self._there = True
            summary: dict[str, Any] = json.loads(record)
            return summary
        for name in self._names:
            # An item alone that is ours was put by a run that was killed before it put the mask.
            if found[name] and not self._overwrite and (name not in ours or name == self._name):
                raise OutputError(f"{self._place}/{name}: exists already; add `overwrite`, or choose another name")
        return None

    def publish(self, mask: Path, summary: Summary, *, keep_record: bool) -> Summary:
        """Put a mask that was made, what lies beside it first; return its summary, with its addresses."""
        files = [f"{self._place}/{name}" for name in self._names]
        told = replace(summary, mask=files[0], files=files)
        if not self._there:
            self._storage.put(self._record, json.dumps(told.to_json()).encode())
            for end in OWN:
                beside = sidecar_path(mask, end)
                if beside.exists():
                    self._storage.put(beside.name, beside)
            about = {FINGERPRINT: self._fingerprint}
            if self._item:
                self._storage.put(self._item, item_path(mask), about=about)
            self._storage.put(self._name, mask, about=about, replace=self._overwrite)
        if not keep_record:
            self.forget()
        _discard(mask)
        return told

    def forget(self) -> None:
        """Remove the record of the run."""
        self._storage.remove([self._record])

    @property
    def _names(self) -> list[str]:
        return [self._name, self._item] if self._item else [self._name]

    @property
    def _record(self) -> str:
        return f".{self._name}.done"


def scratch_path(url: str) -> Path:
    """Return where on this machine a mask is made that goes to a bucket; always the same for one address."""
    return cache_folder() / "runs" / hashlib.sha256(url.encode()).hexdigest()[:16] / split(url)[1]


@contextmanager
def scratch(url: str) -> Iterator[Path]:
    """Give where a mask is made that goes to a bucket, in a folder that is there; it goes away if nothing was left in it.

    Raises:
        OutputError: The folder cannot be made.
    """
    mask = scratch_path(url)
    try:
        mask.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable_folder(mask, error) from error
    try:
        yield mask
    finally:
        _leave(mask)


def _discard(mask: Path) -> None:
    """Remove a mask that was put into its bucket with all that lies beside it, and its folder."""
    forget(mask)
    for file in (mask, item_path(mask), *(sidecar_path(mask, end) for end in OWN)):
        file.unlink(missing_ok=True)
    _leave(mask)


def _leave(mask: Path) -> None:
    with suppress(OSError):  # a run goes on in it, or has been killed
        mask.parent.rmdir()
