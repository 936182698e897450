"""Cutting scenes and their labels into tiles: georeferenced files, and a csv that says which scene each came from.

Training reads windows from scenes of any size and needs no tiles; they are for other tools and for published data sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.data.labels.encoding import LabelEncoding
from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.data.labels.reading import LabelReader, is_vector
from seaice_cli.data.rasters import RasterProfile, open_raster, profile_of, read_valid, read_window, write_raster
from seaice_cli.data.samples import Sample, write_samples
from seaice_cli.errors import DataError, OptionError
from seaice_cli.outputs import new_folder
from seaice_cli.raster.reading.opening import spectral_bands
from seaice_cli.raster.reading.validity import Validity
from seaice_cli.raster.windows.grid import Axis

LIST_FILE = "tiles.csv"
EDGES = ("shift", "pad", "drop")
NAMES = ("number", "place")
FORMATS = ("auto", "tif", "png")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How scenes are cut."""

    size: int = 512
    """Pixels of a tile, both ways."""
    overlap: int = 0
    """Pixels that two neighbours share, at least."""
    edge: str = "shift"
    """The last tile of a row or column is moved inwards ("shift"), filled up with nodata and ignore ("pad"), or left out if
    it is not whole ("drop")."""
    names: str = "number"
    """`scene_0`, `scene_1` ... row by row ("number"), or `scene_y0_y1_x0_x1` ("place"); a scene that is one tile keeps its name."""
    label_suffix: str = ""
    """What the names of label tiles carry behind those of the images."""
    skip: frozenset[str] = frozenset()
    """Stems of scenes to leave out."""
    format: str = "auto"
    """"tif", "png", or tif but for scenes that are PNG, JPEG or BMP files without georeferencing."""
    min_valid: float = 0.0
    """Tiles with a smaller share of pixels with data are left out."""
    min_labelled: float = 0.0
    """Tiles with a smaller share of pixels that are not ignored are left out."""
    ids: bool = False
    """Write labels as class ids instead of copying their own values, colours included."""

    @property
    def needs_rules(self) -> bool:
        """Whether it matters what the values of the labels stand for."""
        return self.ids or self.min_labelled > 0 or self.edge == "pad"

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.overlap < self.size:
            raise OptionError(f"a tile of {self.size} pixels cannot share {self.overlap} with the next")
        if self.edge not in EDGES or self.names not in NAMES or self.format not in FORMATS:
            raise ValueError(f"no such edge, names or format: {self.edge}, {self.names}, {self.format}")


KANG = Cut(size=512)
ISAID = Cut(
    size=800,
    overlap=200,
    names="place",
    label_suffix="_instance_color_RGB",
    skip=frozenset({"P1527", "P1530"}),
)
PRESETS = {"kang": KANG, "isaid": ISAID}


def tile_scenes(
    samples: Sequence[Sample],
    folder: Path,
    cut: Cut,
    *,
    encoding: LabelEncoding | None = None,
    overwrite: bool = False,
    progress: Callable[[Iterable[Sample]], Iterable[Sample]] = iter,
) -> list[Sample]:
    """Cut scenes and labels into `folder`/image, `folder`/gt and `folder`/tiles.csv.

    Args:
        samples: The scenes; read window by window, whatever their size.
        folder: A new or empty folder; it appears when all tiles are written.
        cut: Size, overlap, edge and names.
        encoding: What the labels' values stand for, where the cut needs to know.
        overwrite: Replace a folder that an earlier call made.
        progress: Wraps the samples, to show how far it is.

    Returns:
        The tiles, in the order of the csv, each in the group of its scene.

    Raises:
        DataError: Two scenes have one name, a label does not fit, or a file is damaged.
        OutputError: The folder holds files, or cannot be written.
        OptionError: There are vector labels, which can only be written as class ids.
    """
    kept = [s for s in samples if s.image.stem not in cut.skip]
    refuse_equal_names(kept)
    _refuse_vectors(kept, cut)
    reader = LabelReader(encoding)
    with new_folder(folder, overwrite=overwrite, marker=LIST_FILE) as partial:
        (partial / "image").mkdir()
        (partial / "gt").mkdir()
        tiles = [tile for sample in progress(kept) for tile in _tile_scene(sample, partial, cut, reader)]
        if not tiles:
            raise DataError("no tile is left to write; all scenes are smaller than a tile, or hold too little data")
        write_samples(tiles, partial / LIST_FILE)
    return [moved(tile, partial, folder) for tile in tiles]


def moved(tile: Sample, partial: Path, folder: Path) -> Sample:
    """Return a sample that was written below `partial` as it is found below `folder`."""
    label = folder / tile.label.relative_to(partial) if tile.label else None
    return Sample(folder / tile.image.relative_to(partial), label, tile.group)


def refuse_equal_names(samples: Sequence[Sample]) -> None:
    """Refuse scenes whose files would get one name.

    Raises:
        DataError: There are such scenes, or none at all.
    """
    known: dict[str, Path] = {}
    for sample in samples:
        before = known.setdefault(sample.image.stem, sample.image)
        if before != sample.image:
            raise DataError(
                f"{sample.image}: has the name of {before}, so their files would too; write them into two folders"
            )
    if not samples:
        raise DataError("no scene is left to cut")


def _refuse_vectors(samples: Sequence[Sample], cut: Cut) -> None:
    vector = next((s.label for s in samples if s.label and is_vector(s.label)), None)
    if vector and not cut.ids:
        raise OptionError(f"{vector}: a vector label has no values of its own to copy; write class ids (`ids`)")


def windows_of(height: int, width: int, cut: Cut) -> Iterator[Window]:
    """Yield the windows of a scene, row by row; with "pad" they may reach beyond it."""
    for top, rows in _spans(height, cut):
        for left, columns in _spans(width, cut):
            yield Window(col_off=left, row_off=top, width=columns, height=rows)


def _spans(length: int, cut: Cut) -> list[tuple[int, int]]:
    """Return (offset, size) of every tile along one axis."""
    size = cut.size if cut.edge == "pad" else min(cut.size, length)
    axis = Axis(length, size, min(cut.overlap, size - 1) if length > cut.size else 0)
    stride = cut.size - cut.overlap
    if cut.edge == "shift" or len(axis) == 1:
        return [(offset, size) for offset in axis.offsets] if cut.edge != "drop" or length >= cut.size else []
    offsets = [i * stride for i in range(len(axis))]
    return [(o, size) for o in offsets if cut.edge == "pad" or o + size <= length]


def _tile_scene(sample: Sample, folder: Path, cut: Cut, reader: LabelReader) -> Iterator[Sample]:
    with ExitStack() as stack:
        image = stack.enter_context(open_raster(sample.image))
        label = _open_label(stack, sample, image, cut)
        profile = profile_of(image)
        suffix = suffix_of(sample.image, image, cut.format)
        for number, window in enumerate(windows_of(image.height, image.width, cut)):
            ids = reader.read(sample, window) if sample.label and cut.needs_rules else None
            if _too_empty(image, ids, window, cut):
                continue
            name = sample.image.stem if _is_whole(window, image) else _name(sample.image.stem, number, window, cut)
            target = folder / "image" / f"{name}{suffix}"
            if target.exists():
                raise DataError(
                    f"{sample.image}: its tile {name} has the name of another scene's; rename one of the scenes"
                )
            _write_image(target, image, window, profile)
            label_stem = folder / "gt" / f"{name}{cut.label_suffix}"
            if label is not None:
                yield Sample(target, _copy_label(label, window, label_stem), sample.group)
            else:
                yield Sample(target, _write_ids(ids, window, label_stem, profile), sample.group)


def _write_image(target: Path, image: Any, window: Window, profile: RasterProfile) -> None:
    fill = profile.nodata if profile.nodata is not None else 0
    pixels = read_window(image, window, bands=list(image.indexes), fill=fill)
    valid = _valid(image, window) if profile.masked else None
    write_raster(target, pixels, profile.at(window), valid=valid)


def _valid(image: Any, window: Window) -> npt.NDArray[np.bool_]:
    bands = spectral_bands(image)
    pixels = read_window(image, window, bands=list(bands))
    return read_valid(image, Validity.of(image, bands), pixels, window)


def _too_empty(image: Any, ids: npt.NDArray[np.uint8] | None, window: Window, cut: Cut) -> bool:
    if cut.min_valid > 0 and float(_valid(image, window).mean()) < cut.min_valid:
        return True
    return ids is not None and float((ids != IGNORE).mean()) < cut.min_labelled


def _open_label(stack: ExitStack, sample: Sample, image: Any, cut: Cut) -> Any:
    """Open a label whose values are to be copied; None where there is none, or class ids are written."""
    if sample.label is None or cut.ids or cut.edge == "pad":
        return None
    label = stack.enter_context(open_raster(sample.label))
    if label.shape != image.shape:
        raise DataError(
            f"{sample.label}: {label.width} x {label.height} pixels where the image has {image.width} x {image.height}"
        )
    return label


def _write_ids(ids: npt.NDArray[np.uint8] | None, window: Window, stem: Path, profile: RasterProfile) -> Path | None:
    if ids is None:
        return None
    target = stem.with_name(f"{stem.name}.png" if profile.crs is None else f"{stem.name}.tif")
    write_raster(target, ids[None], profile.of_ids().at(window))
    return target


def _copy_label(label: Any, window: Window, stem: Path) -> Path:
    own = profile_of(label)
    target = stem.with_name(stem.name + (".tif" if own.crs is not None or not own.fits_png else ".png"))
    write_raster(target, read_window(label, window, bands=list(label.indexes)), own.at(window))
    return target


def _is_whole(window: Window, image: Any) -> bool:
    return bool(window.width >= image.width and window.height >= image.height)


def _name(stem: str, number: int, window: Window, cut: Cut) -> str:
    if cut.names == "number":
        return f"{stem}_{number}"
    top, left = window.row_off, window.col_off
    return f"{stem}_{top}_{top + window.height}_{left}_{left + window.width}"


def suffix_of(path: Path, image: Any, file_format: str) -> str:
    """Return the suffix of what is written of an image: as `Cut.format` says.

    Raises:
        DataError: The image does not fit a PNG.
    """
    plain = path.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp") and image.crs is None
    suffix = (".png" if plain else ".tif") if file_format == "auto" else f".{file_format}"
    if suffix == ".png" and not profile_of(image).fits_png:
        if file_format == "auto":
            return ".tif"
        masked = " and a mask of where there is data" if profile_of(image).masked else ""
        raise DataError(f"{path}: {image.count} bands of {image.dtypes[0]}{masked} do not fit a PNG; write tif")
    return suffix
