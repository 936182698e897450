"""A stage in a thread of its own."""

import threading

import pytest

from seaice_cli.raster.windows.prefetch import Prefetched


def test_items_come_in_order():
    with Prefetched(lambda: iter(range(100)), depth=3) as items:
        assert list(items) == list(range(100))


def test_an_error_of_the_stage_is_raised_where_its_item_would_have_come():
    def stage():
        yield 1
        raise OSError("disk")

    with Prefetched(stage) as items:
        assert next(items) == 1
        with pytest.raises(OSError, match="disk"):
            next(items)


def test_leaving_early_ends_the_thread():
    before = threading.active_count()
    with Prefetched(lambda: iter(range(10**9)), depth=2) as items:
        next(items)
    assert threading.active_count() == before


def test_no_more_items_than_asked_for_are_made_ahead():
    made = []

    def stage():
        for i in range(100):
            made.append(i)
            yield i

    with Prefetched(stage, depth=2) as items:
        next(items)
        threading.Event().wait(0.1)
    assert len(made) <= 5
