"""Splits share no scene, and leaks are found by name and by pixels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.data.samples import Sample, read_samples
from seaice_cli.data.splitting import (
    find_leaks,
    fold_samples,
    parse_ratio,
    pixel_digest,
    refuse_leaks,
    split_samples,
    straddling,
)
from seaice_cli.errors import DataError
from tests.rasters import noise, raster

DATA = Path(__file__).parents[3] / "shared" / "data"

sizes = st.lists(st.integers(1, 16), min_size=3, max_size=30)


def tiles(counts: list[int]) -> list[Sample]:
    return [
        Sample(Path(f"{scene}_{i}.tif"), None, str(scene)) for scene, count in enumerate(counts) for i in range(count)
    ]


@given(sizes, st.sampled_from([(9.0, 1.0), (8.0, 1.0, 1.0)]), st.integers(0, 99))
def test_every_sample_is_in_one_split_and_no_scene_in_two(counts, ratio, seed):
    samples = tiles(counts)
    splits = split_samples(samples, ratio, seed=seed)
    assert Counter(s for split in splits for s in split) == Counter(samples)
    assert not straddling(splits)
    assert all(splits)


@given(sizes, st.integers(0, 99), st.randoms())
def test_the_split_depends_on_the_seed_and_not_on_the_order(counts, seed, random):
    samples = tiles(counts)
    shuffled = random.sample(samples, len(samples))
    assert [set(s) for s in split_samples(samples, (9, 1), seed=seed)] == [
        set(s) for s in split_samples(shuffled, (9, 1), seed=seed)
    ]


def test_another_seed_is_another_split_of_the_right_size():
    samples = tiles([1] * 1412 + [4] * 66 + [16] * 22)
    splits = [split_samples(samples, (9, 1), seed=seed) for seed in (0, 1)]
    assert splits[0] != splits[1]
    assert all(abs(len(train) - 0.9 * 2028) <= 16 for train, _ in splits)


def test_a_split_by_tile_tears_scenes_as_the_published_lists_do():
    samples = tiles([1] * 1412 + [4] * 66 + [16] * 22)
    torn = len(straddling(split_samples(samples, (9, 1), seed=0, by_group=False)))
    assert 30 <= torn <= 60
    assert not straddling(split_samples(samples, (9, 1), seed=0))


@given(sizes, st.integers(2, 3))
def test_every_scene_is_validated_on_in_exactly_one_fold(counts, folds):
    samples = tiles(counts)
    pairs = fold_samples(samples, folds, seed=1)
    assert Counter(s for _, val in pairs for s in val) == Counter(samples)
    assert all(Counter(train + val) == Counter(samples) and not straddling((train, val)) for train, val in pairs)


def test_too_few_scenes_are_refused_with_the_way_out():
    with pytest.raises(DataError, match="state the scenes in a column `group`"):
        split_samples(tiles([16]), (9, 1), seed=0)
    with pytest.raises(DataError, match="no 2 splits"):
        split_samples([], (9, 1), seed=0)


@pytest.mark.parametrize("text", ["9", "9:1:1:1", "9:0", "a:b", "nan:1", "9:-1", "inf:1", ""])
def test_ratios_that_are_none_are_refused(text):
    with pytest.raises(DataError, match="must be two or three"):
        parse_ratio(text)
    assert parse_ratio("8:1:1") == (8, 1, 1)


def test_leaks_by_name(tmp_path):
    def sample(name: str, group: str) -> Sample:
        return Sample(tmp_path / name, None, group)

    train = [sample("a/1073_0.tif", "1073"), sample("a/7.tif", "7")]
    assert len(list(find_leaks({"train": train, "val": [sample("b/1073_1.tif", "1073")]}))) == 1
    assert len(list(find_leaks({"train": train, "val": [sample("a/7.tif", "7")]}))) == 1
    # numbered from 1 in two folders: no sign of a common scene
    assert not list(find_leaks({"train": train, "val": [sample("b/7.tif", "7")]}))
    with pytest.raises(DataError, match="the split leaks: in val there is a sibling"):
        refuse_leaks(train, [sample("b/1073_1.tif", "1073")])


def test_leaks_by_pixels_whatever_the_file_format(tmp_path):
    pixels = noise(9, 9)
    first, second = raster(tmp_path / "train/1.tif", pixels), raster(tmp_path / "val/2.png", pixels)
    train, val = ([Sample(p, None, p.stem)] for p in (first, second))
    with pytest.raises(DataError, match=r"2\.png: the split leaks: in val there are the pixels of .*1\.tif"):
        refuse_leaks(train, val)
    refuse_leaks(train, val, contents=False)
    pixels[0, 0, 0] ^= 1
    refuse_leaks(train, [Sample(raster(tmp_path / "val/3.png", pixels), None, "3")])


def test_images_of_one_value_leak_nothing(tmp_path):
    empty = [raster(tmp_path / name, np.zeros((3, 9, 9), "uint8")) for name in ("1.tif", "2.tif")]
    refuse_leaks([Sample(empty[0], None, "1")], [Sample(empty[1], None, "2")])
    assert pixel_digest(empty[0]) == ""


def test_shape_is_part_of_what_is_equal(tmp_path):
    pixels = noise(4, 9, bands=1)
    assert pixel_digest(raster(tmp_path / "a.tif", pixels)) != pixel_digest(
        raster(tmp_path / "b.tif", pixels.reshape(1, 9, 4))
    )


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data in {DATA}")
def test_the_real_lists_do_not_leak():
    refuse_leaks(read_samples(DATA / "modis/train.csv"), read_samples(DATA / "modis/val.csv"))
    refuse_leaks(read_samples(DATA / "tir_melt_pond/train.csv"), read_samples(DATA / "tir_melt_pond/val.csv"))
