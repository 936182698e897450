"""Reading a mask while it is traced: strips in threads, joined in the order of the raster."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from seaice_cli.vectorization.plan import BATCH_POINTS
from seaice_cli.vectorization.tracing.joining import Joiner, Parts, Strip
from seaice_cli.vectorization.tracing.outlines import join_parts
from seaice_cli.vectorization.tracing.strips import trace_strip

if TYPE_CHECKING:
    from seaice_cli.vectorization.options import Progress
    from seaice_cli.vectorization.plan import Plan


def trace(planned: Plan, progress: Progress, watch: dict[str, bool]) -> Iterator[Parts]:
    """Yield finished components, a batch at a time.

    Args:
        planned: What is traced, and how.
        progress: Wraps the rows that strips begin with.
        watch: Gets "data" set once a pixel that is data was seen.
    """
    joiner = Joiner(least=planned.tracing.least)
    yield from _gathered((joiner.add(strip) for strip in _strips(planned, progress, watch)), whole=planned.whole)


def _strips(planned: Plan, progress: Progress, watch: dict[str, bool]) -> Iterator[Strip]:
    cuts = planned.mask.cuts(strip_rows=planned.options.strip_rows)
    workers = min(4, os.cpu_count() or 1)
    steps = iter(progress(cuts[:-1]))
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Strip]] = deque()
        try:
            for rows in planned.mask.strips(cuts):
                watch["data"] = (
                    watch["data"] or planned.mask.nodata is None or bool((rows.pixels != planned.mask.nodata).any())
                )
                bottom = rows.top + rows.pixels.shape[0]
                known = planned.probability.read(rows.top, bottom) if planned.probability else None
                waiting.append(
                    pool.submit(
                        trace_strip,
                        planned.mark_floes(rows.pixels, rows.top),
                        rows.top,
                        planned.tracing,
                        shared=rows.shared,
                        probability=known,
                    )
                )
                if len(waiting) > workers:
                    next(steps, None)
                    yield waiting.popleft().result()
            while waiting:
                next(steps, None)
                yield waiting.popleft().result()
            next(steps, None)
        finally:
            for future in waiting:
                future.cancel()
            if planned.floes:
                planned.floes.close()


def _gathered(parts: Iterable[Parts], *, whole: bool) -> Iterator[Parts]:
    """Put parts together until there are enough to be worth a batch, or all of them."""
    held: list[Parts] = []
    for part in parts:
        if part.tallies.shape[0]:
            held.append(part)
        del part  # one component may be as large as all others together: keep no second hold on what was handed on
        if not whole and sum(p.points.shape[0] for p in held) >= BATCH_POINTS:
            held = [join_parts(held)]
            yield held.pop()
    if held:
        held = [join_parts(held)]
        yield held.pop()
