"""GDAL's global settings while scenes are open, put back when the last one is closed.

GDAL keeps one block cache for the whole process, and its settings are global. Scenes may be open side by side and be closed in any
order and thread, so they are counted: the first one in remembers what was set before, the last one out restores it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rasterio._env import del_gdal_config, get_gdal_config, set_gdal_config
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""What rasterio raises when GDAL fails: its own errors, and GDAL's where it foresees none."""
FAILURES = (*GDAL_ERRORS, OSError)
"""What reading or writing a raster raises when it fails."""
CACHE = "GDAL_CACHEMAX"
PATIENCE = {
    "GDAL_HTTP_TIMEOUT": 60,
    "GDAL_HTTP_CONNECTTIMEOUT": 20,
    "GDAL_HTTP_MAX_RETRY": 3,
    "GDAL_HTTP_RETRY_DELAY": 1,
}
"""Seconds and tries after which a server that does not answer is an error. What the user has set already stays."""
STRICTNESS = {
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",
    "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "SIBLING_OR_CHILD_OF_VRT_PATH",
}
"""A damaged JPEG block is an error, not grey pixels; a VRT shows no file from elsewhere on the machine as pixels."""

_lock = threading.Lock()
_bounds: list[int] = []
_before: dict[str, Any] = {}


@contextmanager
def bounded(cache_bytes: int) -> Iterator[None]:
    """Bound GDAL's block cache to this, or to what the most demanding open scene needs, and its waits for servers."""
    with _lock:
        if not _bounds:
            _before[CACHE] = get_gdal_config(CACHE)
            for key, value in {**PATIENCE, **STRICTNESS}.items():
                _before[key] = get_gdal_config(key)
                if _before[key] is None:
                    set_gdal_config(key, value)
        _bounds.append(cache_bytes)
        set_gdal_config(CACHE, max(_bounds))
    try:
        yield
    finally:
        with _lock:
            _bounds.remove(cache_bytes)
            if _bounds:
                set_gdal_config(CACHE, max(_bounds))
            else:
                _restore()


def _restore() -> None:
    for key, value in _before.items():
        if value is not None:
            set_gdal_config(key, value)
        else:
            del_gdal_config(key)
    _before.clear()
