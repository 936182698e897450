"""Days, the sun above them, and boxes, against numbers worked out by hand and PROJ."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from seaice_cli.errors import OptionError
from seaice_cli.fetching.boxes import bounds_in, degrees_of, polar_crs
from seaice_cli.fetching.days import is_polar_night, parse_days


def test_days_are_one_or_several():
    assert parse_days("2024-06-01") == [date(2024, 6, 1)]
    assert parse_days("2024-02-28/2024-03-01") == [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [("june", "is no date"), ("2024-13-01", "is no date"), ("2024-06-02/2024-06-01", "ends before"), ("2024-06-01/", "is no date"),
     ("2020-01-01/2022-01-01", "in parts"), (f"{datetime.now(UTC).date() + timedelta(days=3)}", "still to come"),
     (f"{datetime.now(UTC).date()}/{datetime.now(UTC).date() + timedelta(days=3)}", "still to come")],
)  # fmt: skip
def test_what_is_no_day_is_refused(text, said):
    with pytest.raises(OptionError, match=said):
        parse_days(text)


@pytest.mark.parametrize(
    ("day", "latitude", "night"),
    [
        (date(2024, 12, 21), 68.0, True), (date(2024, 12, 21), 65.0, False),  # the polar circle, 66.56
        (date(2024, 6, 21), 85.0, False), (date(2024, 6, 21), -68.0, True), (date(2024, 3, 28), 89.0, False),
        (date(2024, 11, 20), 78.2, True),  # Longyearbyen: the sun is down from 26 October to 15 February
        (date(2024, 3, 8), 78.2, False),
    ],
)  # fmt: skip
def test_the_sun_is_known_to_be_down(day, latitude, night):
    assert is_polar_night(day, (latitude, latitude)) is night


def test_a_range_of_latitudes_is_dark_where_its_brightest_is():
    assert not is_polar_night(date(2024, 12, 21), (60, 90))
    assert is_polar_night(date(2024, 12, 21), (70, 90))


def test_a_box_around_the_pole_is_a_square():
    left, bottom, right, top = bounds_in((-180, 80, 180, 90), "EPSG:3413")
    radius = np.hypot(*Transformer.from_crs(4326, 3413, always_xy=True).transform(0, 80))
    assert np.allclose([left, bottom, right, top], [-radius, -radius, radius, radius], rtol=1e-5)


def test_a_box_across_the_antimeridian_is_as_small_as_it_is():
    left, bottom, right, top = bounds_in((175, 70, -175, 72), "EPSG:3413")
    x, y = Transformer.from_crs(4326, 3413, always_xy=True).transform(180, 71)
    assert left < x < right
    assert bottom < y < top
    assert max(right - left, top - bottom) < 500_000


@given(st.floats(-180, 170), st.floats(60, 85), st.floats(0.5, 10), st.floats(0.5, 4))
def test_bounds_hold_every_point_of_the_box(west, south, wide, high):
    left, bottom, right, top = bounds_in((west, south, west + wide, south + high), "EPSG:3413")
    random = np.random.default_rng(0)
    x, y = Transformer.from_crs(4326, 3413, always_xy=True).transform(
        west + wide * random.random(50), south + high * random.random(50)
    )
    assert (left <= x + 1).all()
    assert (x - 1 <= right).all()
    assert (bottom <= y + 1).all()
    assert (y - 1 <= top).all()


def test_metres_stay_as_they_are_and_choose_the_north():
    assert bounds_in((-1000, -2000, 1000, 0), "EPSG:3413") == (-1000, -2000, 1000, 0)
    assert polar_crs((-1000, -2000, 1000, 0)) == polar_crs(None) == polar_crs((0, 60, 10, 70)) == "EPSG:3413"
    assert polar_crs((0, -70, 10, -60)) == "EPSG:3031"


def test_degrees_of_bounds_know_the_pole():
    west, south, east, north = degrees_of((-1e6, -1e6, 1e6, 1e6), "EPSG:3413")
    assert (west, east) == (-180, 180)
    assert 76.9 < south < 77.1
    assert north == pytest.approx(90)
