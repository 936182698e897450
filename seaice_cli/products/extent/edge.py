"""The ice edge: lines where ice meets water.

They are the contours of concentration between the centres of cells that are all known, so none follows land, cloud or the
frame of scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.extras import require_extra
from seaice_cli.products.fields import Field

Lines = list[npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Edge:
    """The ice edge at one time."""

    field: Field
    threshold: float
    lines: Lines
    """(points, 2) x and y each."""
    lengths_km: list[float]
    """Of the lines, along geodesics."""


def find_edge(field: Field, *, threshold: float, min_length_km: float = 0.0) -> Edge:
    """Return the lines along which the concentration crosses a threshold.

    Args:
        field: Concentrations at one time.
        threshold: Of the edge, 0.15 as a rule.
        min_length_km: Shorter lines are left out.

    Raises:
        InstallationError: What draws contours is missing.
    """
    require_extra("products", "the ice edge", "contourpy")
    if min(field.grid.shape) < 2:
        return Edge(field, threshold, [], [])
    import contourpy

    generator = contourpy.contour_generator(
        z=np.ma.masked_invalid(field.fraction), name="serial", corner_mask=True, line_type=contourpy.LineType.Separate
    )
    lines: Lines = []
    for line in generator.lines(threshold):
        columns, rows = np.asarray(line).T
        lines.append(np.column_stack(field.grid.transform @ (columns + 0.5, rows + 0.5)))
    lengths = [_length_km(field, line) for line in lines]
    kept = [k for k, length in enumerate(lengths) if length > 0 and length >= min_length_km]
    return Edge(field, threshold, [lines[k] for k in kept], [lengths[k] for k in kept])


def _length_km(field: Field, line: npt.NDArray[np.float64]) -> float:
    longitude, latitude = _degrees(field, line).T
    import pyproj

    return float(pyproj.Geod(ellps="WGS84").line_length(longitude, latitude)) / 1000


def _degrees(field: Field, line: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    import pyproj

    moved = pyproj.Transformer.from_crs(field.grid.crs.to_wkt(), "EPSG:4326", always_xy=True).transform(*line.T)
    return np.column_stack(moved)


def write_edges(edges: Sequence[Edge], target: Path, *, overwrite: bool = False) -> None:
    """Write lines as a vector file; the suffix names the format. GeoJSON is in longitude and latitude, cut at the antimeridian.

    Args:
        edges: At several times, all on one grid.
        target: The file.
        overwrite: Replace a file that exists.

    Raises:
        OptionError: The suffix names no format.
        OutputError: The target exists or cannot be written.
    """
    import pyarrow as pa

    from seaice_cli.vectorization.writing.formats import GEOMETRY, Layer, check_target, find_format, write_features

    geographic = find_format(target).geographic
    check_target(target, overwrite=overwrite)
    schema = pa.schema([
        ("length_km", pa.float64()), ("threshold", pa.float64()), ("time", pa.string()), ("source", pa.string()),
        (GEOMETRY, pa.binary()),
    ])  # fmt: skip
    rows = [row for edge in edges for row in _rows(edge, geographic=geographic)]
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    batch = pa.record_batch([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema)
    wkt = edges[0].field.grid.crs.to_wkt() if edges else None
    write_features(target, schema, [batch], Layer(name=target.stem, wkt=wkt, geometry_type="LineString"))


def _rows(edge: Edge, *, geographic: bool) -> list[tuple[Any, ...]]:
    import shapely

    rows = []
    for line, length in zip(edge.lines, edge.lengths_km, strict=True):
        pieces = cut_at_antimeridian(_degrees(edge.field, line)) if geographic else [line]
        about = (round(length, 3), edge.threshold, edge.field.time, edge.field.source.name)
        rows += [(*about, shapely.to_wkb(shapely.LineString(piece))) for piece in pieces]
    return rows


def cut_at_antimeridian(line: npt.NDArray[np.float64]) -> Lines:
    """Return the pieces of a line in longitude and latitude, none of which leaps over the antimeridian (RFC 7946, 3.1.9)."""
    pieces, begin, start = [], 0, np.empty((0, 2))
    for k in np.flatnonzero(np.abs(np.diff(line[:, 0])) > 180).tolist():
        here, there = line[k], line[k + 1]
        side = 180.0 if here[0] > 0 else -180.0
        span = there[0] + 2 * side - here[0]
        latitude = here[1] + (there[1] - here[1]) * ((side - here[0]) / span if span else 0.0)
        pieces.append(np.vstack([start, line[begin : k + 1], [[side, latitude]]]))
        begin, start = k + 1, np.array([[-side, latitude]])
    pieces.append(np.vstack([start, line[begin:]]))
    return [piece for piece in pieces if len(piece) > 1 and np.ptp(piece, axis=0).any()]
