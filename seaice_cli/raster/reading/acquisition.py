"""When a scene was acquired, as its tags or a user say."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from seaice_cli.errors import OptionError

Span = tuple[datetime, datetime]
"""First and last moment, in UTC."""

TAG = "ACQUIRED"
"""The tag of a mask that says when its scene was acquired: a moment, or first/last, in ISO 8601."""
_OTHER_TAGS = ("ACQUISITION_TIME", "ACQUISITIONDATETIME")


def acquired(tags: Mapping[str, str]) -> list[Span]:
    """Return when a scene was acquired, as its tags say: one pair of first and last, or none."""
    for tag in (TAG, *_OTHER_TAGS):
        with suppress(OptionError):
            return [parse_span(tags.get(tag, ""))]
    return []


def parse_span(text: str) -> Span:
    """Return the first and last moment of a text in ISO 8601; what names no time zone is UTC, a bare date its whole day.

    Args:
        text: 2022-09-14, 2022-09-14T12:30Z, or two such with a slash between them.

    Raises:
        OptionError: It is none, or ends before it begins.
    """
    first, _, last = text.partition("/")
    start, end = _moment(first, text), _moment(last or first, text, end=True)
    if end < start:
        raise OptionError(f"`time` {text}: ends before it begins")
    return start, end


def _moment(part: str, text: str, *, end: bool = False) -> datetime:
    part = part.strip()
    try:
        found = datetime.fromisoformat(part)
    except ValueError as error:
        raise OptionError(
            f"`time` {text}: is no time; give 2022-09-14, 2022-09-14T12:30Z, or first/last of such"
        ) from error
    found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    whole_day = end and len(part) <= len("2022-09-14")
    return found.replace(hour=23, minute=59, second=59) if whole_day else found
