"""From a mask to polygons: `vectorize()`, the straight line.

    mask ──strips──▶ chains ──joined──▶ parts ──arranged──▶ outlines ──drawn, described──▶ batches ──▶ file

Strips are traced in threads and joined in order; a polygon is written as soon as no further row can add to it, so that
memory holds what is open at the border of two strips and one batch, whatever the height of the mask.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seaice_cli.logged import LoggedWarnings
from seaice_cli.vectorization.options import Progress, VectorOptions, VectorSummary

if TYPE_CHECKING:
    import pyarrow as pa

    from seaice_cli.vectorization.plan import Plan
    from seaice_cli.vectorization.tracing.outlines import Outlines

__all__ = ["Progress", "VectorOptions", "VectorSummary", "vectorize"]

LOGGER = logging.getLogger(__name__)


def vectorize(
    mask: Path,
    target: Path,
    *,
    options: VectorOptions | None = None,
    probability: Path | None = None,
    landscape: str | Path | None = None,
    progress: Progress | None = None,
) -> VectorSummary:
    """Turn a mask into polygons.

    Args:
        mask: Any raster of whole numbers; its nodata never becomes a polygon.
        target: Its suffix names the format; see `formats.FORMATS`.
        options: What becomes a polygon, and how; the defaults keep every class and every pixel.
        probability: Raster of per cent on the mask's grid, for attributes and smooth outlines.
        landscape: Raster whose low values part floes, on the mask's pixels: the scene, or the probability of a floe.
        progress: Wraps the sequence of strips, to show how far the run has come.

    Raises:
        SceneError: The mask is missing, damaged, or no raster of classes.
        OptionError: An option does not fit the mask or another option.
        OutputError: The target exists or cannot be written.
    """
    from seaice_cli.vectorization.masks import Mask, Probability
    from seaice_cli.vectorization.plan import check_options, plan
    from seaice_cli.vectorization.splitting.landscape import Landscape
    from seaice_cli.vectorization.writing.formats import check_target, write_features

    options = options or VectorOptions()
    check_options(target, options, probability, landscape)
    check_target(target, overwrite=options.overwrite)
    with LoggedWarnings() as logged, Mask(mask, band=options.band) as source:
        percent = closing(Probability(probability, source)) if probability else nullcontext()
        relief = closing(Landscape(landscape, source, options.landscape_bands)) if landscape else nullcontext()
        with percent as known, relief as shown:
            planned = plan(source, target, options, known, shown)
            summary = VectorSummary(str(target))
            write_features(target, planned.schema, _batches(planned, progress or iter, summary), planned.layer)
    summary.warnings = logged.texts
    return summary


def _batches(planned: Plan, progress: Progress, summary: VectorSummary) -> Iterator[pa.RecordBatch]:
    """Yield the features in the order of their last rows, and count them."""
    from seaice_cli.errors import SceneError
    from seaice_cli.vectorization.strip_reading import trace
    from seaice_cli.vectorization.writing.attributes import build_batch, describe
    from seaice_cli.vectorization.writing.formats import GEOMETRY

    watch = {"data": False}
    for outlines in planned.prepare(trace(planned, progress, watch)):
        drawn = planned.draw(outlines)
        columns = describe(outlines, drawn, summary.polygons + 1, planned.description)
        columns[GEOMETRY] = planned.write(drawn)
        _count(summary, outlines, columns, planned)
        summary.vertices += drawn.points.shape[0]
        ready = [build_batch(columns, planned.schema)]
        del outlines, drawn, columns  # the writer copies a batch while this waits: hold nothing that it no longer needs
        yield ready.pop()
    if not (watch["data"] or planned.options.blank):
        raise SceneError(f"{planned.mask.path}: every pixel is nodata, so there is nothing to vectorize")


def _count(summary: VectorSummary, outlines: Outlines, columns: dict[str, Any], planned: Plan) -> None:
    import numpy as np

    from seaice_cli.vectorization.tracing import counts
    from seaice_cli.vectorization.writing.attributes import AREA, count_pixels

    summary.polygons += len(outlines)
    summary.pixels += int(count_pixels(outlines, planned.description).sum())
    for value, count in zip(*np.unique(outlines.tallies[:, counts.VALUE], return_counts=True), strict=True):
        name = planned.mask.names.get(int(value), str(value))
        summary.by_class[name] = summary.by_class.get(name, 0) + int(count)
    if AREA in columns and planned.areas.pixel is not None:
        summary.area_m2 = (summary.area_m2 or 0.0) + float(np.sum(columns[AREA]))
