"""Run a stage in a thread of its own, a bounded number of items ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_PATIENCE = 0.2
"""Seconds after which a waiting thread looks whether the other side is still there."""


class Prefetched(Generic[T]):
    """Iterate over what a generator function yields, computed in a background thread.

    An error of the stage is raised where its item would have come; leaving the `with` block ends the thread.

    Args:
        stage: Makes the iterator; called, run and closed in the thread.
        depth: How many items may wait.
    """

    def __init__(self, stage: Callable[[], Iterator[T]], *, depth: int = 2) -> None:
        self._stage = stage
        self._items: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(maxsize=depth)
        """Items, each in a tuple of its own; at the end None, or what went wrong."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read", daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._iterate()

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for item in self._stage():
                if not self._put((item,)):
                    return
            self._put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that iterates
            self._put(error)

    def _put(self, item: tuple[T] | BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._items.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def _iterate(self) -> Iterator[T]:
        while True:
            try:
                item = self._items.get(timeout=_PATIENCE)
            except queue.Empty:
                if not self._thread.is_alive() and self._items.empty():
                    raise RuntimeError("the reading thread ended without a word") from None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item[0]
