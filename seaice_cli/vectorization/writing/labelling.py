"""Layers for people who label: an empty one to draw classes in, and one of places to look at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fiona
from fiona._err import CPLE_BaseError
from fiona.errors import FionaError

from seaice_cli.outputs import new_file, write_error
from seaice_cli.raster.polygons.names import renamed
from seaice_cli.vectorization.writing.styles import Styles, build_qml, write_style

LABELS, PLACES = "labels", "places"
"""Names of the layers."""


def write_empty(target: Path, crs: str, styles: Styles, *, overwrite: bool) -> None:
    """Write a GeoPackage with an empty layer of polygons whose field `class` is chosen from the names of classes.

    Args:
        target: The GeoPackage.
        crs: As WKT; empty for pixel coordinates.
        styles: Id, name and colour of every class.
        overwrite: Replace a file that exists.

    Raises:
        OutputError: It cannot be written.
    """
    schema = {"geometry": "Polygon", "properties": {"class": "str:40", "note": "str"}}
    with new_file(target, overwrite=overwrite) as partial, renamed(partial) as plain:
        _write(plain, LABELS, crs, schema, [])
        write_style(plain, LABELS, build_qml(styles, by_name=True))


def write_places(target: Path, crs: str, places: Iterable[tuple[Any, int, float]], *, overwrite: bool) -> None:
    """Write a GeoPackage of places to look at.

    Args:
        target: The GeoPackage.
        crs: As WKT; empty for pixel coordinates.
        places: A polygon in the GeoJSON form, its rank from 1, and the share of its pixels that are in doubt.
        overwrite: Replace a file that exists.

    Raises:
        OutputError: It cannot be written.
    """
    schema = {"geometry": "Polygon", "properties": {"rank": "int", "doubt": "float"}}
    features = [
        {"type": "Feature", "geometry": polygon, "properties": {"rank": rank, "doubt": doubt}}
        for polygon, rank, doubt in places
    ]
    with new_file(target, overwrite=overwrite) as partial, renamed(partial) as plain:
        _write(plain, PLACES, crs, schema, features)


def _write(path: Path, layer: str, crs: str, schema: dict[str, Any], features: list[dict[str, Any]]) -> None:
    try:
        with fiona.open(path, "w", driver="GPKG", layer=layer, schema=schema, crs_wkt=crs or None) as target:
            target.writerecords(features)
    except (FionaError, CPLE_BaseError) as error:
        raise write_error(path, error) from error
