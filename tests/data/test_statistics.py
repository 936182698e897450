"""Shares, weights, band statistics and repeats, against numbers by hand, NumPy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from seaice_cli.data.labels.encoding import LabelEncoding
from seaice_cli.data.samples import Sample
from seaice_cli.data.statistics import (
    BandMoments,
    Statistics,
    count_classes,
    inverse_weights,
    measure,
    median_weights,
    repeat,
    repeats,
    shares_of,
    softmax_weights,
)
from seaice_cli.errors import DataError
from tests.rasters import classes, noise, raster


def statistics(table) -> Statistics:
    """From pixels by image and class."""
    table = np.array(table)
    return Statistics(
        samples=len(table), counts=table.sum(0), ignored=0, reach=((table > 0) * table.sum(1)[:, None]).sum(0),
        images=(table > 0).sum(0), bands=BandMoments(),
    )  # fmt: skip


def test_softmax_weights_are_the_published_ones():
    weights = softmax_weights(statistics([[70, 20, 8, 2]]))
    assert weights == pytest.approx([0.154, 0.254, 0.287, 0.305], abs=5e-4)
    assert weights.sum() == pytest.approx(1)


def test_inverse_weights_are_scikit_learns_balanced_ones():
    counts = [70, 20, 8, 2]
    labels = np.repeat(np.arange(4), counts)
    balanced = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    assert inverse_weights(statistics([counts])) == pytest.approx(balanced)


def test_median_weights_by_hand():
    # class 0: 80 of 200 pixels; class 1: 110 of 200; class 2: 10 of the 100 pixels of the image it is in
    weights = median_weights(statistics([[50, 50, 0], [30, 60, 10]]))
    assert weights == pytest.approx([1.0, 0.4 / 0.55, 0.4 / 0.1])


@pytest.mark.parametrize("weigh", [inverse_weights, median_weights])
def test_classes_that_never_occur_weigh_nothing(weigh):
    assert weigh(statistics([[5, 0, 5]]))[1] == 0
    assert weigh(statistics([[0, 0]])).tolist() == [0, 0]


@given(st.integers(1, 4), st.lists(st.integers(0, 50), min_size=1, max_size=6), st.sampled_from([1.0, 1e4, 1e-3]))
def test_band_moments_merged_are_those_of_all_pixels(bands, lengths, scale):
    parts = [np.random.default_rng(i).normal(1000, scale, (bands, n)) for i, n in enumerate(lengths)]
    moments = BandMoments()
    for part in parts:
        moments.add(part)
    values = np.concatenate(parts, axis=1)
    assert moments.count == values.shape[1]
    if moments.count:
        np.testing.assert_allclose(moments.mean, values.mean(axis=1), rtol=1e-12)
        np.testing.assert_allclose(moments.std, values.std(axis=1), rtol=1e-6, atol=1e-9)
        assert np.array_equal(moments.low, values.min(axis=1))
        assert np.array_equal(moments.high, values.max(axis=1))


def sample(tmp_path, name: str, image, label=None, **options) -> Sample:
    file = raster(tmp_path / f"{name}.tif", image, **options)
    return Sample(file, None if label is None else raster(tmp_path / f"{name}_gt.tif", label), name)


def test_a_data_set_is_measured_without_its_nodata_and_ignored_pixels(tmp_path):
    image = noise(40, 50)
    image[:, :10] = 0
    label = classes(40, 50, count=3)
    label[5] = 255
    other = noise(30, 20, seed=1)
    found = measure(
        [sample(tmp_path, "a", image, label, nodata=0), sample(tmp_path, "b", other)], LabelEncoding(classes=4)
    )
    pixels = np.concatenate([image[:, 10:].reshape(3, -1), other.reshape(3, -1)], axis=1)
    content = found.to_json()
    assert content["valid_pixels"] == pixels.shape[1]
    assert [b["mean"] for b in content["bands"]] == pytest.approx(pixels.mean(axis=1))
    assert [b["std"] for b in content["bands"]] == pytest.approx(pixels.std(axis=1))
    assert [c["pixels"] for c in content["classes"]] == [int((label == i).sum()) for i in range(4)]
    assert content["ignored_pixels"] == 50
    assert content["weights"]["inverse"][3] == 0


def test_nan_is_no_data(tmp_path):
    image = noise(9, 9, bands=1, dtype="float32")
    image[0, 0] = np.nan
    assert measure([sample(tmp_path, "a", image)], LabelEncoding()).bands.mean == pytest.approx([image[0, 1:].mean()])


def test_images_with_other_bands_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"b\.tif: has 1 bands where the images before have 3"):
        measure([sample(tmp_path, "a", noise(9, 9)), sample(tmp_path, "b", noise(9, 9, bands=1))], LabelEncoding())


def test_images_of_rare_classes_are_repeated_and_none_is_lost(tmp_path):
    labels = [np.zeros((10, 10), "uint8") for _ in range(9)] + [np.ones((10, 10), "uint8")]
    samples = [sample(tmp_path, str(i), noise(10, 10), label) for i, label in enumerate(labels)]
    counts = count_classes(samples, LabelEncoding(classes=2))
    times = repeats(counts)
    assert times == [1] * 9 + [9]
    assert shares_of(repeat(counts, times)) == {0: 0.5, 1: 0.5}
    assert repeats(counts, most=3) == [1] * 9 + [3]


@given(st.lists(st.lists(st.integers(0, 100), min_size=3, max_size=3), min_size=1, max_size=20), st.integers(1, 20))
def test_repeats_stay_within_their_bounds(table, most):
    counts = [np.array(row + [0] * 253) for row in table]
    times = repeats(counts, most=most)
    assert len(times) == len(table)
    assert all(1 <= t <= most for t in times)
    assert sum(t == 1 for t in times) * 2 >= len(times) or most == 1
