"""Splits of samples into training and validation sets that share no scene.

A random split of tiles puts tiles of one scene on both sides; the validation score then says how well a network
remembers, not how well it sees. So scenes are split, not tiles, and every split can be looked at for leaks: siblings
of one scene, and images with the same pixels.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from seaice_cli.data.rasters import open_raster, strips
from seaice_cli.data.samples import Sample
from seaice_cli.errors import DataError

SPLIT_NAMES = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Leak:
    """Two samples of different splits that are too alike."""

    first: Path
    second: Path
    reason: str


def parse_ratio(text: str) -> tuple[float, ...]:
    """Read a ratio such as `9:1` or `8:1:1`.

    Raises:
        DataError: The text is no ratio of two or three positive numbers.
    """
    try:
        parts = tuple(float(p) for p in text.split(":"))
    except ValueError:
        parts = ()
    if len(parts) not in (2, 3) or not all(0 < p < 1e6 for p in parts):
        raise DataError(f"ratio {text!r}: must be two or three positive numbers, such as 9:1 or 8:1:1")
    return parts


def split_samples(
    samples: Sequence[Sample], ratio: Sequence[float], *, seed: int, by_group: bool = True
) -> list[list[Sample]]:
    """Split samples in a ratio, scene by scene.

    The scenes are shuffled, and each goes to the split that lacks most of its share; so every split gets at least one
    where there are enough. The result depends on the samples and the seed, not on the order they come in.

    Args:
        samples: What to split.
        ratio: The share of every split, in samples.
        seed: Another seed gives another split.
        by_group: False splits sample by sample, which leaks where several come from one scene.

    Raises:
        DataError: There are fewer scenes than splits.
    """
    units = _units(samples, by_group=by_group)
    if len(units) < len(ratio):
        raise DataError(
            f"{len(samples)} samples of {len(units)} scene(s) ({units[0][0].group if units else 'none'}) make no {len(ratio)} splits "
            "that share no scene; state the scenes in a column `group`, or split by tile"
        )
    random.Random(seed).shuffle(units)  # noqa: S311 - a repeatable shuffle, no secret
    splits: list[list[Sample]] = [[] for _ in ratio]
    for left, unit in zip(range(len(units), 0, -1), units, strict=True):
        splits[_neediest(splits, ratio, len(samples), left)].extend(unit)
    place = {id(s): i for i, s in enumerate(samples)}
    return [sorted(split, key=lambda s: place[id(s)]) for split in splits]


def fold_samples(
    samples: Sequence[Sample], folds: int, *, seed: int, by_group: bool = True
) -> list[tuple[list[Sample], list[Sample]]]:
    """Return (training, validation) samples of every fold; each scene is validated on in exactly one.

    Raises:
        DataError: There are fewer scenes than folds.
    """
    parts = split_samples(samples, [1.0] * folds, seed=seed, by_group=by_group)
    chosen = [{id(s) for s in part} for part in parts]
    return [([s for s in samples if id(s) not in out], part) for part, out in zip(parts, chosen, strict=True)]


def _units(samples: Sequence[Sample], *, by_group: bool) -> list[list[Sample]]:
    units: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        units[sample.group, "" if by_group else str(sample.image)].append(sample)
    return [units[key] for key in sorted(units)]


def _neediest(splits: Sequence[Sequence[Sample]], ratio: Sequence[float], total: int, left: int) -> int:
    empty = [i for i, split in enumerate(splits) if not split]
    candidates = empty if len(empty) >= left else range(len(splits))
    return max(candidates, key=lambda i: ratio[i] / sum(ratio) * total - len(splits[i]))


def straddling(splits: Sequence[Sequence[Sample]]) -> set[str]:
    """Return the groups that have samples in more than one split."""
    groups = [{s.group for s in split} for split in splits]
    return set().union(*(a & b for a, b in combinations(groups, 2)))


def find_leaks(
    splits: Mapping[str, Sequence[Sample]], *, digest: Callable[[Path], str] | None = None
) -> Iterator[Leak]:
    """Yield one leak for every scene, and for every image, that is in more than one split.

    Equal names in different folders are no sign of a common scene (both may be numbered from 1); their pixels are.

    Args:
        splits: Samples by the name of their split.
        digest: What is equal for equal images; `pixel_digest` reads every image once; None compares names only.

    Raises:
        DataError: An image cannot be read.
    """
    for (_, first), (name, second) in combinations(splits.items(), 2):
        yield from _siblings(first, second, name)
    if digest:
        yield from _twins(splits, digest)


def refuse_leaks(train: Sequence[Sample], val: Sequence[Sample], *, contents: bool = True) -> None:
    """Refuse a validation set that shares scenes or pixels with the training set.

    Raises:
        DataError: There is a leak; the text names the first.
    """
    leak = next(find_leaks({"train": train, "val": val}, digest=pixel_digest if contents else None), None)
    if leak:
        raise DataError(
            f"{leak.second}: the split leaks: {leak.reason} {leak.first}; "
            "split by scene (`seaice data split`), or state the scenes in a column `group`"
        )


def _siblings(first: Sequence[Sample], second: Sequence[Sample], name: str) -> Iterator[Leak]:
    known: dict[str, list[Path]] = defaultdict(list)
    for sample in first:
        known[sample.group].append(sample.image)
    for group, members in _by_group(second).items():
        pair = next(((a, b) for a in known.get(group, ()) for b in members if _related(a, b)), None)
        if pair:
            yield Leak(*pair, f"in {name} there is a sibling (scene {group}) of")


def _by_group(samples: Sequence[Sample]) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = defaultdict(list)
    for sample in samples:
        groups[sample.group].append(sample.image)
    return groups


def _related(first: Path, second: Path) -> bool:
    return first.stem != second.stem or first.parent.resolve() == second.parent.resolve()


def _twins(splits: Mapping[str, Sequence[Sample]], digest: Callable[[Path], str]) -> Iterator[Leak]:
    seen: dict[str, tuple[str, Path]] = {}
    for name, samples in splits.items():
        for image in dict.fromkeys(s.image for s in samples):
            content = digest(image)
            before = seen.setdefault(content, (name, image)) if content else (name, image)
            if before[0] != name and before[1].resolve() != image.resolve():
                yield Leak(before[1], image, f"in {name} there are the pixels of")


def pixel_digest(image: Path) -> str:
    """Return what is equal for images with the same pixels, however they are stored; empty for images of one value.

    An image of one value, such as a tile of nothing but nodata, tells nothing that could leak.

    Raises:
        DataError: The image cannot be read.
    """
    digest = hashlib.sha256()
    low: list[float] = []
    with open_raster(image) as dataset:
        digest.update(repr((dataset.count, dataset.height, dataset.width)).encode())
        for window in strips(dataset.height, dataset.width):
            pixels = dataset.read(window=window)
            digest.update(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())
            low += [float(pixels.min()), float(pixels.max())]
    return digest.hexdigest() if min(low) < max(low) else ""
