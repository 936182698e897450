"""Searching a STAC API, and reading an item from a file or an address."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.extras import require_extra
from seaice_cli.fetching.boxes import Box, degrees_of, in_degrees
from seaice_cli.fetching.options import SearchOptions
from seaice_cli.fetching.redaction import public
from seaice_cli.fetching.transport import Client as Transport
from seaice_cli.fetching.transport import Patience, check_server

if TYPE_CHECKING:
    import pystac

MAX_ITEMS = 500
"""Of one day in one box; more are no scene."""


def search_items(day: date, options: SearchOptions) -> list[pystac.Item]:
    """Return the items of a day that touch a box, the least cloudy first.

    Raises:
        SceneError: The server does not answer as a STAC API does, or there are none.
        OptionError: There is no box, or one in metres of nothing.
        InstallationError: The extra `stac` is not installed.
    """
    require_extra("stac", "searching a STAC API")
    check_server(options.stac)
    found = _search(day, options, _degrees(options))
    clear = [item for item in found if _cloud(item) <= options.max_cloud]
    if not clear:
        left = f"; {len(found)} are cloudier than `max_cloud` {options.max_cloud:g}" if found else ""
        raise SceneError(
            f"{public(options.stac)}: has no item of {options.collection} on {day} in that box{left}; choose another day or box"
        )
    return sorted(clear, key=_cloud)


def read_item(path: str, patience: Patience | None = None) -> pystac.Item:
    """Read an item from a file or an address.

    Raises:
        SceneError: It cannot be read, or is no item.
        InstallationError: The extra `stac` is not installed.
    """
    require_extra("stac", "reading a STAC item")
    import pystac

    try:
        content: Any = _content(path, patience)
        item = pystac.Item.from_dict(json.loads(content), href=path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pystac.STACError, pystac.STACTypeError) as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0][:200] or type(error).__name__
        raise SceneError(f"{path}: is no STAC item that can be read ({reason})") from error
    if not item.assets:
        raise SceneError(f"{path}: a STAC item without assets")
    return item


def _content(path: str, patience: Patience | None) -> bytes:
    if "://" in path:
        check_server(path)
        found = Transport(1, patience).get(path)
        if found is None:
            raise SceneError(f"{public(path)}: does not exist")
        return found
    with open(path, "rb") as file:  # noqa: PTH123 - the text that a user gave
        return file.read()


def _degrees(options: SearchOptions) -> Box:
    """Return the box in longitudes and latitudes.

    Raises:
        OptionError: There is none, or one in metres of nobody knows what.
    """
    if options.bbox is None:
        raise OptionError("`stac` needs `bbox`: where the scene is wanted")
    if in_degrees(options.bbox):
        return options.bbox
    if options.crs is None:
        raise OptionError("`bbox`: say with `crs` what its metres are of, or give degrees")
    return degrees_of(options.bbox, options.crs)


def _search(day: date, options: SearchOptions, box: Box) -> list[pystac.Item]:
    import pystac
    import requests
    import urllib3
    from pystac_client import Client
    from pystac_client.exceptions import APIError
    from pystac_client.stac_api_io import StacApiIO

    patience = options.patience
    again = urllib3.Retry(
        total=patience.tries - 1, backoff_factor=patience.backoff, status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods={"GET", "POST"}, raise_on_status=False,
    )  # fmt: skip
    try:
        api = Client.open(options.stac, stac_io=StacApiIO(timeout=(patience.connect, patience.read), max_retries=again))
        found = api.search(
            collections=[options.collection], bbox=box, datetime=f"{day}T00:00:00Z/{day}T23:59:59Z", max_items=MAX_ITEMS
        )
        return list(found.items())
    except (
        APIError, pystac.STACError, pystac.STACTypeError, requests.RequestException, OSError, ValueError, KeyError,
        TypeError, AttributeError, NotImplementedError,
    ) as error:  # fmt: skip
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise SceneError(
            f"{public(options.stac)}: cannot be searched ({reason}); is it the address of a STAC API?"
        ) from error


def _cloud(item: pystac.Item) -> float:
    """Return the share under cloud that an item tells, in per cent; 0 where it does not."""
    value = item.properties.get("eo:cloud_cover")
    return float(value) if isinstance(value, int | float) else 0.0
