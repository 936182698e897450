"""Servers on loopback, and options that wait for them no longer than tests can."""

from __future__ import annotations

import pytest

from seaice_cli.fetching.options import TileOptions
from seaice_cli.fetching.transport import Patience
from tests.fetching.servers import TileServer, serving

QUICK = Patience(tries=4, connect=2, read=1.0, backoff=0.01)


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in ("SEAICE_SERVER", "SEAICE_CACHE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with serving(TileServer()) as running:
        yield running


@pytest.fixture
def options(server, tmp_path):
    """Return a function that gives options for the server; a box of parts of 2 x 2 tiles unless another is named."""

    def make(**chosen):
        box = (-4194304 + 20.5 * 131072, 4194304 - 31.5 * 131072, -4194304 + 21.5 * 131072, 4194304 - 30.5 * 131072)
        given = {"server": server.url, "cache": tmp_path / "cache", "bbox": box, "patience": QUICK} | chosen
        return TileOptions(**given)

    return make
