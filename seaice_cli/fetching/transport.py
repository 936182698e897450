"""Requests over HTTP that try again: pooled connections, waits that grow, answers that are complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from seaice_cli import __version__
from seaice_cli.errors import SceneError
from seaice_cli.fetching.redaction import public

ABSENT = (204, 404, 410)
"""Answers that say that there is nothing of that name."""
_AGAIN = (408, 429, 500, 502, 503, 504)
_LONGEST_WAIT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a server is waited for."""

    tries: int = 5
    connect: float = 20.0
    """Seconds until a connection stands."""
    read: float = 30.0
    """Seconds between two pieces of an answer."""
    backoff: float = 0.5
    """Seconds before the second repetition; the double before each further one."""


class Client:
    """Gets files from a server.

    Args:
        connections: Open at once.
        patience: How long the server is waited for.
    """

    def __init__(self, connections: int = 8, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._settings: dict[str, Any] = {
            "maxsize": connections,
            "timeout": urllib3.Timeout(connect=self._patience.connect, read=self._patience.read),
            "headers": {"User-Agent": f"seaice/{__version__}"},
            "retries": urllib3.Retry(
                total=self._patience.tries - 1, backoff_factor=self._patience.backoff, backoff_max=_LONGEST_WAIT,
                status_forcelist=_AGAIN, raise_on_status=False, respect_retry_after_header=True,
                retry_after_max=_LONGEST_WAIT,
            ),
        }  # fmt: skip
        self._pools: dict[str, urllib3.PoolManager] = {}

    def get(self, url: str) -> bytes | None:
        """Return what lies at an address; None where the server says that there is nothing.

        Raises:
            SceneError: The server cannot be reached, fails again and again, or refuses.
        """
        pool = self._pool(url)
        try:
            answer = pool.request("GET", url)
        except urllib3.exceptions.HTTPError as error:
            raise SceneError(
                f"{public(url)}: cannot be fetched ({_reason(error)}); run the same command again: what was fetched is kept"
            ) from error
        if answer.status in ABSENT:
            return None
        if answer.status != 200:
            what = "fails again and again" if answer.status in _AGAIN else "refuses"
            raise SceneError(
                f"{public(url)}: the server {what} (HTTP {answer.status}); try again later, or another `server`"
            )
        return bytes(answer.data)

    def _pool(self, url: str) -> urllib3.PoolManager:
        """Return the connections to a server, through the proxy that the environment names for it."""
        parts = urlsplit(url)
        proxy = "" if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme, "")
        if proxy not in self._pools:
            settings = self._settings
            self._pools[proxy] = urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)
        return self._pools[proxy]


def check_server(url: str) -> None:
    """Refuse an address that is none of HTTP.

    Raises:
        SceneError: It is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SceneError(f"{url}: is no address of a server; it begins with http:// or https://")


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", None) or error
    text = str(cause).rpartition(">: ")[2] or str(cause)
    return text.strip().splitlines()[0][:200] if text.strip() else type(cause).__name__
