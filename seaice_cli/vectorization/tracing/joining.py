"""Joining: what strips have found, tied together across their borders.

A `Joiner` takes the strips from the top down. It keeps the components that reach the last row seen, with the finished
rings and the open chains they own, and gives everything else away. Nothing depends on where the strips were cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vectorization.tracing import counts
from seaice_cli.vectorization.tracing.compilation import compiled
from seaice_cli.vectorization.tracing.runs import number, unite
from seaice_cli.vectorization.tracing.store import Store

Array = npt.NDArray[Any]

_NONE = -1


@dataclass(frozen=True, slots=True)
class Strip:
    """What one strip of rows holds, in arrays; see `chains` for their meaning."""

    points: Array
    offsets: Array
    ends: Array
    """(pieces, 2)."""
    owners: Array
    """Component of every ring."""
    tallies: Array
    """(components, TALLIES)."""
    groups: Array
    """Per component."""
    first: Array
    """Component, or a negative code, of every run in the row shared with the strip before; empty at the top."""
    last: Array
    """The same for the strip's last row; empty at the bottom of the raster."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Finished components with their rings."""

    points: Array
    """(count, 2) x and y of lattice points, ring after ring, none repeated at the end."""
    offsets: Array
    """Where each ring begins, and the end."""
    owners: Array
    """Per ring, the component it belongs to."""
    tallies: Array
    """(components, TALLIES)."""
    groups: Array
    """Per component, the smallest component of its group; itself with four-connectivity."""


class Joiner:
    """Ties strips together and hands out finished components."""

    def __init__(self, *, least: tuple[int, int] = (1, 0)) -> None:
        self._least = least
        self._store = Store()
        self._border = np.empty(0, np.int64)  # per run of the last row seen: open component, or _NONE
        self._lefts = np.empty(0, np.int64)  # per run of that row: chain that ends at its left edge, or _NONE
        self._rights = np.empty(0, np.int64)  # per run of that row: chain that begins at its right edge, or _NONE
        self._chains = np.empty((0, 2), np.int64)  # first and last slice of every open chain
        self._tallies = np.empty((0, counts.TALLIES), np.int64)
        self._groups = np.empty(0, np.int64)
        self._rings = np.empty((0, 2), np.int64)  # first slice and open component of every finished ring

    def add(self, strip: Strip) -> Parts:
        """Join the next strip; return the components that are finished with it and are large enough."""
        known = self._tallies.shape[0]
        passing = np.flatnonzero(strip.first >= 0)
        roots = unite(known + strip.groups.size, self._border[passing], known + strip.first[passing].astype(np.int64))
        numbers = number(roots)
        self._tallies = counts.join_tallies(np.concatenate([self._tallies, strip.tallies]), numbers)
        self._groups = _join_groups(numbers, np.concatenate([self._groups, known + strip.groups]))
        self._rings[:, 1] = numbers[self._rings[:, 1]]
        self._link(strip, numbers[known:])
        going_on = strip.last >= 0
        self._border = np.full(strip.last.size, _NONE)
        self._border[going_on] = numbers[known + strip.last[going_on]]
        return self._release()

    def _link(self, strip: Strip, numbers: Array) -> None:
        """Tie the open chains to the pieces of the next strip, and file the rings that are whole now."""
        first = self._store.add(strip.points, strip.offsets)
        pieces, row = strip.ends.shape[0], self._lefts.size
        parts, after = self._tie(strip.ends, first)
        going_on = np.flatnonzero(strip.ends[:, 0] >= row)
        done, ends = np.zeros(after.size, np.bool_), np.empty(going_on.size, np.int64)
        known = after.size - pieces
        _find_ends(after, known + going_on, done, ends)
        circles, last = np.empty(pieces, np.int64), np.empty(pieces, np.int64)
        closed = _find_circles(after, known, done, circles, last)
        circles = circles[:closed]
        self._store.cut(parts[last[:closed], 1])
        self._lefts, self._rights = np.full(strip.last.size, _NONE), np.full(strip.last.size, _NONE)
        self._rights[strip.ends[going_on, 0] - row] = np.arange(going_on.size)
        self._lefts[strip.ends[ends - known, 1] - row] = np.arange(going_on.size)
        self._chains = np.stack([parts[known + going_on, 0], parts[ends, 1]], axis=1)
        whole = first + np.arange(pieces, pieces + strip.owners.size)
        heads = np.concatenate([whole, parts[circles, 0]])
        owners = numbers[np.concatenate([strip.owners, strip.first[strip.ends[circles - known, 0]]])]
        self._rings = np.concatenate([self._rings, np.stack([heads, owners], axis=1)])

    def _tie(self, ends: Array, first: int) -> tuple[Array, Array]:
        """Return the first and last slice of every open chain and piece, and which of them follows each, or _NONE."""
        known, row = self._chains.shape[0], self._lefts.size
        pieces = np.arange(ends.shape[0])
        parts = np.concatenate([self._chains, np.stack([first + pieces, first + pieces], axis=1)])
        after = np.full(parts.shape[0], _NONE)
        begun, ended = ends[:, 0] < row, ends[:, 1] < row
        after[self._lefts[ends[begun, 0]]] = known + pieces[begun]
        after[known + pieces[ended]] = self._rights[ends[ended, 1]]
        tied = after != _NONE
        self._store.tie(parts[tied, 1], parts[after[tied], 0])
        return parts, after

    def _release(self) -> Parts:
        """Give away what does not go on; keep the rest."""
        opened = np.zeros(self._groups.size, bool)
        opened[self._groups[self._border[self._border >= 0]]] = True
        stays = opened[self._groups]
        leaves = ~stays & is_large(self._tallies, self._groups, self._least)
        owners = self._rings[:, 1]
        leaving = np.flatnonzero(leaves[owners])
        leaving = leaving[np.argsort(owners[leaving], kind="stable")]
        points, offsets = self._store.copy(self._rings[leaving, 0])
        new_owners = (np.cumsum(leaves) - 1)[owners[leaving]]
        parts = Parts(points, offsets, new_owners, self._tallies[leaves], _renumbered(self._groups, leaves))
        self._keep(stays)
        return parts

    def _keep(self, stays: npt.NDArray[np.bool_]) -> None:
        numbers = np.cumsum(stays) - 1
        kept = stays[self._rings[:, 1]]
        self._store.drop(self._rings[~kept, 0])
        self._rings = self._rings[kept]
        self._rings[:, 1] = numbers[self._rings[:, 1]]
        self._border[self._border >= 0] = numbers[self._border[self._border >= 0]]
        self._tallies, self._groups = self._tallies[stays], _renumbered(self._groups, stays)
        if self._store.wasteful:
            rings = self._rings.shape[0]
            slices = self._store.pack(np.concatenate([self._rings[:, 0], self._chains[:, 0]]))
            self._rings[:, 0] = slices[:rings]
            self._chains[:, 0] = self._chains[:, 1] = slices[rings:]


def is_large(tallies: Array, groups: Array, least: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Tell which components belong to groups of at least so many pixels and so many units of true area."""
    large = np.ones(groups.size, bool)
    for column, minimum in zip((counts.PIXELS, counts.AREA), least, strict=True):
        if minimum > (column == counts.PIXELS):
            large &= np.bincount(groups, weights=tallies[:, column], minlength=groups.size)[groups] >= minimum
    return large


def _join_groups(numbers: Array, groups: Array) -> Array:
    """Return the group of every component, under its new number, where components were united.

    Args:
        numbers: New number of every component.
        groups: Old group of every component: the smallest component of its group.
    """
    elsewhere = np.flatnonzero(groups != np.arange(groups.size))
    return unite(int(numbers.max(initial=-1)) + 1, numbers[elsewhere], numbers[groups[elsewhere]])


def _renumbered(groups: Array, kept: Array) -> Array:
    return (np.cumsum(kept) - 1)[groups[kept]]


@compiled
def _find_ends(after: Array, begins: Array, done: Array, ends: Array) -> None:
    """Follow chains to their last parts, and note what belongs to them."""
    for k in range(begins.size):
        part = begins[k]
        done[part] = True
        while after[part] != _NONE:
            part = after[part]
            done[part] = True
        ends[k] = part


@compiled
def _find_circles(after: Array, first: int, done: Array, begins: Array, ends: Array) -> int:
    """Find the chains that end where they begin among parts from `first` on; return how many there are."""
    count = 0
    for begin in range(first, after.size):
        if done[begin]:
            continue
        begins[count] = part = begin
        while not done[part]:
            done[part] = True
            ends[count] = part
            part = after[part]
        count += 1
    return count
