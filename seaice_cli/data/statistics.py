"""How often the classes of a data set occur, what its bands hold, and the class weights that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from seaice_cli.data.labels.encoding import LabelEncoding
from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.data.labels.reading import LabelReader
from seaice_cli.data.rasters import open_scene, strips
from seaice_cli.data.samples import Sample
from seaice_cli.errors import DataError

T = TypeVar("T")
Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class BandMoments:
    """Count, mean and squared deviations of every band, merged strip by strip (Chan, Golub, LeVeque 1979)."""

    count: int = 0
    """Pixels with data."""
    mean: Floats = field(default_factory=lambda: np.zeros(0))
    squares: Floats = field(default_factory=lambda: np.zeros(0))
    """Sum of squared deviations from the mean, by band."""
    low: Floats = field(default_factory=lambda: np.zeros(0))
    high: Floats = field(default_factory=lambda: np.zeros(0))

    def add(self, values: npt.NDArray[Any]) -> None:
        """Add (bands, pixels) values."""
        count = values.shape[1]
        if not count:
            return
        mean = values.mean(axis=1, dtype=np.float64)
        squares = ((values - mean[:, None]) ** 2).sum(axis=1)
        low, high = values.min(axis=1).astype(np.float64), values.max(axis=1).astype(np.float64)
        if not self.count:
            self.count, self.mean, self.squares, self.low, self.high = count, mean, squares, low, high
            return
        total, step = self.count + count, mean - self.mean
        self.squares += squares + step**2 * (self.count * count / total)
        self.mean += step * (count / total)
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        self.count = total

    @property
    def std(self) -> Floats:
        """The standard deviation of the population, by band."""
        return np.asarray(np.sqrt(self.squares / max(1, self.count)))


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a data set holds."""

    samples: int
    counts: npt.NDArray[np.int64]
    """Pixels of every class, by id; ignored pixels are not among them."""
    ignored: int
    """Pixels that are labelled as ignore."""
    reach: npt.NDArray[np.int64]
    """Labelled pixels of the images in which a class occurs, by id."""
    images: npt.NDArray[np.int64]
    """Images in which a class occurs, by id."""
    bands: BandMoments

    @property
    def shares(self) -> Floats:
        """The share of every class in the labelled pixels."""
        return np.asarray(self.counts / max(1, self.counts.sum()))

    def to_json(self, names: Sequence[str] = ()) -> dict[str, Any]:
        """Return what `seaice data stats` writes; classes have names if any are given, one for each."""
        bands = self.bands
        named: list[dict[str, str]] = [{"name": name} for name in names] or [{} for _ in self.counts]
        return {
            "samples": self.samples,
            "labelled_pixels": int(self.counts.sum()),
            "ignored_pixels": self.ignored,
            "classes": [
                {"id": i, **name, "pixels": int(n), "share": float(s), "images": int(m)}
                for i, (name, n, s, m) in enumerate(zip(named, self.counts, self.shares, self.images, strict=True))
            ],
            "weights": {name: [float(w) for w in weigh(self)] for name, weigh in WEIGHTINGS.items()},
            "valid_pixels": bands.count,
            "bands": [
                {"mean": float(m), "std": float(s), "min": float(lo), "max": float(hi)}
                for m, s, lo, hi in zip(bands.mean, bands.std, bands.low, bands.high, strict=True)
            ],
        }


def softmax_weights(statistics: Statistics) -> Floats:
    """Return `softmax(max n - n)` of the class shares n: rare classes count more, by a factor of at most e."""
    shares = statistics.shares
    powers = np.exp(shares.max(initial=0.0) - shares)
    return np.asarray(powers / max(powers.sum(), 1e-300))


def inverse_weights(statistics: Statistics) -> Floats:
    """Return 1 / (share x classes that occur), so that every class counts alike; 0 for a class that never occurs."""
    shares = statistics.shares
    present = shares > 0
    return np.asarray(np.divide(1.0, shares * present.sum(), out=np.zeros_like(shares), where=present))


def median_weights(statistics: Statistics) -> Floats:
    """Return median(f) / f, f a class's share in the images where it occurs (Eigen and Fergus 2015); 0 if it never does."""
    present = statistics.counts > 0
    frequency = np.divide(
        statistics.counts, statistics.reach, out=np.zeros(len(present), dtype=np.float64), where=present
    )
    middle = float(np.median(frequency[present])) if present.any() else 0.0
    return np.divide(middle, frequency, out=np.zeros_like(frequency), where=present)


WEIGHTINGS: dict[str, Callable[[Statistics], Floats]] = {
    "softmax": softmax_weights,
    "inverse": inverse_weights,
    "median": median_weights,
}


def count_classes(samples: Iterable[Sample], encoding: LabelEncoding) -> list[npt.NDArray[np.int64]]:
    """Return the pixels of every class id, ignored ones included (256 counts), for each sample, read strip by strip.

    Raises:
        DataError: A label is missing, damaged, or holds what is no class.
    """
    reader = LabelReader(encoding)
    return [_counts(reader, sample) for sample in samples]


def _counts(reader: LabelReader, sample: Sample) -> npt.NDArray[np.int64]:
    counts = np.zeros(256, dtype=np.int64)
    with open_scene(sample.image) as scene:
        windows = list(strips(scene.height, scene.width))
    for window in windows:
        counts += np.bincount(reader.read(sample, window).ravel(), minlength=256)
    return counts


def measure(
    samples: Sequence[Sample],
    encoding: LabelEncoding,
    *,
    progress: Callable[[Iterable[Sample]], Iterable[Sample]] = iter,
) -> Statistics:
    """Measure a data set in one pass, holding no more than a strip of one scene.

    Args:
        samples: Samples without a label add to the bands only.
        encoding: How labels become classes.
        progress: Wraps the samples, to show how far it is.

    Raises:
        DataError: Images differ in their number of bands, or a file is damaged.
    """
    reader, bands = LabelReader(encoding), BandMoments()
    per_image: list[npt.NDArray[np.int64]] = []
    for sample in progress(samples):
        _add_bands(bands, sample)
        if sample.label is not None:
            per_image.append(_counts(reader, sample))
    table = np.array(per_image, dtype=np.int64).reshape(-1, 256)
    ids = np.flatnonzero(table[:, :IGNORE].sum(axis=0))
    classes = encoding.classes or (int(ids[-1]) + 1 if len(ids) else 0)
    counts = table[:, :classes]
    labelled = counts.sum(axis=1)
    return Statistics(
        samples=len(samples),
        counts=counts.sum(axis=0),
        ignored=int(table[:, IGNORE].sum()),
        reach=((counts > 0) * labelled[:, None]).sum(axis=0),
        images=(counts > 0).sum(axis=0),
        bands=bands,
    )


def _add_bands(bands: BandMoments, sample: Sample) -> None:
    with open_scene(sample.image) as scene:
        if bands.count and len(scene.bands) != len(bands.mean):
            raise DataError(
                f"{sample.image}: has {len(scene.bands)} bands where the images before have {len(bands.mean)}"
            )
        for window in strips(scene.height, scene.width):
            rows = scene.read(window.row_off, window.row_off + window.height)
            pixels = rows.pixels.reshape(len(rows.pixels), -1)
            finite = np.isfinite(pixels).all(axis=0) if pixels.dtype.kind == "f" else slice(None)
            valid = finite if rows.valid is None else rows.valid.ravel() & np.isfinite(pixels).all(axis=0)
            bands.add(pixels[:, valid])


def repeats(per_image: Sequence[npt.NDArray[np.int64]], *, most: int = 10) -> list[int]:
    """Return how often each image should be shown so that the classes are seen more evenly.

    An image's worth is the mean over its labelled pixels of 1 / (share of the pixel's class in all images); it is
    repeated as often as it is worth more than the median image, at least once. So no image is lost, and half of them
    or more are shown once.

    Args:
        per_image: Pixels of every class id of each image, as `count_classes` returns them.
        most: No image is repeated more often.
    """
    table = np.array([c[:IGNORE] for c in per_image], dtype=np.float64).reshape(-1, IGNORE)
    total, labelled = table.sum(axis=0), table.sum(axis=1)
    if not labelled.any():
        return [1] * len(per_image)
    rarity = np.divide(total.sum(), total, out=np.zeros(IGNORE), where=total > 0)
    worth = np.divide(table @ rarity, labelled, out=np.zeros(len(table)), where=labelled > 0)
    unit = float(np.median(worth[labelled > 0]))
    return [max(1, min(most, round(float(w) / unit))) for w in worth]


def repeat(items: Sequence[T], times: Sequence[int]) -> list[T]:
    """Return the items in order, each as often as `times` says for its position."""
    return [item for item, count in zip(items, times, strict=True) for _ in range(count)]


def shares_of(per_image: Sequence[npt.NDArray[np.int64]]) -> dict[int, float]:
    """Return the share of every class that occurs in the labelled pixels, by id."""
    counts = np.array(per_image, dtype=np.int64).reshape(-1, 256)[:, :IGNORE].sum(axis=0)
    return {int(i): float(counts[i] / counts.sum()) for i in np.flatnonzero(counts)}
