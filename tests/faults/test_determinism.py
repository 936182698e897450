"""One scene, one model, one engine: one mask, byte for byte."""

from __future__ import annotations

import dataclasses

import pytest

from tests.faults.conftest import PARTS_OF_EIGHT, contents

WINDOWS = ("--tile", "128", "--overlap", "32")


@pytest.fixture(scope="module")
def reference(work):
    return made(work, "reference")


def made(work, name, *options, patches=(), precision="float32"):
    """Return mask and probability of a run."""
    out = work.fresh(name)
    command = ["predict", work.scene, "-o", out / "mask.tif", "--model", work.model, "--precision", precision,
               *WINDOWS, "--probability", out / "ice.tif", "--tta", "flip", *options]  # fmt: skip
    outcome = work.forkserver.seaice(*command, plan={"patches": list(patches)})
    assert outcome.code == 0, outcome.err
    return contents(out)


def test_every_run_gives_the_same_bytes(work, reference):
    for _ in range(3):
        assert made(work, "again") == reference


@pytest.mark.parametrize(
    "options",
    [("--batch-size", "1"), ("--batch-size", "3"), ("--batch-size", "8"), ("--threads", "1"), ("--threads", "2")],
)
def test_batches_and_threads_change_no_byte(work, reference, options):
    assert made(work, "other", *options) == reference


@pytest.mark.parametrize("windows", [1, 8, 1000])
def test_the_height_of_parts_changes_no_byte(work, reference, windows):
    assert made(work, "other", patches=[(PARTS_OF_EIGHT[0], windows)]) == reference


@pytest.mark.parametrize("columns", [1, 100, 10_000])
def test_the_number_of_readers_changes_no_byte(work, reference, columns):
    assert made(work, "other", patches=[("seaice_cli.raster.reading.scene:READER_COLUMNS", columns)]) == reference


def test_bfloat16_is_as_certain(work):
    first = made(work, "first", precision="auto")
    assert made(work, "other", "--threads", "1", "--batch-size", "5", precision="auto") == first


def test_int8_is_as_certain(work):
    quantised = dataclasses.replace(work, model="modis-truecolor")
    first = made(quantised, "first", precision="int8")
    assert made(quantised, "other", "--threads", "1", "--batch-size", "5", precision="int8") == first
    assert made(quantised, "other", patches=[(PARTS_OF_EIGHT[0], 1)], precision="int8") == first
    assert made(quantised, "other", precision="float32") != first
