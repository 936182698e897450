"""Work is done ahead, results come in order."""

import threading
import time

import pytest

from seaice_cli.raster.writing.workers import Workers


def test_results_come_in_order_and_in_the_thread_that_gave_the_work():
    found = []
    with Workers(4) as workers:
        for number in range(20):

            def work(number=number):
                time.sleep(0.002 * (number % 3))
                return number, threading.get_ident()

            workers.submit(work, found.append)
            workers.call(lambda: found.append(threading.get_ident()))
        workers.finish()
    assert [n for n, _ in found[::2]] == list(range(20))
    assert set(found[1::2]) == {threading.get_ident()}
    assert threading.get_ident() not in {thread for _, thread in found[::2]}


def test_work_that_a_result_gives_rise_to_comes_after_what_was_there():
    found = []
    with Workers(1) as workers:
        workers.submit(lambda: "first", lambda r: (workers.submit(lambda: "child", found.append), found.append(r)))
        workers.submit(lambda: "second", found.append)
        workers.finish()
    assert sorted(found) == ["child", "first", "second"]
    assert found.index("first") < found.index("child")


def test_no_more_is_held_than_threads_can_begin():
    done, finished = [], 0
    with Workers(2) as workers:
        for number in range(10):
            workers.submit(lambda: None, done.append)
            assert number + 1 - len(done) <= 3
        workers.finish()
        finished = len(done)
    assert finished == 10


def test_an_error_reaches_the_thread_that_gave_the_work():
    def fail():
        raise OSError("full")

    with pytest.raises(OSError, match="full"), Workers(2) as workers:
        workers.submit(fail, lambda _: None)
        workers.finish()
