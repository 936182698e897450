"""Meridians and parallels: on them lies what they say, in polar, geographic and antimeridian frames."""

import numpy as np
import pyproj
import pytest
from rasterio.crs import CRS

from seaice_cli.products.pictures.frames import Frame
from seaice_cli.products.pictures.graticule import Earth, lines_of

FRAMES = {
    "pole": ("EPSG:3413", (-2e6, -2e6, 2e6, 2e6)), "scene": ("EPSG:3413", (5e5, -1.2e6, 6e5, -1.1e6)),
    "antimeridian": ("EPSG:3413", (-1.9e6, 1.6e6, -1.5e6, 2.1e6)), "south": ("EPSG:3976", (-3e6, -1e6, -2e6, 0.0)),
    "degrees": ("EPSG:4326", (117.0, 38.0, 119.0, 40.0)), "equal area": ("EPSG:6931", (1e6, 1e6, 1.5e6, 1.4e6)),
}  # fmt: skip


def degrees(text):
    value = float(text.rstrip("°NESW").rstrip("°"))
    return -value if text[-1] in "SW" else value


@pytest.mark.parametrize("name", FRAMES)
def test_lines_lie_where_their_names_say_and_leave_the_frame_at_an_edge(name):
    crs, bounds = FRAMES[name]
    frame = Frame(CRS.from_string(crs), bounds, 100, 100)
    to = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lines = lines_of(frame)
    assert 4 <= len(lines) <= 20
    for line in lines:
        points = line.points[np.isfinite(line.points).all(axis=1)]
        longitude, latitude = to.transform(*points.T)
        if line.text[-1] in "NS":
            assert np.abs(latitude - degrees(line.text)).max() < 1e-6
        else:
            assert np.abs((longitude - degrees(line.text) + 180) % 360 - 180).max() < 1e-6
        if line.place is not None:
            x, y = line.place
            assert min(abs(x - bounds[0]), abs(x - bounds[2]), abs(y - bounds[1]), abs(y - bounds[3])) < 1e-6
    assert len({line.text for line in lines}) == len(lines)


@pytest.mark.parametrize(
    ("center", "north"), [((1e6, 0.0), -90.0), ((0.0, -1e6), 0.0), ((0.0, 1e6), 180.0), ((-1e6, 0.0), 90.0)]
)
def test_north_points_to_the_pole(center, north):
    x, y = center
    frame = Frame(CRS.from_epsg(3413), (x - 1e4, y - 1e4, x + 1e4, y + 1e4), 10, 10)
    middle = Earth(frame).middle(frame)
    assert (middle.north - north + 180) % 360 - 180 == pytest.approx(0, abs=1e-4)


def test_a_unit_is_as_long_as_on_the_ground():
    frame = Frame(CRS.from_epsg(4326), (9.0, 59.0, 11.0, 61.0), 10, 10)
    assert Earth(frame).middle(frame).metres == pytest.approx(111_320 * np.cos(np.radians(60)), rel=0.003)
    scaled = Frame(
        CRS.from_epsg(3413), (-1e4, -2.18e6 - 1e4, 1e4, -2.18e6 + 1e4), 10, 10
    )  # 70° N, where the scale is 1
    assert Earth(scaled).middle(scaled).metres == pytest.approx(1, rel=2e-3)
