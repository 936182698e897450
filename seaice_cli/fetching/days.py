"""Days that scenes are wanted of, and whether the sun rises on them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

from seaice_cli.errors import OptionError

MAX_DAYS = 366
_TILT = 23.44
"""Degrees between the axis of the earth and that of its orbit."""


def parse_days(text: str) -> list[date]:
    """Return the days of a text: one day, or the first and the last of several with a slash between them.

    Raises:
        OptionError: It names no days, more than a year of them, or days to come.
    """
    first, slash, last = text.partition("/")
    try:
        start = date.fromisoformat(first.strip())
        end = date.fromisoformat(last.strip()) if slash else start
    except ValueError as error:
        raise OptionError(
            f"`date` {text}: is no date; give 2024-06-01, or first/last as in 2024-06-01/2024-06-05"
        ) from error
    if end < start:
        raise OptionError(f"`date` {text}: ends before it begins")
    if (end - start).days >= MAX_DAYS:
        raise OptionError(f"`date` {text}: are more than {MAX_DAYS} days; fetch them in parts")
    if end > datetime.now(UTC).date():
        raise OptionError(f"`date` {text}: is still to come")
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def is_polar_night(day: date, latitudes: tuple[float, float]) -> bool:
    """Tell whether the sun stays below the horizon all day, at every latitude of a range.

    The sun's declination is taken from the day of the year (to half a degree), the centre of the sun counts, and refraction does not.

    Args:
        day: In UTC.
        latitudes: The lowest and the highest, in degrees.
    """
    declination = -_TILT * math.cos(2 * math.pi * (day.timetuple().tm_yday + 10) / 365.25)
    nearest = min(max(declination, latitudes[0]), latitudes[1])
    return 90 - abs(nearest - declination) < 0
