"""Object storage: files under `s3://bucket/...`, and folders on shared disks, by the same calls.

An object appears complete or not at all: it is put in one request, or in several of which the last one makes it visible. Requests,
retries and their patience are obstore's. Where the storage is, and who may use it, is told by the variables that GDAL reads, so that
scenes are read and masks are written with one set of them:

    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_NO_SIGN_REQUEST
    AWS_S3_ENDPOINT       host:port of a server that is not Amazon's, with AWS_HTTPS=NO and AWS_VIRTUAL_HOSTING=FALSE as it needs them
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from seaice_cli.errors import OutputError, SeaIceError
from seaice_cli.extras import installed, require_extra

S3, VSIS3 = "s3://", "/vsis3/"
PATIENCE = 60
"""Seconds for which a request that fails is tried again."""
_TOLD = 200
_NO = ("NO", "FALSE", "OFF", "0")


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of an object."""

    size: int
    etag: str
    about: Mapping[str, str]
    """What it was put with."""


class Storage:
    """A bucket and a prefix of it, or a folder.

    Args:
        place: `s3://bucket/prefix`, or the path of a folder; one that does not exist is made when something is put.
        error: The class of what is raised.

    Raises:
        InstallationError: obstore is not installed.
        SeaIceError: Of that class, by every method: the storage refuses, does not answer, is full.
    """

    def __init__(self, place: str | Path, error: type[SeaIceError] = OutputError) -> None:
        require_extra("cluster", "object storage", "obstore")
        self.place, self._error = str(place).rstrip("/"), error
        with self._telling(""):
            self._store = _open(self.place)

    def put(
        self, name: str, content: bytes | Path, *, about: Mapping[str, str] | None = None, replace: bool = True
    ) -> None:
        """Put an object, or a file as one; with `replace` false only where there is none of that name yet."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._telling(name):
            try:
                self._store.put(
                    name, content, attributes=dict(about) if about else None, mode="overwrite" if replace else "create"
                )
            except (AlreadyExistsError, PreconditionError) as error:
                raise self._error(
                    f"{self.place}/{name}: exists already; add `overwrite`, or choose another name"
                ) from error

    def get(self, name: str) -> bytes | None:
        """Return the content of an object; None where there is none of that name."""
        with self._telling(name):
            try:
                return bytes(self._store.get(name).bytes())
            except FileNotFoundError:
                return None

    def fetch(self, name: str, target: Path) -> None:
        """Write the content of an object to a file."""
        with self._telling(name), target.open("wb") as file:
            for chunk in self._store.get(name).stream():
                file.write(chunk)

    def find(self, name: str) -> Found | None:
        """Return what is known of an object; None where there is none of that name."""
        with self._telling(name):
            try:
                answer = self._store.get(name, options={"head": True})
            except FileNotFoundError:
                return None
            known = {str(k): str(v) for k, v in answer.attributes.items()}
            return Found(int(answer.meta["size"]), str(answer.meta["e_tag"]), known)

    def names(self) -> list[str]:
        """Return the names of all objects, in order."""
        with self._telling(""):
            return sorted(str(found["path"]) for chunk in self._store.list() for found in chunk)

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects; those that are not there are no error."""
        for name in names:
            with self._telling(name):
                try:
                    self._store.delete(name)
                except FileNotFoundError:
                    continue

    @contextmanager
    def _telling(self, name: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            where = f"{self.place}/{name}" if name else self.place
            raise self._error(f"{where}: {_reason(error)}; {_way_out(self.place)}") from error


def is_object(path: str | Path) -> bool:
    """Tell whether a path names something in a bucket."""
    return str(path).startswith((S3, VSIS3))


def split(path: str) -> tuple[str, str]:
    """Return the bucket and prefix of an object, and its name: `s3://bucket/day/a.tif` is `s3://bucket/day` and `a.tif`."""
    place, _, name = path.replace(VSIS3, S3, 1).rpartition("/")
    return place, name


def stamp(path: str) -> list[Any]:
    """Return what tells an object from a later state of itself; empty where nobody can ask."""
    if not installed("obstore"):
        return []
    place, name = split(path)
    try:
        found = Storage(place).find(name)
    except OutputError:
        return []
    return [] if found is None else [found.size, found.etag]


def _open(place: str) -> Any:
    from obstore.store import LocalStore, S3Store

    if not place.startswith(S3):
        return LocalStore(Path(place).absolute(), mkdir=True)
    bucket, _, prefix = place.removeprefix(S3).partition("/")
    retry = {"retry_timeout": timedelta(seconds=PATIENCE)}
    store: Any = S3Store  # its settings are TypedDicts of stubs only
    return store(bucket, prefix=prefix or None, config=_settings(), client_options=_client(), retry_config=retry)


def _settings() -> dict[str, Any]:
    """Return obstore's settings that mean what GDAL's variables say; what both call alike obstore reads itself."""
    settings: dict[str, Any] = {}
    endpoint = os.environ.get("AWS_S3_ENDPOINT")
    if endpoint:
        bare = endpoint.removeprefix("https://").removeprefix("http://")
        settings["endpoint"] = f"{'https' if _https() else 'http'}://{bare}"
    if os.environ.get("AWS_NO_SIGN_REQUEST", "NO").upper() not in _NO:
        settings["skip_signature"] = True
    if endpoint and os.environ.get("AWS_VIRTUAL_HOSTING", "YES").upper() not in _NO:
        settings["virtual_hosted_style_request"] = True
    return settings


def _client() -> dict[str, Any]:
    return {} if _https() else {"allow_http": True}


def _https() -> bool:
    return os.environ.get("AWS_HTTPS", "YES").upper() not in _NO


def _reason(error: BaseException) -> str:
    """Return the first line of an error, without the requests that led to it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:_TOLD] if lines else type(error).__name__


def _way_out(place: str) -> str:
    if place.startswith(S3):
        return "look at the bucket, at AWS_S3_ENDPOINT and the credentials, and run the same command again"
    return "make room, or choose another place"
