"""One scene, compared with its reference row by row: memory does not grow with the height of the scene."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import DataError, OptionError
from seaice_cli.evaluation.criteria import Criteria, Pair
from seaice_cli.evaluation.masks import Ids, MaskGrid, MaskReader
from seaice_cli.evaluation.measures import Measures
from seaice_cli.evaluation.metrics import ice_edge
from seaice_cli.evaluation.metrics.boundaries import BoundaryAccumulator, compare_boundaries
from seaice_cli.evaluation.metrics.calibration import CalibrationAccumulator
from seaice_cli.evaluation.metrics.concentration import CellGrid, ConcentrationAccumulator
from seaice_cli.evaluation.metrics.confusion import Confusion
from seaice_cli.evaluation.metrics.ice_edge import EdgeAccumulator, EdgeCollector
from seaice_cli.evaluation.metrics.objects import ObjectCollector
from seaice_cli.evaluation.pixel_geometry import PixelGeometry, pixel_geometry_of
from seaice_cli.evaluation.probabilities import ProbabilityReader
from seaice_cli.evaluation.vector_references import FeatureReader
from seaice_cli.raster.reading.sources import VECTORS

STRIP_PIXELS = 1 << 20
"""About as many pixels are compared at a time."""


def scan(pair: Pair, criteria: Criteria, *, strip_pixels: int = STRIP_PIXELS) -> Measures:
    """Measure one scene.

    Raises:
        DataError: A file cannot be read, or does not fit the others or the classes.
        OptionError: Something is asked for that needs a CRS, and there is none.
    """
    with ExitStack() as stack:
        mask = stack.enter_context(MaskReader(pair.predicted, legend=criteria.predicted_legend))
        reference = open_reference(pair.reference, criteria, mask.grid)
        stack.enter_context(reference)
        features = reference if isinstance(reference, FeatureReader) else None
        probability = ProbabilityReader(pair.probability, grid=mask.grid) if pair.probability else None
        if probability:
            stack.enter_context(probability)
        scene = _SceneScan(pair, criteria, mask, features=features is not None)
        for (first, last), core in _strips(mask.grid.shape, scene.halo, strip_pixels):
            truth, predicted = reference.read(first, last), mask.read(first, last)
            top, bottom = first + core.start, first + core.stop
            scene.add_classes(first, core, truth, predicted)
            objects = features.objects(top, bottom, criteria.ice) if features else truth[core] == criteria.ice
            scene.add_objects(objects, truth[core], predicted[core])
            if probability:
                scene.add_probabilities(probability.read(top, bottom), truth[core])
        found = scene.finish()
    if not found.confusion.total + found.confusion.missing and isinstance(reference, MaskReader) and reference.warped:
        raise DataError(f"{pair.reference}: has no pixel in common with {pair.predicted}; do both show the same place?")
    return found


def open_reference(path: Path, criteria: Criteria, grid: MaskGrid) -> MaskReader | FeatureReader:
    """Open a reference on a grid; what kind of file it is shows in its suffix.

    Raises:
        DataError: It cannot be opened or does not fit.
    """
    if path.suffix.lower() in VECTORS:
        return FeatureReader(path, legend=criteria.legend, grid=grid)
    return MaskReader(path, legend=criteria.legend, grid=grid)


def _strips(shape: tuple[int, int], halo: int, pixels: int) -> Iterator[tuple[tuple[int, int], slice]]:
    """Yield (first row, row after the last) with context on both sides, and the rows of it that are counted."""
    height, width = shape
    rows = max(1, pixels // width, halo)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = max(0, top - halo), min(height, bottom + halo)
        yield (first, last), slice(top - first, bottom - first)


class _SceneScan:
    """The accumulators of one scene."""

    def __init__(self, pair: Pair, criteria: Criteria, mask: MaskReader, *, features: bool) -> None:
        self._pair, self._criteria, self._grid = pair, criteria, mask.grid
        geometry = pixel_geometry_of(mask.grid.transform, mask.grid.crs, mask.grid.shape)
        if criteria.by_area and geometry is None:
            raise OptionError(f"{pair.predicted}: has no CRS, so its pixels cannot be weighted by their area")
        classes = len(criteria.classes)
        self._geometry: PixelGeometry | None = geometry
        self._tolerances = [
            d.tolerance(mask.grid.shape, geometry.pixel if geometry else None) for d in criteria.distances
        ]
        self.halo = max([ice_edge.HALO, *(r.rows for r in self._tolerances)])
        self._confusion = Confusion.empty(classes)
        self._boundaries = BoundaryAccumulator.empty(len(self._tolerances), classes)
        self._calibration = CalibrationAccumulator.empty()
        self._objects = ObjectCollector(features=features, smallest=criteria.smallest_object)
        self._edges = EdgeCollector(geometry) if geometry else None
        self._cells = [
            CellGrid(geometry, km) if geometry and _has_several_pixels(geometry, km) else None for km in criteria.cells
        ]

    def add_classes(self, top: int, core: slice, truth: Ids, predicted: Ids) -> None:
        """Add the core rows of class ids; the rows around them are context, `top` is the first of all."""
        criteria, n = self._criteria, len(self._criteria.classes)
        start, stop = top + core.start, top + core.stop
        weights = self._geometry.areas(start, stop) if criteria.by_area and self._geometry else None
        try:
            self._confusion = self._confusion.add(truth[core], predicted[core], weights=weights)
        except ValueError as error:
            raise DataError(
                f"{self._pair.predicted} against {self._pair.reference}: {error} ({', '.join(criteria.classes)}); "
                "name all classes with `classes`, or say what the values stand for with `values`"
            ) from error
        self._boundaries += compare_boundaries(truth, predicted, core, classes=n, tolerances=self._tolerances)
        known = (truth < n) & (predicted < n) & ~np.isin(truth, criteria.hidden) & ~np.isin(predicted, criteria.hidden)
        true_ice, predicted_ice = truth == criteria.ice, predicted == criteria.ice
        if self._edges:
            self._edges.add(top, core, (true_ice, predicted_ice), known)
        for cells in filter(None, self._cells):
            cells.add(start, (true_ice[core], predicted_ice[core]), known[core])

    def add_objects(self, objects: npt.NDArray[Any], truth: Ids, predicted: Ids) -> None:
        """Add the true objects of the next rows, as numbers or as a mask; pixels unknown on either side belong to none."""
        n = len(self._criteria.classes)
        known = (truth < n) & (predicted < n)
        self._objects.add(objects * known, (predicted == self._criteria.ice) & known)

    def add_probabilities(self, probability: npt.NDArray[np.float32], truth: Ids) -> None:
        """Add the probabilities of the next rows."""
        known = (truth < len(self._criteria.classes)) & ~np.isnan(probability)
        self._calibration += CalibrationAccumulator.of(probability[known], truth[known] == self._criteria.ice)

    def finish(self) -> Measures:
        """Return what was measured."""
        size = float(np.prod(self._grid.shape))
        return Measures(
            confusion=self._confusion,
            boundaries=self._boundaries,
            edge=self._edges.finish() if self._edges else EdgeAccumulator(),
            concentrations=tuple(cells.finish() if cells else ConcentrationAccumulator() for cells in self._cells),
            calibration=self._calibration,
            objects=self._objects.finish(),
            size=size,
            seconds=self._pair.seconds or 0.0,
            timed=size if self._pair.seconds else 0.0,
        )


def _has_several_pixels(geometry: PixelGeometry, kilometres: float) -> bool:
    """Return whether cells of that size hold more than a pixel; otherwise there is no concentration to speak of."""
    return kilometres * 1000 >= 2 * max(geometry.pixel)
