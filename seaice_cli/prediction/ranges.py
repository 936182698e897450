"""Some parts of a scene, computed on their own: what a run on several machines consists of.

A range of parts begins in the middle of a scene without what the parts above it would carry over: it computes the grid rows above its
first one once more, as many as reach its first rows, and lets go of what they finish. Nothing is handed from one machine to
another, so no range waits for one. Blocks and counts are those of a run that computes all parts one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from seaice_cli.network.engines import Engine
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.parts.counting import Counter
from seaice_cli.prediction.parts.recording import Recorder
from seaice_cli.prediction.parts.store import Part, PartStore
from seaice_cli.prediction.pipeline import classifying, silent
from seaice_cli.raster.windows.blend import Blender
from seaice_cli.raster.windows.grid import Axis
from seaice_cli.raster.writing.blocks import BLOCK


def compute_range(job: Job, store: PartStore, engine: Engine, parts: Sequence[Part]) -> int:
    """Compute consecutive parts, and nothing else; return how many windows were run.

    Args:
        job: The scene.
        store: Told of every part that is finished.
        engine: Computes.
        parts: Some of the job's, without a gap.

    Raises:
        SeaIceError: As `predict`.
    """
    scene, spec = job.scene, job.model.spec
    first, stop = parts[0].grid_rows[0], parts[-1].grid_rows[-1] + 1
    halo, lead = lead_rows(job.grid.rows, first)
    counter = Counter(range(len(spec.classes)), spec.ice, scene.crs, scene.transform)
    blender = Blender(job.grid)
    with (
        Recorder(store, job.layers, (scene.height, scene.width), counter, overviews=False) as recorder,
        classifying(job, engine, blender, range(halo, stop), silent) as (rows, counted),
    ):
        for _ in islice(rows, lead - halo):  # not right without what was carried over to them
            pass
        if first:
            recorder.lead_in(islice(rows, first - lead), job.grid.rows.finished(first)[0])
        recorder.record(rows, parts, blender)
        recorder.close()
        return counted.run


def lead_rows(axis: Axis, first: int) -> tuple[int, int]:
    """Return where grid rows must begin so that what grid row `first` finishes is right, and so are the blocks that it begins in.

    Args:
        axis: The windows from top to bottom.
        first: A grid row.

    Returns:
        The first grid row to be computed, for what it hands on alone; and the first whose finished rows are needed.
    """
    top = axis.finished(first)[0] // BLOCK * BLOCK
    lead = first
    while axis.finished(lead)[0] > top:
        lead -= 1
    halo = lead
    while halo:
        halo -= 1
        if axis.handovers[halo][1] <= axis.handovers[halo + 1][0]:  # what it hands on holds nothing of the row above it
            break
    return halo, lead
