"""Filling: small holes closed, and what lies in them swallowed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from seaice_cli.vectorization.tracing import chains
from seaice_cli.vectorization.tracing.outlines import Outlines

Array = npt.NDArray[Any]


def fill_holes(outlines: Outlines, pixels: Array) -> Outlines:
    """Leave out small holes, and what lies in them.

    What lies in a hole is finished before what is around it, so all outlines of a mask must be given at once.

    Args:
        outlines: Of the whole mask.
        pixels: Per feature, area of the largest hole to fill, in the square of the outlines' unit.
    """
    owners = np.repeat(np.repeat(np.arange(len(outlines)), np.diff(outlines.features)), np.diff(outlines.parts))
    small = (outlines.measures[:, 0] < 0) & (outlines.measures[:, 0] >= -pixels[owners])
    if not small.any():
        return outlines
    swallowed = _find_swallowed(outlines, np.flatnonzero(small))
    return _select(outlines, ~small & ~np.repeat(swallowed, np.diff(outlines.parts)), ~swallowed)


def _find_swallowed(outlines: Outlines, small: Array) -> npt.NDArray[np.bool_]:
    """Tell which parts lie in small holes."""
    holes = _build(outlines, small)
    shells = _build(outlines, outlines.parts[:-1])
    swallowed = np.zeros(shells.size, bool)
    swallowed[shapely.STRtree(holes).query(shells, predicate="covered_by")[0]] = True
    return swallowed


def _build(outlines: Outlines, rings: Array) -> npt.NDArray[np.object_]:
    flat = [outlines.points[outlines.rings[k] : outlines.rings[k + 1]] & (chains.COLUMN, -1) for k in rings]
    owners = np.repeat(np.arange(len(flat)), [len(points) for points in flat])
    polygons: npt.NDArray[np.object_] = shapely.polygons(shapely.linearrings(np.concatenate(flat), indices=owners))
    return polygons


def _select(outlines: Outlines, rings: npt.NDArray[np.bool_], parts: npt.NDArray[np.bool_]) -> Outlines:
    """Keep some rings and the parts that they belong to, and the features that still have a part."""
    lengths = np.diff(outlines.rings)
    ring_counts = np.add.reduceat(rings.astype(np.int64), outlines.parts[:-1])[parts]
    part_counts = np.add.reduceat(parts.astype(np.int64), outlines.features[:-1])
    return replace(
        outlines,
        points=outlines.points[np.repeat(rings, lengths)],
        rings=np.concatenate([[0], np.cumsum(lengths[rings])]),
        parts=np.concatenate([[0], np.cumsum(ring_counts)]),
        features=np.concatenate([[0], np.cumsum(part_counts[part_counts > 0])]),
        tallies=outlines.tallies[part_counts > 0],
        measures=outlines.measures[rings],
    )
