"""Numbers of floes in a stream: the mask is taken apart in bands of fixed rows, and floes are joined across them.

A band is numbered together with rows above and below it. In the rows that two neighbours share, a floe of the one and a
floe of the other that overlap each other most are the same floe. Where bands begin depends on the raster's width alone, so
that floes are the same however many rows are read at once, and by however many threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.raster.processors import processors
from seaice_cli.vectorization.masks import Mask
from seaice_cli.vectorization.splitting.landscape import Landscape, find_floes
from seaice_cli.vectorization.splitting.watershed import BESIDE, INSIDE, UNKNOWN, number_floes

Numbers = npt.NDArray[np.int64]
States = npt.NDArray[np.uint8]

WINDOW = 64
"""Side of the neighbourhood that floes are compared with, in pixels: 16 km at 250 m."""
_PIXELS = 1 << 23
"""Pixels of a band, about."""
_HALO = 256
"""Rows above and below a band, at least; floes that reach farther may be cut straight between two bands."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where bands lie; all in rows."""

    core: int
    """Of a band itself."""
    halo: int
    """Above and below it."""

    @classmethod
    def of(cls, width: int, window: int) -> Layout:
        """Return the layout for a raster: bands of whole windows, so that blocks lie alike in all of them."""
        halo = max(_HALO, 4 * window)
        halo = -(-halo // window) * window
        core: int = max(2 * halo, _PIXELS // width // window * window)
        return cls(core, halo)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is known of some rows, the first of which is `top`."""

    top: int
    states: States
    brightness: npt.NDArray[np.float32] | None

    @property
    def stop(self) -> int:
        return self.top + len(self.states)

    def part(self, top: int) -> _Rows:
        cut = max(top - self.top, 0)
        return _Rows(self.top + cut, self.states[cut:], None if self.brightness is None else self.brightness[cut:])


class FloeNumbers:
    """The numbers of a mask's floes, read from top to bottom.

    Args:
        mask: Read once, a band ahead of what is asked for.
        ice: The class that floes are made of.
        landscape: What parts floes; None: only where the ice is narrow.
        window: Side of the neighbourhood that floes are compared with.
        layout: Of bands; None: as fits the width.
        workers: Threads; None: one for every processor, four at most.
    """

    def __init__(
        self, mask: Mask, ice: int, landscape: Landscape | None = None, *, window: int = WINDOW, layout: Layout | None = None,
        workers: int | None = None,
    ) -> None:  # fmt: skip
        self._mask, self._ice, self._landscape, self._window = mask, ice, landscape, window
        self._layout = layout or Layout.of(mask.width, window)
        self._workers = workers or min(4, processors())
        self._bands = self._number()
        self._top, self._held = 0, np.empty((0, mask.width), np.int64)

    def read(self, top: int, stop: int) -> Numbers:
        """Return numbers from 1 on, 0 outside of floes, (rows, width); rows above `top` are not asked for again.

        Raises:
            SceneError: A file is damaged there.
        """
        cut = top - self._top
        parts, rows = [self._held[cut:]], self._held.shape[0] - cut
        while rows < stop - top:
            parts.append(next(self._bands))
            rows += parts[-1].shape[0]
        self._top, self._held = top, np.concatenate(parts)
        return self._held[: stop - top]

    def close(self) -> None:
        """End the threads."""
        self._bands.close()

    def _number(self) -> Any:
        """Yield the numbers of one band after the other, (rows, width)."""
        seam = _Seam(self._layout.halo // 2)
        for top, rows, labels in self._label():
            numbers = seam.join(labels, rows)
            core = numbers[top - rows : top - rows + self._layout.core]
            yield core[: self._mask.height - top].copy()
            seam.keep(numbers, rows, top + self._layout.core)

    def _label(self) -> Iterator[tuple[int, int, npt.NDArray[np.int32]]]:
        """Yield the first row of a band, the first with the rows above it, and the numbers of that window by itself."""
        waiting: deque[tuple[int, int, Future[npt.NDArray[np.int32]]]] = deque()
        with ThreadPoolExecutor(self._workers) as pool:
            try:
                for top, rows in self._read():
                    waiting.append((top, rows.top, pool.submit(self._split, rows)))
                    if len(waiting) >= self._workers:
                        first, start, future = waiting.popleft()
                        yield first, start, future.result()
                while waiting:
                    first, start, future = waiting.popleft()
                    yield first, start, future.result()
            finally:
                for _, _, future in waiting:
                    future.cancel()

    def _read(self) -> Iterator[tuple[int, _Rows]]:
        """Yield every band's first row, and its rows with those above and below; no row is read twice."""
        height, core, halo = self._mask.height, self._layout.core, self._layout.halo
        held = self._read_rows(0, min(height, core + halo))
        for top in range(0, height, core):
            held = held.part(top - halo)
            stop = min(height, top + core + halo)
            if held.stop < stop:
                held = _join(held, self._read_rows(held.stop, stop))
            yield top, held

    def _read_rows(self, top: int, stop: int) -> _Rows:
        pixels, nodata = self._mask.read(top, stop), self._mask.nodata
        states = np.where(pixels == self._ice, INSIDE, BESIDE).astype(np.uint8)
        if nodata is not None:
            states[pixels == nodata] = UNKNOWN
        if self._landscape is None:
            return _Rows(top, states, None)
        brightness, known = self._landscape.read(top, stop)
        return _Rows(top, states, np.where(known, brightness, np.float32(np.nan)))

    def _split(self, rows: _Rows) -> npt.NDArray[np.int32]:
        if rows.brightness is None:
            return number_floes(rows.states)
        known = ~np.isnan(rows.brightness) & (rows.states != UNKNOWN)
        return find_floes(np.where(known, rows.brightness, 0), known, rows.states == INSIDE, window=self._window)


def _join(upper: _Rows, lower: _Rows) -> _Rows:
    brightness = None
    if upper.brightness is not None and lower.brightness is not None:
        brightness = np.concatenate([upper.brightness, lower.brightness])
    return _Rows(upper.top, np.concatenate([upper.states, lower.states]), brightness)


class _Seam:
    """Goes on with the numbers of one band in the next.

    Args:
        reach: Rows on both sides of the border between two bands in which their floes are compared.
    """

    def __init__(self, reach: int) -> None:
        self._reach, self._count = reach, 0
        self._top, self._above = 0, np.empty((0, 0), np.int64)

    def join(self, labels: npt.NDArray[np.int32], top: int) -> Numbers:
        """Return the numbers of floes for a window's own; `top` is its first row."""
        size = int(labels.max(initial=0)) + 1
        final = np.zeros(size, np.int64)
        cut = self._top - top
        if self._above.size:
            old, new = self._above.ravel(), labels[cut : cut + self._above.shape[0]].ravel()
            both = (old > 0) & (new > 0)
            olds, news = _match(old[both], new[both].astype(np.int64))
            final[news] = olds
        fresh = np.flatnonzero(final[1:] == 0) + 1
        final[fresh] = self._count + np.arange(1, fresh.size + 1)
        self._count += fresh.size
        numbers: Numbers = final[labels]
        return numbers

    def keep(self, numbers: Numbers, top: int, border: int) -> None:
        """Remember the rows around the border to the next band."""
        self._top = max(border - self._reach, top)
        self._above = numbers[self._top - top : border + self._reach - top].copy()


def _match(old: Numbers, new: Numbers) -> tuple[Numbers, Numbers]:
    """Return the pairs of floes that overlap each other most; of several as large overlaps the first numbers count."""
    if not old.size:
        return old, new
    base = int(new.max()) + 1
    keys, counts = np.unique(old * base + new, return_counts=True)
    olds, news = keys // base, keys % base
    order = np.argsort(-counts, kind="stable")
    best_old = np.zeros(keys.size, bool)
    best_new = np.zeros(keys.size, bool)
    best_old[order[np.unique(olds[order], return_index=True)[1]]] = True
    best_new[order[np.unique(news[order], return_index=True)[1]]] = True
    mutual = best_old & best_new
    return olds[mutual], news[mutual]
