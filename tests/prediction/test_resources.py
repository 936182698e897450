"""What a run takes: rows ahead of the engine, and no more than can lie in memory."""

from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.network.spec import IceClass, ModelSpec
from seaice_cli.prediction.resources import SMALL_STRIP, memory_bytes, strip_bytes, windows_ahead
from seaice_cli.raster.windows.grid import Grid

SPEC = ModelSpec(
    name="m", architecture="unet", encoder="none", bands=("r", "g", "b"), dtype="uint8", valid_range=(0, 255), mean=(1,) * 3,
    std=(1,) * 3, ice=1, classes=tuple(IceClass(n, (0, 0, 0)) for n in ("water", "ice", "cloud")),
)  # fmt: skip


@given(st.integers(1, 60_000), st.integers(1, 60_000))
def test_a_row_of_windows_waits_unless_rows_are_wide(height, width):
    grid = Grid(height, width, 1024, 256)
    ahead, columns = windows_ahead(grid, SPEC), len(grid.columns)
    assert 2 <= ahead <= max(2, columns)
    if strip_bytes(grid, SPEC) <= SMALL_STRIP:
        assert ahead >= columns, "the next rows are read while these are computed"
    else:
        assert ahead <= columns - 7, "before the rows after the next are read, the engine has let go of these"


def test_the_estimate_grows_with_the_width_and_not_with_the_height():
    def estimate(height, width):
        return memory_bytes(Grid(height, width, 1024, 256), SPEC, 1, "openvino")

    assert estimate(40_000, 4000) <= estimate(4000, 4000) * 1.1
    assert estimate(4000, 40_000) - estimate(4000, 4000) < 36_000 * 18_000, "18 kB for every column"
