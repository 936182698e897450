"""Which images belong to which labels: lists and folders of training and reference data.

A source of samples is one of

    train.csv     header `image,label`, and `group` if wanted; a label may be left empty
    train.json    [{"filename": IMAGE, "ann": {"seg_map": LABEL}}, ...], `ann` left out where there is no label
    a folder      image/ and gt/ (or images/ and labels/, img/ and masks/ ...), paired by the stem of the file name
    a folder      images only, or with their labels beside them (`<stem>_label.tif`, `<stem>_instance_color_RGB.png`)

Paths in a list are relative to the list, or else to the working directory; with `image_dir` and `label_dir` they are
looked for there, bare names included.

The *group* of a sample is the scene it was cut from. Siblings (tiles of one scene; Aqua and Terra over one region on
one day) look alike, so a score is only worth something if they stay in one split. A `group` column states it;
otherwise it is read from the stem of the image, by `scene_of`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seaice_cli.data.folders import pair_folder
from seaice_cli.errors import DataError

MAX_LIST_BYTES = 64 * 2**20
"""A list longer than this is no list of scenes; refused before it is read."""
COLUMNS = ("image", "label", "group")

_TILE = re.compile(r"_\d+_\d+_\d+_\d+$|_\d{1,4}$")
_PLATFORM = re.compile(r"[._-](aqua|terra|snpp|noaa20|noaa21|unknown)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sample:
    """An image, its label, and the scene they come from."""

    image: Path
    label: Path | None
    """A raster of the image's size, or a vector file; None where there is no label."""
    group: str
    """Samples of one group stay in one split."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a source as it stands there, before anybody looked whether its files exist."""

    where: str
    """The file and line, for messages."""
    image: str
    label: str
    """Empty: no label."""
    group: str = ""
    """Empty: read from the image's name."""


def scene_of(image: Path | str) -> str:
    """Return the scene an image belongs to, by its name.

    From the stem of the file name, a tile's number (`1073_3`, at most four digits, so that dates stay), or a tile's
    place (`P0001_0_800_600_1400`), is taken off the end, and then a satellite (`.aqua`, `.terra`, `.unknown` ...).
    """
    stem = Path(image).stem
    scene = _PLATFORM.sub("", _TILE.sub("", stem))
    return scene or stem


def read_samples(path: Path, *, image_dir: Path | None = None, label_dir: Path | None = None) -> list[Sample]:
    """Read the samples of a csv, a json list or a folder, in the order they stand there (folders: by name).

    Args:
        path: The list or folder.
        image_dir: Where the images of a list are.
        label_dir: Where the labels of a list, or of a folder of images, are.

    Raises:
        DataError: The source is missing, empty, no list, or names a file that is not there; the text names the line.
    """
    rows = read_rows(path, label_dir=label_dir)
    return [resolve(row, root=path.parent, image_dir=image_dir, label_dir=label_dir) for row in rows]


def read_sources(
    paths: Sequence[Path], *, image_dir: Path | None = None, label_dir: Path | None = None
) -> list[Sample]:
    """Read the samples of several sources, one after the other.

    Raises:
        DataError: As `read_samples`.
    """
    return [sample for path in paths for sample in read_samples(path, image_dir=image_dir, label_dir=label_dir)]


def read_rows(path: Path, *, label_dir: Path | None = None) -> list[Row]:
    """Read the entries of a csv, a json list or a folder without looking for the files they name.

    Raises:
        DataError: The source is missing, empty, too large, not in UTF-8, or not built as a list of samples is.
    """
    if path.is_dir():
        pairs = pair_folder(path, label_dir)
        rows = [Row(str(path), str(image), str(label or "")) for image, label in pairs]
    elif path.suffix.lower() == ".json":
        rows = _json_rows(path, _read_text(path))
    else:
        rows = _csv_rows(path, _read_text(path))
    if not rows:
        raise DataError(f"{path}: holds no samples")
    return rows


def resolve(row: Row, *, root: Path, image_dir: Path | None = None, label_dir: Path | None = None) -> Sample:
    """Find the files of a row.

    Raises:
        DataError: One of them does not exist.
    """
    image = _find(row.where, "image", row.image, root, image_dir)
    label = _find(row.where, "label", row.label, root, label_dir) if row.label else None
    return Sample(image, label, row.group or scene_of(image))


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_LIST_BYTES:
            raise DataError(
                f"{path}: {size / 2**20:.0f} MiB is too large for a list of samples; is it the data itself?"
            )
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); name a csv, a json list or a folder") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not in UTF-8 (byte {error.start}); save it as UTF-8 text") from error


def _csv_rows(path: Path, text: str) -> list[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
    try:
        names = [(name or "").strip() for name in reader.fieldnames or ()]
        _check_columns(path, names)
        reader.fieldnames = names
        return [_csv_row(f"{path}, line {reader.line_num}", values) for values in reader]
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: no valid csv ({error})") from error


def _check_columns(path: Path, names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "image" not in names or len(set(names)) < len(names):
        fault = f"unknown column {unknown[0][:80]!r}" if unknown else "no column `image`, or a column twice"
        raise DataError(
            f"{path}: {fault if names else 'empty'}; the first line must be `image,label` or `image,label,group`"
        )


def _csv_row(where: str, values: dict[str, Any]) -> Row:
    if "" in values or None in values.values():
        raise DataError(f"{where}: more or fewer values than columns; quote names that hold a comma")
    texts = {name: value.strip() for name, value in values.items()}
    if not texts["image"]:
        raise DataError(f"{where}: names no image")
    return Row(where, texts["image"], texts.get("label", ""), texts.get("group", ""))


def _json_rows(path: Path, text: str) -> list[Row]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: no valid JSON ({error})") from error
    if not isinstance(entries, list):
        raise DataError(f'{path}: must hold one list of {{"filename": ..., "ann": {{"seg_map": ...}}}}')
    return [_json_row(f"{path}, entry {number}", entry) for number, entry in enumerate(entries, 1)]


def _json_row(where: str, entry: Any) -> Row:
    match entry:
        case {"filename": str(image), "ann": {"seg_map": str(label)}} if image and label:
            return Row(where, image, label)
        case {"filename": str(image)} if image and "ann" not in entry:
            return Row(where, image, "")
    raise DataError(f'{where}: must be {{"filename": ..., "ann": {{"seg_map": ...}}}}, or without "ann"')


def _find(where: str, what: str, text: str, root: Path, folder: Path | None) -> Path:
    name = Path(text if "/" in text else text.replace("\\", "/"))  # lists written on Windows
    places = [folder / name, folder / name.name] if folder else [root / name, name]
    for place in places:
        if found := _found(place):
            return found
    tried = " or ".join(dict.fromkeys(str(p) for p in places))
    raise DataError(
        f"{where}: {what} {tried[:400]!r} does not exist; mend the path or say which folder the {what}s are in"
    )


def _found(path: Path) -> Path | None:
    """Return a file of this name, also where its letters with accents are composed in the list alone, or on the disk alone."""
    try:
        for form in (str(path), *(unicodedata.normalize(form, str(path)) for form in ("NFC", "NFD"))):
            if Path(form).exists():
                return Path(form)
        same = unicodedata.normalize("NFC", path.name)
        return next((f for f in path.parent.iterdir() if unicodedata.normalize("NFC", f.name) == same), None)
    except (OSError, ValueError):  # a name too long for the file system, or with a zero byte
        return None


def write_samples(samples: Iterable[Sample], path: Path) -> None:
    """Write a list of samples, as json if the path ends so, else as csv with the groups, paths relative to the list."""
    entries = [(_relative(s.image, path), _relative(s.label, path), s.group) for s in samples]
    if path.suffix.lower() == ".json":
        content = [{"filename": i} | ({"ann": {"seg_map": label}} if label else {}) for i, label, _ in entries]
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(entries)


def _relative(file: Path | None, list_path: Path) -> str:
    if file is None:
        return ""
    real = (
        file.parent.resolve() / file.name
    )  # a link to a folder would lead `..` astray; a link to an image keeps its name
    return Path(os.path.relpath(real, list_path.parent.resolve())).as_posix()
