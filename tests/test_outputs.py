"""Outputs appear complete or not at all, and nothing of the user's is lost."""

from __future__ import annotations

import contextlib

import pytest
from rasterio._err import CPLE_AppDefinedError

from seaice_cli.errors import OutputError
from seaice_cli.outputs import new_file, new_folder


def test_a_file_appears_when_all_went_well(tmp_path):
    with new_file(tmp_path / "a.csv", overwrite=False) as partial:
        partial.write_text("new")
        assert partial.suffix == ".csv"
        assert not (tmp_path / "a.csv").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with contextlib.suppress(RuntimeError), new_file(tmp_path / "a.csv", overwrite=True) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.csv": "old"}


def test_what_exists_is_not_overwritten_unasked(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with (
        pytest.raises(OutputError, match="exists already; add `overwrite`"),
        new_file(tmp_path / "a.csv", overwrite=False),
    ):
        pass
    with pytest.raises(OutputError, match="is a folder"), new_file(tmp_path, overwrite=True):
        pass
    with pytest.raises(OutputError, match="there is no folder"), new_file(tmp_path / "no/a.csv", overwrite=True):
        pass
    with (
        pytest.raises(OutputError, match=r"a\.csv: is no folder"),
        new_folder(tmp_path / "a.csv", overwrite=True, marker="m"),
    ):
        pass


def test_a_full_disk_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="cannot be written \\(No space"), new_file(tmp_path / "a", overwrite=False):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_what_gdal_says_on_closing_a_file_is_one_line_too(tmp_path):
    with pytest.raises(OutputError, match="cannot be written \\(IO error"), new_file(tmp_path / "a", overwrite=False):
        raise CPLE_AppDefinedError(3, 1, "IO error writing tag data")


def fill(folder, name):
    (folder / name).write_text(name)


def test_a_folder_is_replaced_only_if_it_is_ours(tmp_path):
    target = tmp_path / "deep" / "tiles"
    with new_folder(target, overwrite=False, marker="tiles.csv") as partial:
        fill(partial, "tiles.csv")
    with (
        pytest.raises(OutputError, match="holds files already"),
        new_folder(target, overwrite=False, marker="tiles.csv"),
    ):
        pass
    with new_folder(target, overwrite=True, marker="tiles.csv") as partial:
        fill(partial, "new.csv")
    assert [p.name for p in target.iterdir()] == ["new.csv"]
    with pytest.raises(OutputError, match="not ours"), new_folder(target, overwrite=True, marker="tiles.csv"):
        pass
    assert [p.name for p in target.parent.iterdir()] == ["tiles"]


def test_a_failure_leaves_the_old_folder(tmp_path):
    fill((tmp_path / "t").mkdir() or tmp_path / "t", "tiles.csv")
    with (
        contextlib.suppress(KeyboardInterrupt),
        new_folder(tmp_path / "t", overwrite=True, marker="tiles.csv") as partial,
    ):
        fill(partial, "half")
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.rglob("*")] == ["t", "tiles.csv"]


def test_what_a_killed_run_left_is_swept_away(tmp_path):
    fill((tmp_path / ".t.partial").mkdir() or tmp_path / ".t.partial", "stale")
    with new_folder(tmp_path / "t", overwrite=False, marker="m") as partial:
        fill(partial, "m")
    assert [p.name for p in tmp_path.rglob("*")] == ["t", "m"]
