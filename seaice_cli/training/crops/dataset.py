"""Crops of labelled scenes of any size, read where they lie: scenes are not cut into files first.

A `Crop` says which pixels of which scene; `sampling` draws crops and `Crops` reads them. Whatever is random has been
drawn by the sampler, so reading is a pure function: any number of workers gives the same batches.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from rasterio.windows import Window
from torch.nn import functional as F

from seaice_cli.data.labels.encoding import LabelEncoding
from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.data.labels.reading import LabelReader
from seaice_cli.data.rasters import open_raster, read_valid, read_window
from seaice_cli.data.samples import Sample
from seaice_cli.errors import DataError
from seaice_cli.raster.reading.conversion import Conversion
from seaice_cli.raster.reading.raster import Raster
from seaice_cli.raster.reading.validity import Validity

CACHE_BYTES = 1 << 30
"""Pixels of scenes that are kept in memory; larger sets are read anew from the files."""
WHOLE_BYTES = 64 << 20
"""A scene up to this size is read as a whole and kept."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of a scene that becomes one training chip."""

    scene: int
    """Position of the scene in the list of scenes."""
    row: int
    column: int
    size: int
    """Pixels of the scene along a side; it is resized to the chip's size."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pixels of a scene and what they show."""

    pixels: npt.NDArray[Any]
    """(bands, height, width), in scene units."""
    classes: npt.NDArray[np.uint8]
    """(height, width), class ids or `IGNORE`."""
    valid: npt.NDArray[np.bool_]
    """(height, width), True = data."""

    @property
    def nbytes(self) -> int:
        """Bytes of the three arrays."""
        return self.pixels.nbytes + self.classes.nbytes + self.valid.nbytes

    def cut(self, window: Window) -> Labelled:
        """Return the part inside a window."""
        rows, columns = window.toslices()
        return Labelled(self.pixels[:, rows, columns], self.classes[rows, columns], self.valid[rows, columns])


class TrainingScene(Protocol):
    """A scene that crops are taken from."""

    name: str
    height: int
    width: int

    def read(self, window: Window) -> Labelled:
        """Return the pixels of a window inside the scene."""


class FileScene:
    """A scene in a file and its label.

    Args:
        sample: The image and its label.
        encoding: How label values become classes.
        bands: Which bands, from 1; None: all but alpha.
        fill: What a value that is not finite becomes.
        conversion: How values become those of the model; None: they are.

    Raises:
        DataError: A file is missing, damaged or does not fit, here or when it is read.
    """

    def __init__(
        self,
        sample: Sample,
        encoding: LabelEncoding,
        bands: Sequence[int] | None,
        fill: float = 0.0,
        conversion: Conversion | None = None,
    ) -> None:
        self.name = str(sample.image)
        self._conversion = conversion
        self._sample, self._labels, self._fill = sample, LabelReader(encoding), fill
        with open_raster(sample.image) as dataset:
            self.height, self.width = dataset.shape
            self.bands = list(bands) if bands else _spectral(dataset)
            if not 1 <= min(self.bands) <= max(self.bands) <= dataset.count:
                raise DataError(f"{self.name}: has {dataset.count} bands; choose some of these, counted from 1")
            stored = np.result_type(*(dataset.dtypes[b - 1] for b in self.bands))
            self.dtype = conversion.target if conversion is not None else stored

    def read(self, window: Window) -> Labelled:
        """Return the pixels of a window inside the scene; where one is no data, its label is `IGNORE`."""
        with open_raster(self._sample.image) as dataset:
            pixels = read_window(dataset, window, bands=self.bands)
            valid = read_valid(dataset, Validity.of(dataset, tuple(self.bands)), pixels, window)
        if pixels.dtype.kind == "f":
            finite = np.isfinite(pixels)
            valid &= finite.any(axis=0)
            pixels = np.where(finite, pixels, pixels.dtype.type(self._fill))
        if self._conversion is not None:
            pixels = self._conversion(pixels)
        classes = self._labels.read(self._sample, window)
        classes[~valid] = IGNORE
        return Labelled(pixels, classes, valid)


def _spectral(dataset: Raster) -> list[int]:
    from rasterio.enums import ColorInterp

    return [i for i, c in enumerate(dataset.colorinterp, 1) if c != ColorInterp.alpha]


class GeneratedScene:
    """A generated scene, whose truth is known: water 0, ice 1, cloud 2."""

    height = width = 512

    def __init__(self, seed: int) -> None:
        from seaice_cli.synthetic import SceneRecipe

        self.name = f"generated {seed}"
        self._recipe = SceneRecipe(height=self.height, width=self.width, seed=seed, collar=False)

    def read(self, window: Window) -> Labelled:
        """Return the pixels of a window inside the scene."""
        from seaice_cli.synthetic import generate

        pixels, classes = generate(self._recipe, window)
        return Labelled(pixels, classes, classes != IGNORE)


class SceneStore:
    """Reads windows of scenes, and keeps the scenes that are small enough as long as there is room."""

    def __init__(self, scenes: Sequence[TrainingScene], cache_bytes: int = CACHE_BYTES) -> None:
        self.scenes = list(scenes)
        self._kept: OrderedDict[int, Labelled] = OrderedDict()
        self._room = cache_bytes

    def read(self, scene: int, window: Window) -> Labelled:
        """Return the pixels of a window of a scene."""
        kept = self._kept.get(scene)
        if kept is not None:
            self._kept.move_to_end(scene)
            return kept.cut(window)
        source = self.scenes[scene]
        if source.height * source.width * 8 > WHOLE_BYTES:
            return source.read(window)
        whole = source.read(Window(col_off=0, row_off=0, width=source.width, height=source.height))
        self._keep(scene, whole)
        return whole.cut(window)

    def _keep(self, scene: int, whole: Labelled) -> None:
        self._kept[scene] = whole
        self._room -= whole.nbytes
        while self._room < 0 and self._kept:
            self._room += self._kept.popitem(last=False)[1].nbytes


class Crops(torch.utils.data.Dataset[tuple[torch.Tensor, ...]]):
    """Crops as tensors: pixels (bands, size, size) float32 in scene units, target int64, valid bool, and which it is.

    The last is (scene, row, column, size) of the crop, int64.
    """

    def __init__(self, store: SceneStore, size: int) -> None:
        self.store, self.size = store, size

    def __getitem__(self, crop: Crop) -> tuple[torch.Tensor, ...]:
        """Read a crop; what lies beyond a scene smaller than the crop is the scene reflected, as in prediction."""
        scene = self.store.scenes[crop.scene]
        height, width = min(crop.size, scene.height), min(crop.size, scene.width)
        window = Window(col_off=crop.column, row_off=crop.row, width=width, height=height)
        read = self.store.read(crop.scene, window)
        missing = (0, crop.size - height), (0, crop.size - width)
        pixels = torch.from_numpy(_reflected(read.pixels, ((0, 0), *missing)).astype(np.float32))
        classes = torch.from_numpy(_reflected(read.classes, missing).astype(np.int64))
        valid = torch.from_numpy(_reflected(read.valid, missing))
        which = torch.tensor((crop.scene, crop.row, crop.column, crop.size))
        return (*_resized(pixels, classes, valid, self.size), which)


def _reflected(values: npt.NDArray[Any], missing: tuple[tuple[int, int], ...]) -> npt.NDArray[Any]:
    return np.pad(values, missing, mode="symmetric") if any(m[1] for m in missing) else values


def _resized(
    pixels: torch.Tensor, classes: torch.Tensor, valid: torch.Tensor, size: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    if pixels.shape[-1] == size:
        return pixels, classes, valid
    shrinks = size < pixels.shape[-1]
    pixels = F.interpolate(pixels[None], (size, size), mode="bilinear", align_corners=False, antialias=shrinks)[0]
    nearest = F.interpolate(torch.stack((classes, valid.long()))[None].float(), (size, size), mode="nearest-exact")[0]
    return pixels, nearest[0].long(), nearest[1] > 0
