"""A raster open for reading: a rasterio dataset whose attributes fail with an error that a user understands."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, Self, TypeVar

from affine import Affine

from seaice_cli.errors import SceneError, SeaIceError
from seaice_cli.outputs import reason_of
from seaice_cli.raster.gdal import FAILURES

T = TypeVar("T")

ATTRIBUTE_FAILURES = (*FAILURES, ValueError, LookupError, TypeError, ArithmeticError)
"""What an attribute of a damaged file raises: GDAL's error, or Python's on a value that rasterio does not expect."""
PIXEL_METHODS = frozenset({"read", "read_masks", "dataset_mask"})
"""Methods that read pixels. They raise what rasterio raises: only the reader knows which rows, and whether to go on without them."""


class Raster:
    """A rasterio dataset, open for reading, with all of its attributes and methods.

    GDAL computes most attributes (crs, colorinterp, tags, overviews, ...) only when they are asked for, and can fail then. Every
    reader of files that users give asks for them here.

    Args:
        path: Named in errors.
        dataset: What `rasterio.open` or `WarpedVRT` returned.
        error: The class of the errors.

    Raises:
        SeaIceError: Of class `error`, by any attribute and by any method but `PIXEL_METHODS`: the file is damaged.
    """

    def __init__(self, path: object, dataset: Any, *, error: type[SeaIceError] = SceneError) -> None:
        self.dataset = dataset
        """For functions of rasterio that take a dataset, such as `WarpedVRT`."""
        self._path, self._error = path, error

    def __enter__(self) -> Self:
        self.dataset.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dataset.__exit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:
        value = self._read(name, lambda: getattr(self.dataset, name))
        if not callable(value) or name in PIXEL_METHODS:
            return value

        @wraps(value)
        def method(*args: Any, **options: Any) -> Any:
            return self._read(name, lambda: value(*args, **options))

        return method

    @property
    def crs(self) -> Any:
        """The coordinate reference system, one that can be written as WKT; None without one."""
        return self._read("crs", lambda: _checked(self.dataset.crs))

    @property
    def transform(self) -> Affine:
        """The affine transform, one that can be inverted."""
        transform: Affine = self._read("transform", lambda: self.dataset.transform)
        if not abs(transform.determinant) > 0:  # nor NaN
            raise self._error(f"{self._path}: its transform maps the raster to a line; mend the georeferencing")
        return transform

    def colormap(self, band: int) -> dict[int, tuple[int, int, int, int]]:
        """Return the colour table of a band, by value; empty without one."""
        return self._read("colormap", lambda: _colors(self.dataset, band))

    def _read(self, name: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except ATTRIBUTE_FAILURES as error:
            raise self._error(
                f"{self._path}: its {name} cannot be read ({reason_of(error)}); the file is damaged, copy or write it anew"
            ) from error


def _checked(crs: Any) -> Any:
    if crs is not None:
        crs.to_wkt()
    return crs


def _colors(dataset: Any, band: int) -> dict[int, tuple[int, int, int, int]]:
    try:
        return dict(dataset.colormap(band))
    except ValueError:  # rasterio's way to say that there is none
        return {}
