"""Parts that are computed on their own are those of a run that computes all of them one after the other."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.prediction import job as jobs
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.parts.store import PartStore
from seaice_cli.prediction.pipeline import compute, silent
from seaice_cli.prediction.ranges import compute_range, lead_rows
from seaice_cli.raster.windows.grid import Axis, Grid
from seaice_cli.raster.writing.blocks import BLOCK
from tests.models import pixel_model


def contents(folder):
    """Return the blocks of all parts, and what is recorded of them but for what is carried over."""
    found = {p.name: p.read_bytes() for p in sorted(folder.glob("*.blocks"))}
    for path in sorted(folder.glob("*.json")):
        values = json.loads(path.read_text())
        found[path.name] = {k: values[k] for k in ("pixels", "ice_m2", "windows", "uncertain", "sizes")}
    return found


@pytest.mark.parametrize(
    ("height", "tile", "overlap", "cuts"),
    [
        (1500, 128, 32, (0, 3, 4, 7)),
        (1300, 128, 96, (0, 1, 2, 6)),  # windows overlap by more than half: hand-over bands overlap too
        (2500, 256, 64, (0, 1, 3)),
        (1100, 96, 0, (0, 4)),
    ],
)
def test_ranges_of_parts_are_those_of_one_run(tmp_path, write_scene, noise, monkeypatch, height, tile, overlap, cuts):
    monkeypatch.setattr(jobs, "WINDOWS_PER_PART", 6)
    pixels = noise(height, 300, low=90, high=160)
    pixels[:, 600:700, 40:200] = 0
    scene, model = write_scene(pixels, nodata=0), pixel_model(tmp_path / "model", blur=3)
    probability = tmp_path / "probability.tif"  # a second layer
    options = PredictOptions(model=str(model), tile=tile, overlap=overlap, precision="float32", probability=probability)
    one, ranges = tmp_path / "one", tmp_path / "ranges"
    one.mkdir()
    ranges.mkdir()
    with Job(str(scene), tmp_path / "mask.tif", options) as job:
        engine = job.open_engine()
        compute(job, PartStore(one, job.target), engine, silent)
        ends = (*cuts[1:], len(job.parts))
        assert ends[-1] > cuts[-1]
        for start, stop in zip(cuts, ends, strict=True):
            assert compute_range(job, PartStore(ranges, job.target), engine, job.parts[start:stop]) > 0
    assert contents(ranges) == contents(one)


@given(st.integers(1, 4000), st.sampled_from([32, 64, 128, 256, 1024]), st.floats(0, 0.95), st.data())
def test_a_range_begins_where_what_it_needs_begins(length, size, share, data):
    axis: Axis = Grid(length, 10, size, min(int(size * share), size - 1)).rows
    first = data.draw(st.integers(0, len(axis) - 1))
    halo, lead = lead_rows(axis, first)
    assert 0 <= halo <= lead <= first
    assert axis.finished(lead)[0] <= axis.finished(first)[0] // BLOCK * BLOCK
    assert halo < lead or lead == 0
    # The rows that halo hands on are its own alone.
    assert halo == 0 or axis.handovers[halo][1] <= axis.handovers[halo + 1][0]
