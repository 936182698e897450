"""Threads that work ahead, while the one that gives them work takes what they return in the order in which it gave it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self


class Workers:
    """A bounded number of pieces of work, done by threads.

    What is to be done with a result is called by the thread that hands out the work, so nothing there needs a lock, and it happens
    in the same order whatever the threads do. An error of the work is raised there, too.

    Args:
        threads: How many.
    """

    def __init__(self, threads: int) -> None:
        self._ahead = threads + 1
        self._pool = ThreadPoolExecutor(threads, "work")
        self._pending: deque[tuple[Future[Any] | None, Callable[[Any], None]]] = deque()
        self._settling = self._failed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (
            error is not None and not self._failed
        ):  # what was handed out before something else failed is still worth keeping
            with suppress(Exception):
                self.finish()
        self._pool.shutdown(cancel_futures=True)

    def submit(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Have `work` done; `then` is called with what it returns, once all that was given before is through."""
        self._pending.append((self._pool.submit(work), then))
        self._settle(self._ahead)

    def call(self, then: Callable[[], None]) -> None:
        """Call `then` once all that was given before is through."""
        self._pending.append((None, lambda _: then()))

    def finish(self) -> None:
        """Wait for all of it."""
        self._settle(0)

    def _settle(self, left: int) -> None:
        if self._settling:  # work that a result gave rise to waits for its turn
            return
        self._settling = True
        try:
            while len(self._pending) > left:
                future, then = self._pending.popleft()
                then(future.result() if future is not None else None)
        except BaseException:
            self._failed = True
            raise
        finally:
            self._settling = False
