"""What is wrong with a data set, found before a training run finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.data.folders import list_folder
from seaice_cli.data.labels.encoding import LabelEncoding
from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.data.labels.reading import LabelReader, encoding_for, is_vector, values_of
from seaice_cli.data.rasters import open_raster, open_scene, strips
from seaice_cli.data.samples import Row, Sample, read_rows, resolve
from seaice_cli.data.splitting import find_leaks, pixel_digest
from seaice_cli.errors import DataError, SceneError
from seaice_cli.raster.polygons.reading import count_values
from seaice_cli.raster.reading.raster import Raster

ERROR, WARNING = "error", "warning"
MIN_BLIND_SHARE = 0.01
"""Labelled pixels without data in the image are mentioned from this share on."""
MAX_SHIFT = 0.01
"""Pixels by which the corners of a label may lie off its image."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    level: str
    """"error" or "warning"."""
    fault: str
    """One word: source, file, label, place, bands, empty, blind, nodata, duplicate, leak or class."""
    where: str
    """The list and line, or the file."""
    text: str


@dataclass(slots=True)
class _Split:
    """What is known of one source while it is looked at."""

    name: str
    samples: list[tuple[Row, Sample]] = field(default_factory=list)
    kind: tuple[int, str] | None = None
    """Bands and type of its first image."""
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, dtype=np.int64))


def check_sources(
    sources: Sequence[Path],
    encoding: LabelEncoding,
    *,
    image_dir: Path | None = None,
    label_dir: Path | None = None,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Iterator[Finding]:
    """Yield everything wrong with the samples of some sources, each of which is a split of its own.

    Every file is opened and read once, in strips. Errors would stop a training run or make its score worthless;
    warnings are worth a look.

    Args:
        sources: csv, json lists or folders; one for each split.
        encoding: How labels become classes; completed by the values found in all masks.
        image_dir: Where the images of lists are.
        label_dir: Where the labels of lists are.
        progress: Wraps the samples, to show how far it is.
    """
    splits = [_Split(str(source)) for source in sources]
    for source, split in zip(sources, splits, strict=True):
        yield from _resolve(source, split, image_dir, label_dir)
    complete = encoding_for(_values(splits), encoding)
    reader, digest = LabelReader(complete), cache(_digest)
    for split in splits:
        for row, sample in progress(split.samples):
            yield from _check_sample(row, sample, split, reader)
        yield from _duplicates(split, digest)
    yield from _missing_classes(splits)
    yield from _leaks(splits, digest)


def _resolve(source: Path, split: _Split, image_dir: Path | None, label_dir: Path | None) -> Iterator[Finding]:
    rows: Sequence[Row | Finding]
    try:
        rows = list(_folder_rows(source, label_dir)) if source.is_dir() else read_rows(source)
    except DataError as error:
        yield Finding(ERROR, "source", str(source), _without(str(error), str(source)))
        return
    for row in rows:
        if isinstance(row, Finding):
            yield row
            continue
        try:
            sample = resolve(row, root=source.parent, image_dir=image_dir, label_dir=label_dir)
            split.samples.append((row, sample))
        except DataError as error:
            yield Finding(ERROR, "file", row.where, _without(str(error), row.where))


def _folder_rows(folder: Path, label_dir: Path | None) -> Iterator[Row | Finding]:
    images, labels = list_folder(folder, label_dir)
    for stem, image in images.items():
        if labels and stem not in labels:
            yield Finding(ERROR, "file", str(image), "has no label of the same stem")
        else:
            yield Row(str(image), str(image), str(labels.get(stem, "")))
    for stem, label in labels.items():
        if stem not in images:
            yield Finding(ERROR, "file", str(label), "has no image of the same stem")


def _values(splits: Sequence[_Split]) -> set[float]:
    seen: set[float] = set()
    for split in splits:
        for _, sample in split.samples:
            if sample.label and not is_vector(sample.label):
                try:
                    seen |= values_of(sample.label)
                except DataError:  # found again, and said, where the sample is checked
                    continue
    return seen


def _check_sample(row: Row, sample: Sample, split: _Split, reader: LabelReader) -> Iterator[Finding]:
    try:
        yield from _check_image(row, sample, split)
        yield from _check_place(row, sample)
        yield from _check_pixels(row, sample, split, reader)
    except SceneError as error:
        yield Finding(ERROR, "file", row.where, str(error))
    except DataError as error:
        yield Finding(ERROR, "label", row.where, str(error))


def _check_image(row: Row, sample: Sample, split: _Split) -> Iterator[Finding]:
    with open_scene(sample.image) as scene:
        kind = len(scene.bands), str(scene.dtype)
    split.kind = split.kind or kind
    if kind != split.kind:
        text = "{} bands of {} where the first image has {} of {}".format(*kind, *split.kind)
        yield Finding(ERROR, "bands", row.where, f"{sample.image}: {text}")


def _check_place(row: Row, sample: Sample) -> Iterator[Finding]:
    label = sample.label
    if label is None or is_vector(label):
        return
    with open_raster(sample.image) as image, open_raster(label) as other:
        if image.crs is None or other.crs is None:
            return
        if image.crs != other.crs:
            yield Finding(ERROR, "place", row.where, f"label in {_crs(other)}, image in {_crs(image)}")
            return
        to_image = ~image.transform @ other.transform
        corners = [(0, 0), (image.width, 0), (0, image.height), (image.width, image.height)]
        shift = max(abs(v - w) for corner in corners for v, w in zip(to_image @ corner, corner, strict=True))
        if shift > MAX_SHIFT:
            yield Finding(ERROR, "place", row.where, f"label and image lie up to {shift:.3g} pixels apart")


def _crs(dataset: Raster) -> str:
    return str(dataset.crs.to_string())[:60]


def _check_pixels(row: Row, sample: Sample, split: _Split, reader: LabelReader) -> Iterator[Finding]:
    counts = np.zeros(256, dtype=np.int64)
    blind = 0
    with open_scene(sample.image) as scene:
        for window in strips(scene.height, scene.width):
            valid = scene.read(window.row_off, window.row_off + window.height).valid
            if sample.label is None:
                continue
            ids = reader.read(sample, window)
            counts += np.bincount(ids.ravel(), minlength=256)
            blind += 0 if valid is None else int(((ids != IGNORE) & ~valid).sum())
    split.counts += counts
    if sample.label is not None:
        yield from _check_meaning(row, sample.label, reader.encoding)
    labelled = int(counts[:IGNORE].sum())
    if sample.label is not None and not labelled:
        yield Finding(ERROR, "empty", row.where, f"{sample.label}: every pixel is ignored")
    elif blind > MIN_BLIND_SHARE * labelled:
        yield Finding(
            WARNING, "blind", row.where, f"{blind / labelled:.0%} of the labelled pixels have no data in the image"
        )


def _check_meaning(row: Row, label: Path, encoding: LabelEncoding) -> Iterator[Finding]:
    """Tell of labels that say something else than they seem to."""
    if is_vector(label):
        several = (
            [n for n, k in count_values(label, layer=encoding.layer).items() if k > 1] if not encoding.attribute else []
        )
        if several:
            text = f"{label}: all its polygons become class 1; if {' or '.join(several[:4])} names their class, name it as `attribute`"
            yield Finding(WARNING, "class", row.where, text)
        return
    with open_raster(label) as dataset:
        nodata = dataset.nodatavals[0]
        if nodata is None or encoding.palette or encoding.names(nodata) or encoding.class_of(nodata) in (None, IGNORE):
            return
        pixels = sum(int((dataset.read(1, window=w) == nodata).sum()) for w in strips(dataset.height, dataset.width))
    if pixels:
        text = (
            f"{label}: declares {nodata:g} as nodata, so its {pixels} pixels of that class are ignored; if they are meant, name the "
            f"value in `values`, as in {nodata:g}:{nodata:g}"
        )
        yield Finding(WARNING, "nodata", row.where, text)


def _duplicates(split: _Split, digest: Callable[[Path], str]) -> Iterator[Finding]:
    seen: dict[str, Path] = {}
    for row, sample in split.samples:
        content = digest(sample.image)
        before = seen.setdefault(content, sample.image) if content else sample.image
        if before.resolve() != sample.image.resolve():
            yield Finding(WARNING, "duplicate", row.where, f"{sample.image}: has the pixels of {before}")


def _missing_classes(splits: Sequence[_Split]) -> Iterator[Finding]:
    everywhere = sum((s.counts for s in splits), np.zeros(256, dtype=np.int64))
    for split in splits:
        if split.counts[:IGNORE].any():
            for class_id in np.flatnonzero((everywhere[:IGNORE] > 0) & (split.counts[:IGNORE] == 0)):
                yield Finding(WARNING, "class", split.name, f"class {class_id} does not occur")


def _leaks(splits: Sequence[_Split], digest: Callable[[Path], str]) -> Iterator[Finding]:
    rows = {sample.image: row.where for split in splits for row, sample in split.samples}
    for leak in find_leaks({split.name: [s for _, s in split.samples] for split in splits}, digest=digest):
        yield Finding(ERROR, "leak", rows[leak.second], f"{leak.reason} {leak.first}")


def _digest(image: Path) -> str:
    try:
        return pixel_digest(image)
    except DataError:  # said where the sample is checked
        return ""


def _without(text: str, where: str) -> str:
    return text.removeprefix(where).lstrip(":, ")
