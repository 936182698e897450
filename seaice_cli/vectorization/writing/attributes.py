"""Attributes: what is known of every polygon, computed for all polygons of a batch at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seaice_cli.errors import OptionError
from seaice_cli.vectorization import shapes
from seaice_cli.vectorization.areas import PixelAreas
from seaice_cli.vectorization.tracing import counts
from seaice_cli.vectorization.tracing.counts import AREA_BITS
from seaice_cli.vectorization.tracing.outlines import Outlines
from seaice_cli.vectorization.writing.formats import GEOMETRY
from seaice_cli.vectorization.writing.sigrid import chart_columns, chart_schema

Array = npt.NDArray[Any]
Selection = Literal["basic", "floe", "none", "chart"]

AREA = "area_m2"
_MOST = 2**31
"""Bytes of the geometries of a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What attributes are computed from besides the outlines themselves."""

    selection: Selection
    areas: PixelAreas
    width: int
    """Columns of the raster."""
    names: Mapping[int, str]
    """Of the classes, by value."""
    scene: str
    """Name of the source scene."""
    exact: bool = True
    """Whether outlines are written as they follow the edges of pixels."""
    split: bool = False
    """Whether floes were taken apart, so that ice is of a floe or lies between floes."""
    scale: int = 1
    """Lattice units per pixel; 1 if outlines were traced along the edges of pixels."""


_BASIC = {
    "id": pa.int64(), "class": pa.int64(), "class_name": pa.string(), "n_pixels": pa.int64(), "area_m2": pa.float64(),
    "touches_edge": pa.bool_(), "lat": pa.float64(), "lon": pa.float64(), "scene": pa.string(),
}  # fmt: skip
_LENGTHS = ("perimeter_m", "eq_diam_m", "mcd_m", "feret_max_m", "feret_min_m")
_FLOE = {
    **dict.fromkeys(_LENGTHS, pa.float64()), "circularity": pa.float64(), "solidity": pa.float64(),
    "orient_deg": pa.float64(), "elongation": pa.float64(), "prob_mean": pa.float64(), "prob_min": pa.float64(),
}  # fmt: skip


def describe_schema(description: Description) -> pa.Schema:
    """Return the columns of the features, geometry last."""
    if description.selection == "chart":
        return chart_schema(GEOMETRY)
    columns = dict(_BASIC)
    if description.selection == "none":
        columns = {name: columns[name] for name in ("id", "class")}
    elif description.selection == "floe":
        columns |= _FLOE
    if description.split and description.selection != "none":
        columns["is_floe"] = pa.bool_()
    return pa.schema([*columns.items(), (GEOMETRY, pa.binary())])


def build_binary(data: Array, offsets: Array) -> pa.Array:
    """Return bytes as an Arrow array without copying them.

    Args:
        data: Bytes of all values.
        offsets: Where each begins, and the end.

    Raises:
        OptionError: They are more than a batch can hold, because a polygon has too many points.
    """
    if offsets[-1] >= _MOST:
        raise OptionError(
            f"a polygon has more than {_MOST // 16 // 10**6} million points, too many for vector formats; "
            "leave its class out with `classes`, or use `simplify`"
        )
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), offsets.size - 1, buffers)


def build_batch(columns: Mapping[str, Any], schema: pa.Schema) -> pa.RecordBatch:
    """Return the columns as a batch; NaN becomes null."""
    arrays = [
        column
        if isinstance(column := columns[field.name], pa.Array)
        else pa.array(column, field.type, from_pandas=True)
        for field in schema
    ]
    return pa.record_batch(arrays, schema=schema)


def describe(outlines: Outlines, drawn: Outlines, first_id: int, description: Description) -> dict[str, Any]:
    """Compute the attributes of features, by column.

    Args:
        outlines: As traced, along the edges of pixels.
        drawn: As they are written: the same, or simplified.
        first_id: Of the first feature.
        description: What else is known.
    """
    tallies, areas = outlines.tallies, description.areas
    count = len(outlines)
    values = tallies[:, counts.VALUE]
    columns: dict[str, Any] = {"id": np.arange(first_id, first_id + count), "class": values}
    if description.selection == "none":
        return columns
    rows, places = np.divmod(tallies[:, counts.MIDDLE], description.width)
    latitude, longitude = areas.locate(places + 0.5, rows + 0.5)
    pixels = count_pixels(outlines, description)
    columns |= {
        "class_name": _name(values, description.names),
        "n_pixels": pixels,
        AREA: _true_area(
            tallies, areas, pixels if description.exact else shapes.measure_areas(drawn, description.scale)
        ),
        "touches_edge": tallies[:, counts.EDGE] > 0,
        "lat": latitude,
        "lon": longitude,
        "scene": pa.repeat(description.scene, count),
        "is_floe": tallies[:, counts.FLOE] > 0,
    }
    if description.selection == "chart":
        axes = areas.axes(places + 0.5, rows + 0.5)
        return columns | chart_columns(
            columns["class_name"].to_pylist(), columns[AREA], _perimeter(outlines, drawn, axes, description)
        )
    if description.selection == "floe":
        columns |= _describe_floes(outlines, drawn, areas.axes(places + 0.5, rows + 0.5), description)
    return columns


def _describe_floes(outlines: Outlines, drawn: Outlines, axes: Array, description: Description) -> dict[str, Any]:
    tallies = outlines.tallies
    hull, largest, smallest, hull_pixels = shapes.measure_hulls(drawn, description.scale, axes)
    perimeter = _perimeter(outlines, drawn, axes, description)
    pixels = (
        count_pixels(outlines, description) if description.exact else shapes.measure_areas(drawn, description.scale)
    )
    area = pixels * np.abs(np.linalg.det(axes))
    orientation, elongation = shapes.measure_moments(tallies, axes)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = np.where(tallies[:, counts.KNOWN] > 0, 1.0, np.nan)
        columns = {
            "perimeter_m": perimeter, "eq_diam_m": 2 * np.sqrt(area / np.pi), "mcd_m": hull / np.pi,
            "feret_max_m": largest, "feret_min_m": smallest, "circularity": 4 * np.pi * area / perimeter**2,
            "solidity": pixels / hull_pixels, "orient_deg": orientation, "elongation": elongation,
            "prob_mean": tallies[:, counts.PROBABILITY] / tallies[:, counts.KNOWN] / 100,
            "prob_min": known * tallies[:, counts.LEAST] / 100,
        }  # fmt: skip
    if description.areas.pixel is None:
        columns |= {name: np.full(perimeter.size, np.nan) for name in (*_LENGTHS, "orient_deg")}
    return columns


def _perimeter(outlines: Outlines, drawn: Outlines, axes: Array, description: Description) -> Array:
    return (
        shapes.measure_crofton(outlines, axes)
        if description.exact
        else shapes.measure_lengths(drawn, description.scale, axes)
    )


def _name(values: Array, names: Mapping[int, str]) -> pa.Array:
    """Return the names of values; of bytes, since a cast would load a tenth of a second of pyarrow that is not needed otherwise."""
    distinct, codes = np.unique(values, return_inverse=True)
    texts = np.array([names.get(int(value), str(value)).encode() for value in distinct], object)
    lengths = np.array([len(text) for text in texts], np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths[codes])]).astype(np.int32)
    return pa.StringArray.from_buffers(len(codes), pa.py_buffer(offsets), pa.py_buffer(b"".join(texts[codes])))


def count_pixels(outlines: Outlines, description: Description) -> Array:
    """Return the pixels inside the outlines as traced: more than the component has where holes were filled.

    Contours have no pixels to count inside; those of the component are.
    """
    if description.scale != 1:
        return outlines.tallies[:, counts.PIXELS]
    inside: Array = np.add.reduceat(outlines.measures[:, 0], outlines.parts[outlines.features[:-1]])
    return inside


def _true_area(tallies: Array, areas: PixelAreas, pixels: Array) -> Array:
    """Return the area of as many pixels as the outlines are drawn around, each as large as the feature's are."""
    if areas.pixel is None:
        return np.full(tallies.shape[0], np.nan)
    if areas.scales is None:
        return pixels * areas.pixel
    return tallies[:, counts.AREA] * (areas.pixel / 2.0**AREA_BITS) * (pixels / tallies[:, counts.PIXELS])
