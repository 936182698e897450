"""Opening, keeping open, and writing rasters."""

from __future__ import annotations

import os
import pickle

import numpy as np
import psutil
import pytest

from seaice_cli.data.rasters import DatasetPool, open_raster, profile_of, strips, write_raster
from seaice_cli.errors import DataError, OutputError
from tests.rasters import noise, raster


def test_a_pool_keeps_rasters_open_up_to_its_limit(tmp_path):
    paths = [raster(tmp_path / f"{i}.tif", noise(9, 9, seed=i)) for i in range(5)]
    pool, process = DatasetPool(limit=2), psutil.Process()
    before = process.num_fds()
    for path in paths * 2:
        with pool.open(path) as dataset:
            assert np.array_equal(dataset.read(), noise(9, 9, seed=int(path.stem)))
    assert process.num_fds() <= before + 2
    with pool.open(paths[4]) as first, pool.open(paths[4]) as second:
        assert first is second
    del first, second, dataset, pool
    assert process.num_fds() == before


def test_a_pool_travels_to_another_process_empty(tmp_path, monkeypatch):
    path = raster(tmp_path / "a.tif", noise(9, 9))
    pool = DatasetPool()
    with pool.open(path) as ours:
        pass
    with pickle.loads(pickle.dumps(pool)).open(path) as theirs:
        assert theirs is not ours
    monkeypatch.setattr(os, "getpid", lambda: 1)  # as after a fork
    with pool.open(path) as theirs:
        assert theirs is not ours


def test_a_pool_forgets_what_could_not_be_opened(tmp_path):
    pool = DatasetPool()
    with pytest.raises(DataError, match=r"a\.tif: cannot be read"), pool.open(tmp_path / "a.tif"):
        pass
    with pool.open(raster(tmp_path / "a.tif", noise(9, 9))) as dataset:
        assert dataset.count == 3


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 10), (7, 5), (100, 3)])
def test_strips_cover_a_raster_once(height, width):
    rows = [r for w in strips(height, width, pixels=8) for r in range(w.row_off, w.row_off + w.height)]
    assert rows == list(range(height))


def test_what_cannot_be_written_is_named(tmp_path):
    with (
        open_raster(raster(tmp_path / "a.tif", noise(9, 9))) as dataset,
        pytest.raises(OutputError, match=r"no/b\.tif: cannot be written"),
    ):
        write_raster(tmp_path / "no/b.tif", dataset.read(), profile_of(dataset))
