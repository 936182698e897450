"""Counts and areas do not depend on how rows are cut."""

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from seaice_cli.prediction.parts.counting import CELL, Counter, Counts
from seaice_cli.raster.area import pixel_area

PLACE = (CRS.from_epsg(3413), Affine(250, 0, -1e6, 0, -250, 5e5))


@pytest.mark.parametrize("shape", [(512, 700), (300, 129), (1, 1)])
def test_counts_are_those_of_every_pixel(shape):
    classes = np.random.default_rng(0).choice(np.array([0, 1, 2, 254, 255], np.uint8), shape)
    counter = Counter(range(3), 1, *PLACE)
    counts = counter.count(classes, counter.areas(1024, shape))
    assert counts.pixels == {int(v): int(n) for v, n in zip(*np.unique(classes, return_counts=True), strict=True)}
    rows, columns = np.nonzero(classes == 1)
    exact = pixel_area(*PLACE, 1024 + rows + 0.5, columns + 0.5).sum()
    assert counts.ice_m2 == pytest.approx(exact, rel=1e-5)


def test_rows_of_cells_count_alone_or_together():
    classes = np.random.default_rng(1).integers(0, 2, (4 * CELL, 300)).astype(np.uint8)
    counter = Counter(range(2), 1, *PLACE)
    whole, parts = counter.count(classes, counter.areas(0, classes.shape)), Counts()
    for top in range(0, 4 * CELL, CELL):
        rows = classes[top : top + CELL]
        parts.add(counter.count(rows, counter.areas(top, rows.shape)))
    assert parts.pixels == whole.pixels
    assert parts.ice_m2 == pytest.approx(whole.ice_m2, rel=1e-12)


def test_without_a_crs_areas_are_pixels():
    counter = Counter(range(2), 1, None, Affine.identity())
    classes = np.ones((130, 140), np.uint8)
    assert counter.count(classes, counter.areas(0, classes.shape)).ice_m2 == 130 * 140
