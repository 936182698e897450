from datetime import UTC, datetime

import pytest

from seaice_cli.errors import OptionError
from seaice_cli.raster.reading.acquisition import acquired, parse_span


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2022-09-14T12:30Z", (2022, 9, 14, 12, 30), (2022, 9, 14, 12, 30)),
        ("2022-09-14T14:30:00+02:00", (2022, 9, 14, 12, 30), (2022, 9, 14, 12, 30)),
        ("20220914T123000", (2022, 9, 14, 12, 30), (2022, 9, 14, 12, 30)),
        ("2022-09-14", (2022, 9, 14), (2022, 9, 14, 23, 59, 59)),
        ("2022-09-14/2022-09-15T06:00", (2022, 9, 14), (2022, 9, 15, 6)),
    ],
)
def test_moments_and_spans_are_read_as_utc(text, first, last):
    assert parse_span(text) == (datetime(*first, tzinfo=UTC), datetime(*last, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "noon", "2022-13-01", "2022-09-15/2022-09-14", "/2022-09-14"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(OptionError, match="`time`"):
        parse_span(text)


def test_tags_tell_or_do_not():
    assert acquired({"ACQUIRED": "2022-09-14T12:30Z"})[0][0].hour == 12
    assert acquired({"ACQUIRED": "some day", "ACQUISITION_TIME": "2022-09-14"})[0][0].day == 14
    assert acquired({"ACQUIRED": "some day"}) == []
    assert acquired({"TIFFTAG_DATETIME": "2022:09:14 12:30:00"}) == []  # when the file was written
