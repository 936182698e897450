"""Pairs of images and labels in folders, by the stem of their names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from seaice_cli.errors import DataError
from seaice_cli.raster.reading.sources import VECTORS

IMAGE_FOLDERS = ("image", "images", "img", "imgs", "scene", "scenes")
LABEL_FOLDERS = ("gt", "label", "labels", "mask", "masks", "ann", "annotations")
SPLIT_FOLDERS = ("all", "train", "val", "test")
RASTERS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".bmp", ".vrt", ".img")
LABEL_SUFFIXES = ("_instance_color_RGB", "_instance_color_rgb", "_label", "_mask", "_gt")
"""What label files carry behind the stem of their image."""


def pair_folder(folder: Path, label_dir: Path | None = None) -> list[tuple[Path, Path | None]]:
    """Return the images of a folder with their labels, sorted by name.

    Raises:
        DataError: The folder is not built as a pair of folders or a folder of images, a stem stands for two files, or
            images and labels do not match one to one.
    """
    images, labels = list_folder(folder, label_dir)
    lonely = [image for stem, image in images.items() if stem not in labels] if labels else []
    orphans = [label for stem, label in labels.items() if stem not in images]
    if lonely or orphans:
        first, what = (lonely[0], "label") if lonely else (orphans[0], "image")
        raise DataError(
            f"{first}: has no {what} of the same stem ({len(lonely)} images and {len(orphans)} labels stand alone)"
        )
    return [(image, labels.get(stem)) for stem, image in images.items()]


def list_folder(folder: Path, label_dir: Path | None = None) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the images and the labels of a folder, each by the stem they share.

    Raises:
        DataError: The folder is not built as a pair of folders or a folder of images, or a stem stands for two files.
    """
    image_dir = _subfolder(folder, IMAGE_FOLDERS)
    label_dir = label_dir or _subfolder(folder, LABEL_FOLDERS)
    if image_dir is None and label_dir and label_dir.parent == folder:
        raise DataError(
            f"{folder}: holds labels in {label_dir.name}/ but no folder of images ({', '.join(IMAGE_FOLDERS)})"
        )
    files = _files(image_dir or folder)
    if not files:
        raise DataError(f"{image_dir or folder}: holds no images{_hint(folder)}")
    if label_dir:
        return _by_stem(f for f in files if f.suffix.lower() in RASTERS), _by_stem(_files(label_dir), LABEL_SUFFIXES)
    return _side_by_side(files)


def _side_by_side(files: Sequence[Path]) -> tuple[dict[str, Path], dict[str, Path]]:
    rasters = {_without(f.stem, ()): f for f in files if f.suffix.lower() in RASTERS}
    labels = [f for f in files if _label_beside(f, rasters)]
    return _by_stem(f for f in files if f.suffix.lower() in RASTERS and f not in labels), _by_stem(
        labels, LABEL_SUFFIXES
    )


def _label_beside(file: Path, rasters: Mapping[str, Path]) -> bool:
    stem = _without(file.stem, LABEL_SUFFIXES)
    return stem in rasters and (stem != _without(file.stem, ()) or file.suffix.lower() in VECTORS)


def _subfolder(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _files(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error
    return [f for f in entries if f.suffix.lower() in RASTERS + VECTORS and not f.name.startswith(".")]


def _by_stem(files: Iterable[Path], suffixes: Sequence[str] = ()) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        stem = _without(file.stem, suffixes)
        if stem in found:
            raise DataError(f"{file}: has the same stem as {found[stem].name}; name the pairs in a csv")
        found[stem] = file
    return found


def _without(stem: str, suffixes: Sequence[str]) -> str:
    """Return a stem without what labels carry behind it; letters with accents are composed, as one tool writes and another does not."""
    stem = unicodedata.normalize("NFC", stem)
    return next((stem.removesuffix(s) for s in suffixes if stem.endswith(s)), stem)


def _hint(folder: Path) -> str:
    splits = [
        str(path) for name in SPLIT_FOLDERS for path in (folder / name, *folder.glob(f"*/{name}")) if path.is_dir()
    ]
    return f"; name one of {', '.join(splits)}" if splits else f" ({', '.join(RASTERS)})"
