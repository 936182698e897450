"""What a file of concentrations says about itself: CF-1.11 and ACDD-1.3.

References: CF Metadata Conventions 1.11, standard name table; Attribute Convention for Data Discovery 1.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from seaice_cli import __version__
from seaice_cli.errors import OptionError
from seaice_cli.products.concentration.cells import STATUS, Concentration
from seaice_cli.products.concentration.grids import CellGrid
from seaice_cli.raster.reading.acquisition import Span

NAME = "sea_ice_area_fraction"
SCALE = 1e-4
FILL = -32767
_FRACTION = {
    "units": "1",
    "valid_range": np.array([0, 10_000], np.int16),
    "grid_mapping": "crs",
    "coordinates": "lat lon",
}
_OVER_CELL = {"cell_methods": "time: point area: mean where sea", "cell_measures": "area: cell_area"}
VARIABLES: Mapping[str, Mapping[str, Any]] = {
    NAME: {
        **_FRACTION, **_OVER_CELL, "standard_name": NAME, "long_name": "sea ice area fraction of the sea whose surface is known",
        "coverage_content_type": "physicalMeasurement",
        "ancillary_variables": "number_of_pixels unknown_fraction standard_error status_flag",
    },
    "number_of_pixels": {
        "standard_name": "number_of_observations", "units": "1", "grid_mapping": "crs", "coordinates": "lat lon",
        "long_name": "number of pixels of ice and water with their middle in the cell", "coverage_content_type": "qualityInformation",
    },
    "unknown_fraction": {
        **_FRACTION, "standard_name": "area_fraction", "long_name": "share of the cell that cloud hides or that is unsure",
        "coverage_content_type": "qualityInformation",
    },
    "land_fraction": {
        **_FRACTION, "standard_name": "land_area_fraction", "long_name": "share of the cell that is land",
        "coverage_content_type": "auxiliaryInformation",
    },
    "standard_error": {
        **_FRACTION, "standard_name": f"{NAME} standard_error", "coverage_content_type": "qualityInformation",
        "long_name": "standard error of the sea ice area fraction from the probabilities of its pixels",
        "comment": "pixels are taken as independent, so this is a lower bound",
    },
    "status_flag": {
        "standard_name": "status_flag", "long_name": "why a cell has a sea ice area fraction or none",
        "flag_values": np.array(list(STATUS), np.int8), "flag_meanings": " ".join(STATUS.values()),
        "valid_range": np.array([min(STATUS), max(STATUS)], np.int8), "grid_mapping": "crs", "coordinates": "lat lon",
        "coverage_content_type": "qualityInformation",
    },
}  # fmt: skip
"""Attributes of what is known of cells."""


def discovery(made: Concentration, span: Span, attributes: Mapping[str, str]) -> dict[str, Any]:
    """Return the global attributes of a file with one time.

    Args:
        made: What is written.
        span: First and last acquisition.
        attributes: Of the user: who made it, under which licence, ...
    """
    now = stamp(datetime.now(UTC))
    sources = ", ".join(made.sources)
    about: dict[str, Any] = {
        "Conventions": "CF-1.11, ACDD-1.3",
        "title": f"Sea ice concentration on the grid {made.grid.name}",
        "summary": "Share of the sea that is covered by sea ice, binned by true areas from maps of ice and water. "
        "What cloud hides counts neither as ice nor as water.",
        "keywords": "EARTH SCIENCE > CRYOSPHERE > SEA ICE > SEA ICE CONCENTRATION",
        "keywords_vocabulary": "GCMD Science Keywords",
        "standard_name_vocabulary": "CF Standard Name Table v83",
        "id": _digest(made, span),
        "source": f"maps of ice and water: {sources}",
        "history": f"{now} seaice {__version__}: concentration from {sources}",
        "comment": "A cell has a concentration if enough of its sea is known; it is ice / (ice + water) by the true areas of pixels.",
        "processing_level": "Level 3",
        "product_version": __version__,
        "cdm_data_type": "Grid",
        "date_created": now, "date_modified": now, "date_issued": now, "date_metadata_modified": now,
        **coverage(span),
        **_extent(made.grid),
    }  # fmt: skip
    return about | dict(attributes)


def parse_attributes(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return global attributes given as NAME=VALUE.

    Raises:
        OptionError: One is not of that form, or is written by this program.
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier() or not value:
            raise OptionError(f"`attribute` {pair!r}: give NAME=VALUE, such as creator_name=...")
        if name in ("Conventions", "history") or name.startswith(("time_coverage", "geospatial")):
            raise OptionError(f"`attribute` {name}: follows from the data; leave it out")
        found[name] = value
    return found


def coverage(span: Span) -> dict[str, str]:
    """Return the global attributes that say when."""
    seconds = int((span[1] - span[0]).total_seconds())
    return {
        "time_coverage_start": stamp(span[0]), "time_coverage_end": stamp(span[1]),
        "time_coverage_duration": f"PT{seconds}S", "time_coverage_resolution": f"PT{seconds}S",
    }  # fmt: skip


def stamp(moment: datetime) -> str:
    """Return a moment in ISO 8601."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def grid_mapping(grid: CellGrid) -> dict[str, Any]:
    """Return the attributes of the grid mapping: of CF, with the WKT, and those that GDAL reads."""
    from pyproj import CRS

    found = CRS.from_wkt(grid.crs.to_wkt())
    attributes: dict[str, Any] = {key: value for key, value in found.to_cf().items() if value is not None}
    if (
        attributes.get("grid_mapping_name") == "polar_stereographic"
    ):  # which CF wants, and PROJ leaves out where a parallel is standard
        attributes.setdefault(
            "latitude_of_projection_origin", 90.0 if attributes.get("standard_parallel", 90.0) > 0 else -90.0
        )
    attributes |= {"spatial_ref": attributes["crs_wkt"], "long_name": found.name}
    attributes["GeoTransform"] = " ".join(f"{value!r}" for value in map(float, grid.transform.to_gdal()))
    return attributes


def _digest(made: Concentration, span: Span) -> str:
    """Return an id that two files share only if they hold the same."""
    digest = hashlib.sha256(made.fraction.tobytes())
    digest.update(repr((made.grid.name, made.sources, span)).encode())
    return f"sea_ice_area_fraction_{span[0]:%Y%m%dT%H%M%S}_{digest.hexdigest()[:12]}"


def _extent(grid: CellGrid) -> dict[str, Any]:
    """Return the global attributes that say where: bounds of the grid's frame and of its cells."""
    longitude, latitude = grid.degrees(*np.meshgrid(grid.x, grid.y))
    from shapely import Polygon

    around: dict[str, Any] = {
        "geospatial_lat_min": float(np.nanmin(latitude)), "geospatial_lat_max": float(np.nanmax(latitude)),
        "geospatial_lon_min": float(np.nanmin(longitude)), "geospatial_lon_max": float(np.nanmax(longitude)),
        "geospatial_lat_units": "degrees_north", "geospatial_lon_units": "degrees_east",
        "geospatial_lat_resolution": f"{grid.cell:g} m", "geospatial_lon_resolution": f"{grid.cell:g} m",
    }  # fmt: skip
    low, high = around["geospatial_lat_min"], around["geospatial_lat_max"]
    west, east = around["geospatial_lon_min"], around["geospatial_lon_max"]
    ring = Polygon([(low, west), (low, east), (high, east), (high, west)])
    return around | {"geospatial_bounds": ring.wkt, "geospatial_bounds_crs": "EPSG:4326"}
