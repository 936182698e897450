"""One strip of a mask, from pixels to components and chains; strips know nothing of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vectorization.tracing import counts
from seaice_cli.vectorization.tracing.chains import split_chains
from seaice_cli.vectorization.tracing.contours import trace_contours
from seaice_cli.vectorization.tracing.corners import trace_corners
from seaice_cli.vectorization.tracing.joining import Strip, is_large
from seaice_cli.vectorization.tracing.runs import EXCLUDED, NODATA, find_runs, label_runs
from seaice_cli.vectorization.tracing.simplification import mark_borders

Array = npt.NDArray[Any]

FLOES = 1 << 40
"""Added to the number of a floe where it stands in the place of a class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """How a mask is traced; the same for all its strips."""

    width: int
    height: int
    nodata: int | None
    """Value without data, never part of a component."""
    values: frozenset[int] | None
    """Values that components are made of; None: all but nodata."""
    eight: bool
    """Whether pixels of a value that touch at a corner only belong together."""
    least: tuple[int, int] = (1, 0)
    """Pixels, and units of true area, that a component must have to get an outline."""
    ice: int = 0
    """The class of runs whose value is the number of a floe; see `splitting`."""
    split: bool = False
    """Whether there are such runs: values from `FLOES` on are classes else."""
    borders: Array | None = None
    """Bits that all borders are marked in; see `simplification`."""
    threshold: float | None = None
    """Per cent at which contours run; None: outlines follow the edges of pixels."""
    scales: Array | None = None
    """True area over planar area of a pixel on a coarse grid; None: one everywhere. See `counts.tally_runs`."""
    step: int = 1
    """Pixels between the nodes of `scales`."""


def trace_strip(pixels: Array, top: int, tracing: Tracing, *, shared: bool, probability: Array | None = None) -> Strip:
    """Trace one strip.

    Args:
        pixels: (rows, width) of the mask, any integer type. A strip may begin with the last row of the
            strip before.
        top: Row of the raster that the pixels begin with.
        tracing: How.
        shared: Whether the first row is the last of the strip before; so it is for all strips but the topmost.
        probability: (rows, width) per cent, 255 where there is none.
    """
    starts, values, rows = find_runs(pixels)
    classes = np.where(values >= FLOES, tracing.ice, values) if tracing.split else values
    wanted, codes = _choose(values, classes, tracing)
    labels, groups = label_runs(starts, codes, wanted, rows, tracing.width, tracing.eight)
    frame = (tracing.width, top, shared, top + pixels.shape[0] == tracing.height)
    tallies = counts.make_tallies(groups.size)
    scales = np.empty((0, 0)) if tracing.scales is None else tracing.scales
    counts.tally_runs(starts, labels, classes, rows, frame, scales, tracing.step, tallies)
    if tracing.split:
        floes = labels[(values >= FLOES) & (labels >= 0)]
        tallies[floes, counts.FLOE] = 1
    if probability is not None:
        counts.tally_probability(starts, labels, rows, shared, probability, 255, tallies)
    first = labels[: rows[1]] if frame[2] else labels[:0]
    last = labels[:0] if frame[3] else labels[rows[-2] :]
    traced = _perhaps_large(tallies, groups, np.concatenate([first, last]), tracing.least)
    if tracing.borders is not None:
        mark_borders(starts, labels, rows, frame, tracing.borders)
    if tracing.threshold is not None and probability is not None:
        nodes = trace_contours(starts, labels, values, rows, frame, traced, probability, tracing.threshold, tallies)
    else:
        nodes = trace_corners(starts, labels, values, rows, frame, traced, tracing.borders is not None, tallies)
    points, offsets, ends, owners = split_chains(nodes, int(rows[-1] if frame[3] else rows[-2]))
    return Strip(points, offsets, ends, owners, tallies, groups, first.copy(), last.copy())


def _choose(values: Array, classes: Array, tracing: Tracing) -> tuple[Array, Array]:
    wanted = np.ones(values.shape, bool) if tracing.values is None else np.isin(classes, list(tracing.values))
    codes = np.where(wanted, values, EXCLUDED)
    if tracing.nodata is not None:
        empty = values == tracing.nodata
        wanted &= ~empty
        codes[empty] = NODATA
    return wanted, codes


def _perhaps_large(tallies: Array, groups: Array, border: Array, least: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Tell which components may turn out large enough: those that are, and those that go on in other strips."""
    large = is_large(tallies, groups, least)
    going_on = np.zeros(groups.size, bool)
    going_on[groups[border[border >= 0]]] = True
    return large | going_on[groups]
