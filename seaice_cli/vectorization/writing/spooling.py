"""Spooling: geometries too large for the copies that GDAL makes of them, brought into a GeoPackage past it.

Between Arrow and a row of a GeoPackage GDAL holds a geometry four times, which for the water around a quarter of a million
floes is more than a gigabyte. So GDAL gets the bounding box of such a geometry, from which it makes row and spatial index,
and the geometry itself waits in a file until it can be copied into the row a piece at a time.
"""

from __future__ import annotations

import ctypes
import errno
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import shapely

LARGE = 1 << 25
"""Bytes of well-known binary from which on a geometry waits."""
_PIECE = 1 << 22
_POLYGON = 3
_HEADER = 8
_ENVELOPE = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
"""Bytes of the envelope in a geometry of a GeoPackage, by its kind (version 1.3 of the standard, 2.1.3)."""


class Spool:
    """A file of geometries that wait.

    Args:
        path: Of the file, made when the first geometry comes.
        column: Name of the column of geometries.
        large: Bytes from which on a geometry waits.
    """

    def __init__(self, path: Path, column: str, *, large: int = LARGE) -> None:
        self._path = path
        self._column = column
        self._large = large
        self._waiting: list[tuple[int, int]] = []  # row, bytes

    def divert(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Pass batches on, with bounding boxes in place of large geometries."""
        row = 0
        source = iter(batches)
        while (batch := next(source, None)) is not None:
            ready = [self._lighten(batch, row)]
            row += batch.num_rows
            del batch  # or the large geometry would be held while its row is written
            yield ready.pop()

    def _lighten(self, batch: pa.RecordBatch, row: int) -> pa.RecordBatch:
        index = batch.schema.get_field_index(self._column)
        geometries = batch.column(index)
        ends = np.frombuffer(geometries.buffers()[1], np.int32)[geometries.offset :][: len(geometries) + 1]
        large = np.flatnonzero(np.diff(ends) >= self._large).tolist()
        if not large:
            return batch
        data = geometries.buffers()[2]  # a slice of it is no copy, as the value in the array would be
        boxes = {k: self._put(row + k, data.slice(ends[k], ends[k + 1] - ends[k])) for k in large}
        light = [boxes[k] if k in boxes else geometries[k].as_py() for k in range(len(geometries))]
        return batch.set_column(index, self._column, pa.array(light, pa.binary()))

    def _put(self, row: int, geometry: pa.Buffer) -> bytes:
        with self._path.open("ab") as file:
            file.write(geometry)
        self._waiting.append((row, geometry.size))
        return bound(memoryview(geometry))

    def restore(self, target: Path, layer: str, column: str) -> None:
        """Copy what waits into its rows of a GeoPackage that GDAL has closed.

        Raises:
            OSError: It cannot be written.
        """
        if not self._waiting:
            return
        _return_memory()
        try:
            with closing(sqlite3.connect(target, isolation_level=None)) as database, self._path.open("rb") as file:
                database.execute("PRAGMA journal_mode = OFF")  # of no use: a failure ends with the file removed
                triggers = database.execute(
                    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (layer,)
                ).fetchall()
                for name, _ in triggers:  # they call functions of GDAL; the spatial index has the box already
                    database.execute(f"DROP TRIGGER {_quote(name)}")
                for row, size in self._waiting:
                    _replace(database, layer, column, row + 1, file, size)
                for _, text in triggers:
                    database.execute(text)
        except sqlite3.Error as error:
            raise OSError(errno.EIO, f"a polygon of many points could not be stored: {error}") from error
        self._path.unlink()


def bound(geometry: memoryview) -> bytes:
    """Return the bounding box of a polygon or multipolygon, as one."""
    (kind, parts), at = struct.unpack_from("<II", geometry, 1), 9
    corners = []
    if kind == _POLYGON:
        parts, at = 1, 0
    for _ in range(parts):
        (rings,) = struct.unpack_from("<I", geometry, at + 5)
        at += 9
        for ring in range(rings):
            (points,) = struct.unpack_from("<I", geometry, at)
            if ring == 0:
                corners.append(_span(geometry[at + 4 : at + 4 + 16 * points]))
            at += 4 + 16 * points
    lows, highs = [c[:2] for c in corners], [c[2:] for c in corners]
    box = shapely.box(*map(min, zip(*lows, strict=True)), *map(max, zip(*highs, strict=True)))
    return bytes(shapely.to_wkb(box if kind == _POLYGON else shapely.multipolygons([box])))


def _span(points: memoryview) -> tuple[float, float, float, float]:
    # A piece at a time: the numbers lie at odd addresses, from which NumPy copies all that it is to compare.
    pieces = (np.frombuffer(points[k : k + _PIECE], "<f8").reshape(-1, 2) for k in range(0, len(points), _PIECE))
    least, most = zip(*((piece.min(axis=0), piece.max(axis=0)) for piece in pieces), strict=True)
    (left, low), (right, high) = np.min(least, axis=0).tolist(), np.max(most, axis=0).tolist()
    return left, low, right, high


def _replace(database: sqlite3.Connection, layer: str, column: str, row: int, file: BinaryIO, size: int) -> None:
    """Put a geometry behind the header that its bounding box has."""
    names = _quote(layer), _quote(column)
    ((box,),) = database.execute(f"SELECT {names[1]} FROM {names[0]} WHERE rowid = ?", (row,))  # noqa: S608 - names are quoted
    header = box[: _HEADER + _ENVELOPE[box[3] >> 1 & 7]]
    update = f"UPDATE {names[0]} SET {names[1]} = zeroblob(?) WHERE rowid = ?"  # noqa: S608
    database.execute(update, (len(header) + size, row))
    with database.blobopen(layer, column, row) as blob:
        blob.write(header)
        for start in range(0, size, _PIECE):
            blob.write(file.read(min(_PIECE, size - start)))


def _return_memory() -> None:
    """Have the C library give freed memory back to the system: SQLite holds a row twice before it is in the file."""
    with suppress(AttributeError, OSError):  # other C libraries do so by themselves, or never
        ctypes.CDLL(None).malloc_trim(0)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
