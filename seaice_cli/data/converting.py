"""Labels written as class ids: colours, other values and polygons become a mask that every tool reads alike."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.data.folders import RASTERS
from seaice_cli.data.labels.encoding import MAX_VALUE, LabelEncoding
from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.data.labels.reading import LabelReader
from seaice_cli.data.rasters import encode_png, open_raster, profile_of, whole, write_streamed
from seaice_cli.data.samples import Sample
from seaice_cli.errors import DataError, OptionError
from seaice_cli.outputs import new_file, refuse_target
from seaice_cli.raster.reading.opening import spectral_bands
from seaice_cli.raster.reading.validity import Validity

NAIC_VALUES = {c: 100 * (c + 1) for c in range(8)}
"""What NAIC's submissions write for each class id."""
SUBMISSION_FOLDER = "results"
_BLOCK = 1024


def write_ids(sample: Sample, target: Path, encoding: LabelEncoding, *, overwrite: bool = False) -> None:
    """Write a label as class ids (uint8, 255 = ignore) on the pixels of its image, georeferenced like it.

    Args:
        sample: An image and its label; they may be one file, whose values or colours are then converted.
        target: A .tif or .png file.
        encoding: What the label's values, colours or attributes stand for.
        overwrite: Replace a file that is there.

    Raises:
        DataError: The label does not fit the image or the encoding.
        OutputError: The target exists or cannot be written.
    """
    if target.suffix.lower() not in (".tif", ".tiff", ".png"):
        raise OptionError(f"{target}: labels are written as .tif or .png")
    reader = LabelReader(encoding)
    with open_raster(sample.image) as image, new_file(target, overwrite=overwrite) as partial:
        size = whole(image)
        chips = ((window, reader.read(sample, window)) for window in _blocks(size))
        write_streamed(partial, chips, profile_of(image), size)


def _blocks(size: Window) -> Iterator[Window]:
    for top in range(0, size.height, _BLOCK):
        for left in range(0, size.width, _BLOCK):
            height, width = min(_BLOCK, size.height - top), min(_BLOCK, size.width - left)
            yield Window(col_off=left, row_off=top, width=width, height=height)


def plan_conversion(source: Path, target: Path, *, overwrite: bool) -> list[tuple[Path, Path]]:
    """Return (label, target) for a label, or for every label of a folder, which then go to a folder under their own names.

    Raises:
        DataError: The source does not exist or holds no rasters.
        OutputError: A target exists and `overwrite` is not set.
    """
    if not source.is_dir():
        if not source.exists():
            raise DataError(f"{source}: no such file or folder")
        refuse_target(target, overwrite=overwrite)
        return [(source, target)]
    labels = find_rasters([source])
    pairs = [(f, target / f"{f.stem}{'.tif' if f.suffix.lower() in ('.tif', '.tiff') else '.png'}") for f in labels]
    target.mkdir(parents=True, exist_ok=True)
    for _, path in pairs:
        refuse_target(path, overwrite=overwrite)
    return pairs


def find_rasters(paths: Sequence[Path]) -> list[Path]:
    """Return the rasters among files and in folders, in order.

    Raises:
        DataError: A folder holds none, or two rasters have one stem.
    """
    found: dict[str, Path] = {}
    for path in paths:
        files = [path]
        if path.is_dir():
            files = [f for f in sorted(path.iterdir()) if f.suffix.lower() in RASTERS and not f.name.startswith(".")]
        if not files:
            raise DataError(f"{path}: holds no rasters ({', '.join(RASTERS)})")
        for file in files:
            if (before := found.setdefault(file.stem, file)) != file:
                raise DataError(f"{file}: has the name of {before}; the results would too")
    return list(found.values())


def zip_masks(masks: Sequence[Path], target: Path, values: Mapping[int, int], *, overwrite: bool = False) -> None:
    """Write masks of class ids as PNGs `results/<stem>.png` into a zip, each id as the value that stands for it.

    Args:
        masks: Rasters of class ids.
        target: The zip; the same masks give the same bytes.
        values: The value of every class id, up to 65535.
        overwrite: Replace a file that is there.

    Raises:
        DataError: A mask is damaged, or holds an id that no value stands for.
        OutputError: The target exists or cannot be written.
    """
    table = np.full(256, -1, dtype=np.int64)
    table[list(values)] = list(values.values())
    dtype = "uint8" if max(values.values()) <= 255 else "uint16"
    with new_file(target, overwrite=overwrite) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for mask in masks:
            member = zipfile.ZipInfo(f"{SUBMISSION_FOLDER}/{mask.stem}.png")
            archive.writestr(member, encode_png(_mapped(mask, table).astype(dtype)))


def _mapped(mask: Path, table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    with open_raster(mask) as dataset:
        bands = spectral_bands(dataset)
        if len(bands) != 1 or dataset.dtypes[0] != "uint8":
            raise DataError(
                f"{mask}: holds {dataset.count} bands of {dataset.dtypes[0]}; a mask is one band of class ids"
            )
        ids, validity = dataset.read(list(bands)), Validity.of(dataset, bands)
        picture = validity.nodata == (None,) and not validity.mask
        ids = np.where(validity.read(dataset, ids), ids[0], IGNORE)
    if not set(np.unique(ids)) - {0, 255} and table[255] < 0 and picture:
        ids = np.where(ids == 255, 1, ids)  # as `predict` writes pictures of ice
    if (wrong := table[ids] < 0).any():
        raise DataError(f"{mask}: no value stands for class {ids[wrong][0]}; name one for it")
    return np.asarray(table[ids])


def parse_out_values(text: str) -> dict[int, int]:
    """Read which value stands for which class id in a zip: `naic`, or pairs such as `0:100,1:200`.

    Raises:
        DataError: The text is no such map.
    """
    if text == "naic":
        return dict(NAIC_VALUES)
    pairs = [pair.split(":") for pair in text.split(",")]
    try:
        values = {int(class_id): int(value) for class_id, value in pairs}
    except ValueError:
        values = {}
    if (
        not values
        or len(values) < len(pairs)
        or not all(0 <= c <= 255 and 0 <= v <= MAX_VALUE for c, v in values.items())
    ):
        raise DataError(
            f"value map {text!r}: must be naic or pairs ID:VALUE such as 0:100,1:200, values up to {MAX_VALUE}"
        )
    return values
