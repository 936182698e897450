"""Labels as class ids, read in windows from masks, RGB masks and vector files; scenes need not be cut first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from seaice_cli.data.labels.encoding import BINARY, MAX_VALUE, NAIC, LabelEncoding
from seaice_cli.data.labels.palettes import IGNORE, expand
from seaice_cli.data.rasters import DatasetPool, open_raster, read_valid, read_window, strips, whole
from seaice_cli.data.samples import Sample
from seaice_cli.errors import DataError
from seaice_cli.raster.reading.raster import Raster
from seaice_cli.raster.reading.sources import VECTORS
from seaice_cli.raster.reading.validity import Validity

_LAYERS_KEPT = 16


def is_vector(path: Path) -> bool:
    """Return whether a label is a vector file, by its suffix."""
    return path.suffix.lower() in VECTORS


def read_label(
    sample: Sample, window: Window | None = None, *, encoding: LabelEncoding | None = None
) -> npt.NDArray[np.uint8]:
    """Read a label once; whoever reads many windows keeps a `LabelReader`.

    Raises:
        DataError: As `LabelReader.read`.
    """
    return LabelReader(encoding).read(sample, window)


class LabelReader:
    """Reads windows of labels by one encoding; keeps the vector layers it has read.

    Args:
        encoding: How values become classes; None: a value is the id of its class, 255 is ignored.
    """

    def __init__(self, encoding: LabelEncoding | None = None) -> None:
        self.encoding = encoding or LabelEncoding()
        self._table = self.encoding.table()
        self._datasets = DatasetPool()
        self._fitting: set[tuple[Path, Path]] = set()
        self._validity: dict[Path, Validity] = {}
        self._layers: OrderedDict[tuple[Path, Path], Any] = OrderedDict()

    def read(self, sample: Sample, window: Window | None = None) -> npt.NDArray[np.uint8]:
        """Read the class ids of a window of the scene.

        Args:
            sample: The image and its label.
            window: In pixels of the image; may reach beyond it; None: all of it.

        Returns:
            (height, width) class ids, 255 where there is nothing to learn from: ignored classes, pixels without data in the label,
            and whatever lies beyond the image.

        Raises:
            DataError: The label is missing, damaged, of another size than the image, or holds what is no class.
        """
        label = sample.label
        if label is None:
            raise DataError(f"{sample.image}: has no label")
        if is_vector(label):
            return self._read_vector(sample.image, label, window)
        with self._datasets.open(label) as dataset:
            self._refuse_other_size(sample.image, label, dataset)
            return self._read_raster(label, dataset, window or whole(dataset))

    def _refuse_other_size(self, image: Path, label: Path, dataset: Raster) -> None:
        if (image, label) in self._fitting:
            return
        with open_raster(image) as scene:
            if scene.shape != dataset.shape:
                raise DataError(
                    f"{label}: {dataset.width} x {dataset.height} pixels where the image {image.name} has "
                    f"{scene.width} x {scene.height}; they must match pixel by pixel"
                )
        self._fitting.add((image, label))

    def _read_raster(self, label: Path, dataset: Raster, window: Window) -> npt.NDArray[np.uint8]:
        ids, valid = self._ids(label, dataset, window)
        ids[~valid] = IGNORE
        if (wrong := ids == -1).any():
            row, column = (int(v) for v in np.argwhere(wrong)[0])
            at = window.row_off + row, window.col_off + column
            pixel = read_window(
                dataset, Window(col_off=at[1], row_off=at[0], width=1, height=1), bands=list(dataset.indexes)
            )
            value = ",".join(f"{v:g}" for v in pixel.ravel()[:4])
            raise DataError(
                f"{label}: value {value} at row {at[0]}, column {at[1]} is no class ({self.encoding.describe()})"
            )
        return ids.astype(np.uint8)

    def _ids(self, label: Path, dataset: Raster, window: Window) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.bool_]]:
        """Return class ids, -1 where a value is no class, and where the label has data."""
        bands = _color_bands(dataset)
        if label not in self._validity:
            self._validity[label] = Validity.of(dataset, tuple(bands)).without(self.encoding.names)
        pixels = read_window(dataset, window, bands=bands)
        valid = read_valid(dataset, self._validity[label], pixels, window)
        if self.encoding.palette:
            ids = self.encoding.palette.classes_of(_colors(label, dataset, pixels))
            ids[(ids >= self.encoding.limit) & (ids != IGNORE)] = -1
            return ids, valid
        return _look_up(_values(label, pixels, valid), self._table), valid

    def _read_vector(self, image: Path, label: Path, window: Window | None) -> npt.NDArray[np.uint8]:
        from seaice_cli.data.labels.rasterizing import read_layer

        layer = self._layers.get((image, label))
        if layer is None:
            layer = self._layers[image, label] = read_layer(label, image, self.encoding)
            if len(self._layers) > _LAYERS_KEPT:
                self._layers.popitem(last=False)
        ids: npt.NDArray[np.uint8] = layer.rasterize(window)
        if window is not None:
            _ignore_beyond(ids, layer, window)
        return ids


def _look_up(values: npt.NDArray[Any], table: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    if values.dtype in (np.uint8, np.uint16):
        return table.take(values)
    known = (values >= 0) & (values <= MAX_VALUE)
    if values.dtype.kind == "f":
        known &= values == np.floor(values)
    return np.where(known, table.take(np.where(known, values, 0).astype(np.intp)), np.int16(-1))


def _ignore_beyond(ids: npt.NDArray[Any], extent: Any, window: Window) -> None:
    """Set what lies outside a raster of `extent.height` x `extent.width` to ignore."""
    ids[: max(0, -window.row_off)] = IGNORE
    ids[:, : max(0, -window.col_off)] = IGNORE
    ids[max(0, extent.height - window.row_off) :] = IGNORE
    ids[:, max(0, extent.width - window.col_off) :] = IGNORE


def _color_bands(dataset: Raster) -> list[int]:
    return [i for i, c in enumerate(dataset.colorinterp, 1) if c != ColorInterp.alpha] or [1]


def _values(label: Path, pixels: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Return (height, width) values of a label in grey; three equal bands are as good as one."""
    if len(pixels) > 3:
        raise DataError(f"{label}: has {len(pixels)} bands; a label is one band of classes, or red, green and blue")
    if pixels.dtype.kind == "c":
        raise DataError(f"{label}: holds complex values; a label is a mask of whole numbers")
    if len(pixels) > 1 and not (pixels == pixels[0])[:, valid].all():
        raise DataError(f"{label}: is in colour; say which palette it uses, or recolor it to class ids first")
    return np.asarray(pixels[0])


def _colors(label: Path, dataset: Raster, pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return (3, height, width) colours of an RGB label, or of one with a colour table."""
    if any(dtype != "uint8" for dtype in dataset.dtypes):
        raise DataError(f"{label}: holds {dataset.dtypes[0]}, a palette is for labels of 8 bits")
    if len(pixels) >= 3:
        return pixels[:3]
    if dataset.colorinterp[0] == ColorInterp.palette and (table := dataset.colormap(1)):
        return expand(pixels[0], table)
    raise DataError(
        f"{label}: has {dataset.count} bands and no colour table, so it is not in colour; leave the palette out"
    )


def detect_encoding(samples: Iterable[Sample], encoding: LabelEncoding) -> LabelEncoding:
    """Complete an encoding that leaves open what the values of the masks stand for, by looking at all of them once.

    Masks of nothing but 0 and 255 are binary (255 is ice) unless there are to be more than two classes; masks of 100, 200 ... 800 are
    NAIC's. Otherwise a value is the id of its class. The look is at the whole set, so one mask never means two things.

    Raises:
        DataError: A label is damaged or in colour, for which a palette must be named.
    """
    if encoding.values is not None or encoding.palette is not None:
        return encoding
    labels = dict.fromkeys(s.label for s in samples if s.label and not is_vector(s.label))
    return encoding_for(set().union(*(values_of(label) for label in labels)), encoding)


def encoding_for(seen: Set[float], encoding: LabelEncoding) -> LabelEncoding:
    """Complete an encoding by the values that the masks of a data set hold, as `detect_encoding` says."""
    if encoding.values is not None or encoding.palette is not None or not seen:
        return encoding
    if seen <= {0, 255} and encoding.classes in (None, 2):
        return replace(encoding, values=BINARY)
    if seen <= {100.0 * c for c in range(1, 9)}:
        return replace(encoding, values=NAIC)
    return encoding


def values_of(label: Path) -> set[float]:
    """Return the values of a mask where it has data.

    Raises:
        DataError: The mask is damaged or in colour.
    """
    seen: set[float] = set()
    with open_raster(label) as dataset:
        bands = _color_bands(dataset)
        validity = Validity.of(dataset, tuple(bands))
        for window in strips(dataset.height, dataset.width):
            pixels = read_window(dataset, window, bands=bands)
            valid = read_valid(dataset, validity, pixels, window)
            seen |= set(np.unique(_values(label, pixels, valid)[valid]).tolist())
        return seen
