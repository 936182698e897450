"""The extensions of STAC that are written, by the version that their fields follow."""

from __future__ import annotations

import re
from typing import Any

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
RASTER = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
MLM = "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_NO_NAME = re.compile(r"[^0-9A-Za-z_-]+")


def class_object(value: int, name: str, color: tuple[int, int, int] | None, *, nodata: bool = False) -> dict[str, Any]:
    """Return a class as the classification extension describes it; its name holds letters, digits, - and _ alone.

    Args:
        value: In the raster.
        name: For people.
        color: Red, green and blue, or None.
        nodata: Whether it stands for no data.
    """
    found: dict[str, Any] = {
        "value": value,
        "name": _NO_NAME.sub("_", name) or f"class_{value}",
        "description": name or f"class {value}",
    }
    if color is not None:
        found["color_hint"] = "{:02X}{:02X}{:02X}".format(*color)
    return found | ({"nodata": True} if nodata else {})
