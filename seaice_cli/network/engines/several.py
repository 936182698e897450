"""Several GPUs of one machine: batches go round, each to the next device, and come back in order.

The batches are those that one device would run, so that the same kind of device gives the same bytes whatever their number. Results are
brought to the first device, where they are blended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle, islice

from seaice_cli.network.engines.pytorch import TorchEngine
from seaice_cli.raster.windows.grid import Chip

_AHEAD = 2
"""Batches at every device: one that it computes, one that is on its way there."""


class SeveralDevices:
    """Runs the network on several devices with torch.

    Args:
        engines: One for each device, all of one model and precision; probabilities lie on the device of the first.
    """

    name = "torch"

    def __init__(self, engines: Sequence[TorchEngine]) -> None:
        self._engines = tuple(engines)
        self.precision = engines[0].precision
        kind = engines[0].device.partition(":")[0]
        self.device = f"{kind}:{','.join(engine.device.partition(':')[2] or '0' for engine in engines)}"
        self._batch_size = min(engine.batch_size for engine in engines)

    @property
    def batch_size(self) -> int:
        """Windows per forward pass: as many as every device takes."""
        return self._batch_size

    def run(self, chips: Iterable[Chip]) -> Iterator[Chip]:
        """Yield the probabilities of every chip, in order; every device has a thread, and is sent its next batch meanwhile."""
        stream = iter(chips)
        waiting: deque[Future[list[Chip]]] = deque()
        with ExitStack() as stack:
            lanes = [(engine, stack.enter_context(ThreadPoolExecutor(1, engine.device))) for engine in self._engines]
            stack.callback(_cancel, waiting)
            for engine, thread in cycle(lanes):
                batch = list(islice(stream, self._batch_size))
                if not batch:
                    break
                waiting.append(thread.submit(self._compute, engine, batch))
                if len(waiting) >= _AHEAD * len(lanes):
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()

    def _compute(self, engine: TorchEngine, batch: list[Chip]) -> list[Chip]:
        home = self._engines[0].home
        return [
            chip if chip.pixels is None else Chip(chip.window, chip.pixels.to(home, non_blocking=True), chip.excluded)
            for chip in engine.run(batch)
        ]


def _cancel(waiting: Iterable[Future[list[Chip]]]) -> None:
    for future in waiting:
        future.cancel()
