"""Whole scenes and labels brought to one size, whatever of the ground a pixel then covers.

Training reads windows in the resolution of the scene and needs none of this; it is for repeating what was trained on
resized scenes. A network so trained wants resized scenes afterwards, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.enums import ColorInterp, Resampling

from seaice_cli.data.labels.encoding import LabelEncoding
from seaice_cli.data.labels.reading import LabelReader
from seaice_cli.data.rasters import RasterProfile, open_raster, profile_of, write_raster
from seaice_cli.data.samples import Sample, write_samples
from seaice_cli.data.tiling import FORMATS, moved, refuse_equal_names, suffix_of
from seaice_cli.errors import OptionError
from seaice_cli.outputs import new_folder
from seaice_cli.raster.reading.opening import spectral_bands
from seaice_cli.raster.reading.validity import Validity

LIST_FILE = "scenes.csv"


def resize_scenes(
    samples: Sequence[Sample],
    folder: Path,
    size: int,
    *,
    file_format: str = "auto",
    encoding: LabelEncoding | None = None,
    overwrite: bool = False,
    progress: Callable[[Iterable[Sample]], Iterable[Sample]] = iter,
) -> list[Sample]:
    """Write scenes and labels of `size` x `size` pixels into `folder`/image, `folder`/gt and `folder`/scenes.csv.

    Pixels are means of what they cover where a scene shrinks, and in between their neighbours where it grows. Labels
    are written as class ids, each that of the pixel nearest to the middle. Georeferencing goes along.

    Args:
        samples: The scenes, with or without labels.
        folder: A new or empty folder; it appears when all is written.
        size: Pixels along either side, 1 or more.
        file_format: "tif", "png", or "auto" as for tiles.
        encoding: What the labels' values stand for.
        overwrite: Replace a folder that an earlier call made.
        progress: Wraps the samples, to show how far it is.

    Returns:
        The resized samples, in the order of the csv.

    Raises:
        DataError: Two scenes have one name, a label does not fit, or a file is damaged.
        OutputError: The folder holds files, or cannot be written.
        OptionError: The size is none.
    """
    if size < 1 or file_format not in FORMATS:
        raise OptionError(f"no scene can be resized to {size} pixels, or written as {file_format}")
    refuse_equal_names(samples)
    reader = LabelReader(encoding)
    with new_folder(folder, overwrite=overwrite, marker=LIST_FILE) as partial:
        (partial / "image").mkdir()
        (partial / "gt").mkdir()
        resized = [_resize(sample, partial, size, file_format, reader) for sample in progress(samples)]
        write_samples(resized, partial / LIST_FILE)
    return [moved(sample, partial, folder) for sample in resized]


def _resize(sample: Sample, folder: Path, size: int, file_format: str, reader: LabelReader) -> Sample:
    with open_raster(sample.image) as image:
        profile = _resized_profile(image, size)
        target = folder / "image" / f"{sample.image.stem}{suffix_of(sample.image, image, file_format)}"
        shrinks = size < min(image.height, image.width)
        how = Resampling.average if shrinks else Resampling.bilinear
        pixels = image.read(out_shape=(image.count, size, size), resampling=how)
        valid = _nearest_valid(image, size) if profile.masked or ColorInterp.alpha in image.colorinterp else None
        if (
            valid is not None and ColorInterp.alpha in image.colorinterp
        ):  # no half-transparent pixels: these would count as data
            opaque = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1
            pixels[image.colorinterp.index(ColorInterp.alpha)] = np.where(valid, opaque, 0)
        write_raster(target, pixels, profile, valid=valid if profile.masked else None)
    if sample.label is None:
        return Sample(target, None, sample.group)
    ids = _nearest(reader.read(sample), size)
    label = folder / "gt" / f"{sample.image.stem}{'.png' if profile.crs is None else '.tif'}"
    write_raster(label, ids[None], profile.of_ids())
    return Sample(target, label, sample.group)


def _nearest_valid(image: Any, size: int) -> npt.NDArray[np.bool_]:
    """Return whether the pixel nearest to the middle of each new one holds data, (size, size)."""
    bands = spectral_bands(image)
    pixels = image.read(list(bands), out_shape=(len(bands), size, size))
    return Validity.of(image, bands).read(image, pixels, out_shape=(size, size))


def _resized_profile(image: Any, size: int) -> RasterProfile:
    scale = Affine.scale(image.width / size, image.height / size)
    return replace(profile_of(image), transform=image.transform @ scale)


def _nearest(ids: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    rows, columns = (((np.arange(size) + 0.5) * length / size).astype(np.intp) for length in ids.shape)
    return np.asarray(ids[rows[:, None], columns])
