"""Parts are kept and taken up; the folder of a run is locked, and goes away when there is nothing to keep."""

import numpy as np
import pytest

from seaice_cli.errors import OutputError
from seaice_cli.prediction.parts.counting import Counts
from seaice_cli.prediction.parts.run_folder import RunFolder, announced, finished_parts
from seaice_cli.prediction.parts.store import BLEND
from seaice_cli.raster.writing.blocks import BlockWriter

MANIFEST = {"scene": "a", "model": {"name": "m"}}


def test_finished_parts_survive_and_carry_goes_on(tmp_path):
    target = tmp_path / "mask.tif"
    carry = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    with RunFolder(target, MANIFEST) as run:
        run.parts.carry_over(0, BLEND, carry)
        run.parts.carry_over(1, BLEND, carry + 1)
        run.parts.finish(0, Counts({0: 3, 1: 4}, 2.5), {})
        run.parts.finish(1, Counts({1: 1}, 0.5), {})
    with RunFolder(target, MANIFEST) as run:
        assert run.parts.finished() == finished_parts(target) == 2
        assert run.parts.total() == Counts({0: 3, 1: 5}, 3.0)
        np.testing.assert_array_equal(run.parts.carry(1, BLEND), carry + 1)
        assert run.parts.carry(0, BLEND) is None, "only the last carry is kept"


def test_parts_of_another_manifest_are_discarded_and_what_differed_is_said(tmp_path):
    target = tmp_path / "mask.tif"
    with RunFolder(target, MANIFEST) as run:
        run.parts.finish(0, Counts(), {})
    with RunFolder(target, MANIFEST | {"scene": "b"}) as run:
        assert run.discarded == ["scene"]
        assert run.parts.finished() == 0


def test_a_second_run_at_the_same_target_is_refused(tmp_path):
    with RunFolder(tmp_path / "mask.tif", MANIFEST), pytest.raises(OutputError, match="another run"):
        RunFolder(tmp_path / "mask.tif", MANIFEST).__enter__()


def test_a_failure_before_the_first_part_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), RunFolder(tmp_path / "mask.tif", MANIFEST):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failure_later_keeps_what_is_finished(tmp_path):
    target = tmp_path / "mask.tif"
    with pytest.raises(RuntimeError), RunFolder(target, MANIFEST) as run:
        run.parts.finish(0, Counts(), {})
        raise RuntimeError
    assert finished_parts(target) == 1


def test_a_damaged_record_counts_as_unfinished(tmp_path):
    target = tmp_path / "mask.tif"
    with RunFolder(target, MANIFEST) as run:
        run.parts.finish(0, Counts(), {})
        run.parts.finish(1, Counts(), {})
        (run.path / "00001.json").write_text("{")
        assert run.parts.finished() == 1


def test_announced_targets_are_known_to_the_next_run(tmp_path):
    target = tmp_path / "mask.tif"
    assert announced(target) == []
    with RunFolder(target, MANIFEST) as run:
        run.announce([target, tmp_path / "ice.gpkg"])
    assert announced(target) == [str(target), str(tmp_path / "ice.gpkg")]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        RunFolder(tmp_path / "nowhere" / "mask.tif", MANIFEST).__enter__()


def test_a_part_whose_blocks_are_shorter_than_recorded_counts_as_unfinished(tmp_path):
    target = tmp_path / "mask.tif"
    with RunFolder(target, MANIFEST) as run:
        for index in range(2):
            writer = BlockWriter(run.parts.blocks_path(index, "mask"))
            writer.write([b"first", b"second"])
            run.parts.finish(index, Counts(), {"mask": writer.close()})
        assert run.parts.finished() == 2
        assert list(run.parts.blocks(1, "mask").rows(2)) == [[b"first", b"second"]]
        whole = run.parts.blocks_path(1, "mask")
        whole.write_bytes(whole.read_bytes()[:-1])
        assert run.parts.finished() == 1
