import numpy as np
import pytest
from rasterio.crs import CRS

from seaice_cli.errors import OptionError
from seaice_cli.products.concentration.grids import GRIDS, grid_over, named_grid

# NSIDC, "A Guide to NSIDC's Polar Stereographic Projection", and "A Guide to EASE Grids": rows and columns.
SHAPES = {
    "psn25": (448, 304), "psn12.5": (896, 608), "psn6.25": (1792, 1216), "pss25": (332, 316), "pss12.5": (664, 632),
    "ease2-n25": (720, 720), "ease2-s12.5": (1440, 1440), "osisaf-n25": (432, 432),
}  # fmt: skip


@pytest.mark.parametrize(("name", "shape"), SHAPES.items())
def test_shapes_are_those_of_the_guides(name, shape):
    grid = named_grid(name)
    assert (grid.height, grid.width) == shape


def test_centres_of_cells_are_those_of_the_guides():
    """psn25: x from -3837.5 to 3737.5 km, y from 5837.5 to -5337.5 km; the corner lies at 30.98° N, 168.35° E."""
    grid = named_grid("psn25")
    assert grid.x[[0, -1]].tolist() == [-3_837_500, 3_737_500]
    assert grid.y[[0, -1]].tolist() == [5_837_500, -5_337_500]
    longitude, latitude = grid.degrees(np.array([-3_850_000.0]), np.array([5_850_000.0]))
    assert longitude[0] == pytest.approx(168.35, abs=0.01)
    assert latitude[0] == pytest.approx(30.98, abs=0.01)


def test_all_names_make_grids_whose_cells_fill_their_extent():
    for name in GRIDS:
        grid = named_grid(name)
        assert grid.cell * grid.width == pytest.approx(abs(2 * max(abs(grid.x[0]), abs(grid.x[-1]))), rel=0.05)


def test_cells_of_equal_area_grids_are_equal():
    grid = named_grid("ease2-n25")
    inside = grid.cell_area[300:420, 300:420]
    assert inside == pytest.approx(25_000**2, rel=1e-6)


def test_cells_over_an_extent_begin_at_multiples_of_their_size():
    grid = grid_over(5000, CRS.from_epsg(3413), (-601_000, 400_000, -590_000, 412_000))
    assert (grid.transform.c, grid.transform.f) == (-605_000, 415_000)
    assert (grid.height, grid.width) == (3, 3)


@pytest.mark.parametrize(
    ("cell", "epsg", "words"),
    [(0, 3413, "positive"), (-5, 3413, "positive"), (float("nan"), 3413, "positive"), (1, 4326, "projected"), (0.01, 3413, "larger")],
)  # fmt: skip
def test_cells_that_make_no_sense_are_refused(cell, epsg, words):
    with pytest.raises(OptionError, match=words):
        grid_over(cell, CRS.from_epsg(epsg), (0, 0, 1e6, 1e6))


def test_a_name_that_is_none_is_refused():
    with pytest.raises(OptionError, match="psn25"):
        named_grid("psn26")
