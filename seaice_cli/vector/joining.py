"""Joining: what strips have found, tied together across their borders.

A `Joiner` takes the strips from the top down. It keeps the components that reach the last row seen, with the finished
rings and the open chains they own, and gives everything else away. Nothing depends on where the strips were cut.
"""

# Kernels are one pass each, compiled as a whole and inlined: long, of many plain arguments, and without sets.
# ruff: noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917, PLW2901

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.vector import counts
from seaice_cli.vector.compilation import compiled
from seaice_cli.vector.runs import find_root, unite

Array = npt.NDArray[Any]

_NONE = -1
_SPARE = 1 << 20
"""Points that may lie unused before the store is packed, at least."""


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
        self._points = np.empty((_SPARE, 2), np.int32)
        self._slices = np.empty((1024, 3), np.int64)  # first point, last point + 1, next slice of the same chain
        self._rings = np.empty((1024, 2), np.int64)  # first slice, next ring of the same component
        self._used = np.zeros(3, np.int64)  # points, slices, rings
        self._living = 0  # points that belong to something still open
        self._border = np.empty(0, np.int64)  # per run of the last row seen: open component, or _NONE
        self._lefts = np.empty(0, np.int64)  # per run of that row: chain that ends at its left edge, or _NONE
        self._rights = np.empty(0, np.int64)  # per run of that row: chain that begins at its right edge, or _NONE
        self._chains = np.empty((0, 2), np.int64)  # first and last slice
        self._tallies = np.empty((0, counts.TALLIES), np.int64)
        self._groups = np.empty(0, np.int64)
        self._lists = np.empty((0, 2), np.int64)  # first and last ring of each open component

    def add(self, strip: Strip) -> Parts:
        """Join the next strip; return the components that are finished with it and are large enough."""
        open_before = self._tallies.shape[0]
        numbers, tallies, groups, lists = _merge(
            self._border,
            strip.first,
            self._tallies,
            strip.tallies,
            self._groups,
            strip.groups,
            self._lists,
            self._rings,
        )
        pieces = self._store(strip)
        self._lefts, self._rights, self._chains, circles = _link_chains(
            self._slices, pieces, strip.ends, self._lefts, self._rights, self._chains, strip.last.size
        )
        numbers = numbers[open_before:]
        self._border = np.where(strip.last >= 0, numbers[np.maximum(strip.last, 0)] if numbers.size else _NONE, _NONE)
        whole = np.arange(pieces + strip.ends.shape[0], self._used[1])
        heads = np.concatenate([whole, circles[:, 0]])
        owners = numbers[np.concatenate([strip.owners, strip.first[circles[:, 1]]])]
        self._rings = _grown(self._rings, self._used[2] + heads.size)
        _file_rings(self._rings, self._used, heads, owners, lists)
        return self._release(tallies, groups, lists)

    def _store(self, strip: Strip) -> int:
        """Append the strip's points and slices; return the first of the new slices."""
        points, slices, _ = (int(n) for n in self._used)
        count = strip.offsets.size - 1
        self._points = _grown(self._points, points + strip.points.shape[0])
        self._points[points : points + strip.points.shape[0]] = strip.points
        self._slices = _grown(self._slices, slices + count)
        new = self._slices[slices : slices + count]
        new[:, 0], new[:, 1], new[:, 2] = strip.offsets[:-1] + points, strip.offsets[1:] + points, _NONE
        self._used[0] += strip.points.shape[0]
        self._used[1] += count
        self._living += strip.points.shape[0]
        return int(slices)

    def _release(self, tallies: Array, groups: Array, lists: Array) -> Parts:
        opened = np.zeros(groups.size, bool)
        opened[groups[self._border[self._border >= 0]]] = True
        stays = opened[groups]
        leaves = ~stays & is_large(tallies, groups, self._least)
        points, offsets, owners = _gather(self._points, self._slices, self._rings, lists[leaves, 0])
        parts = Parts(points, offsets, owners, tallies[leaves], _renumbered(groups, leaves))
        self._living -= _count(self._slices, self._rings, lists[~stays, 0])
        numbers = np.cumsum(stays) - 1
        self._border = np.where(self._border >= 0, numbers[self._border] if numbers.size else _NONE, _NONE)
        self._tallies, self._groups, self._lists = tallies[stays], _renumbered(groups, stays), lists[stays]
        if self._used[0] > self._living + self._living // 2 + _SPARE:
            self._points, self._slices, self._rings, self._chains, self._lists = _pack(
                self._points, self._slices, self._rings, self._chains, self._lists, self._living
            )
            self._used[:] = self._living, self._slices.shape[0], self._rings.shape[0]
        return parts


def is_large(tallies: Array, groups: Array, least: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Tell which components belong to groups of at least so many pixels and so many units of true area."""
    large = np.ones(groups.size, bool)
    for column, minimum in zip((counts.PIXELS, counts.AREA), least, strict=True):
        if minimum > (column == counts.PIXELS):
            large &= np.bincount(groups, weights=tallies[:, column], minlength=groups.size)[groups] >= minimum
    return large


def _renumbered(groups: Array, kept: Array) -> Array:
    return (np.cumsum(kept) - 1)[groups[kept]]


def _grown(array: Array, size: int) -> Array:
    if size <= array.shape[0]:
        return array
    grown = np.empty((max(size, array.shape[0] + array.shape[0] // 2), array.shape[1]), array.dtype)
    grown[: array.shape[0]] = array
    return grown


@compiled
def _merge(
    border: Array, first: Array, old: Array, new: Array, old_groups: Array, new_groups: Array, lists: Array,
    next_rings: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Unite open components with those of the next strip that they continue in.

    Returns:
        The number that every open component and then every component of the strip has from now on; tallies, groups and
        ring lists by that number.
    """
    known = old.shape[0]
    parents = np.arange(known + new.shape[0]).astype(np.int32)
    for run in range(first.size):
        if first[run] >= 0:
            unite(parents, border[run], known + first[run])
    numbers = np.empty(parents.size, np.int64)
    count = 0
    for element in range(parents.size):
        root = find_root(parents, element)
        if root == element:
            numbers[element] = count
            count += 1
        else:
            numbers[element] = numbers[root]
    tallies = np.empty((count, counts.TALLIES), np.int64)
    rings = np.full((count, 2), _NONE, np.int64)
    seen = np.zeros(count, np.bool_)
    for element in range(parents.size):
        number = numbers[element]
        tally = old[element] if element < known else new[element - known]
        if not seen[number]:
            tallies[number] = tally
            seen[number] = True
        else:
            add_tally(tallies[number], tally)
        if element < known and lists[element, 0] != _NONE:
            if rings[number, 0] == _NONE:
                rings[number] = lists[element]
            else:
                next_rings[rings[number, 1], 1] = lists[element, 0]
                rings[number, 1] = lists[element, 1]
    groups = np.arange(count).astype(np.int32)
    for element in range(parents.size):
        group = old_groups[element] if element < known else known + new_groups[element - known]
        unite(groups, numbers[element], numbers[group])
    roots = np.empty(count, np.int64)
    for number in range(count):
        roots[number] = find_root(groups, number)
    return numbers, tallies, roots, rings


@compiled
def add_tally(total: Array, tally: Array) -> None:
    """Add the tallies of a component to those of another that it belongs to."""
    if (tally[counts.LONGEST], -tally[counts.MIDDLE]) > (total[counts.LONGEST], -total[counts.MIDDLE]):
        total[counts.LONGEST :] = tally[counts.LONGEST :]
    for column in range(counts.LONGEST):
        if column < counts.BOTTOM:
            total[column] = min(total[column], tally[column])
        elif column < counts.PIXELS:
            total[column] = max(total[column], tally[column])
        else:
            total[column] += tally[column]


@compiled
def _link_chains(
    slices: Array, first_piece: int, ends: Array, lefts: Array, rights: Array, old: Array, last: int
) -> tuple[Array, Array, Array, Array]:
    """Tie the open chains to the pieces of the next strip.

    Returns:
        Per run of the strip's last row the chain that ends at its left edge, and the one that begins at its right
        edge; first and last slice of these chains; for every ring that was closed by this its first slice, and a run
        of the shared row that it passes.
    """
    row, known, pieces = lefts.size, old.shape[0], ends.shape[0]
    parts = np.empty((known + pieces, 2), np.int64)
    after = np.full(known + pieces, _NONE, np.int64)
    for chain in range(known):
        parts[chain] = old[chain]
    for piece in range(pieces):
        parts[known + piece] = first_piece + piece
        if ends[piece, 0] < row:
            after[lefts[ends[piece, 0]]] = known + piece
        if ends[piece, 1] < row:
            after[known + piece] = rights[ends[piece, 1]]
    for part in range(known + pieces):
        if after[part] != _NONE:
            slices[parts[part, 1], 2] = parts[after[part], 0]
    done = np.zeros(known + pieces, np.bool_)
    new_lefts, new_rights = np.full(last, _NONE, np.int64), np.full(last, _NONE, np.int64)
    chains_now = np.empty((last, 2), np.int64)
    count = 0
    for piece in range(pieces):
        if ends[piece, 0] >= row:
            part = known + piece
            done[part] = True
            while after[part] != _NONE:
                part = after[part]
                done[part] = True
            new_rights[ends[piece, 0] - row] = count
            new_lefts[ends[part - known, 1] - row] = count
            chains_now[count, 0], chains_now[count, 1] = parts[known + piece, 0], parts[part, 1]
            count += 1
    circles = np.empty((pieces, 2), np.int64)
    closed = 0
    for piece in range(pieces):
        start = known + piece
        if not done[start] and ends[piece, 0] < row:
            circles[closed, 0], circles[closed, 1] = parts[start, 0], ends[piece, 0]
            closed += 1
            part = start
            while not done[part]:
                done[part] = True
                if after[part] == start:
                    slices[parts[part, 1], 2] = _NONE
                part = after[part]
    return new_lefts, new_rights, chains_now[:count].copy(), circles[:closed].copy()


@compiled
def _file_rings(rings: Array, used: Array, heads: Array, owners: Array, lists: Array) -> None:
    for k in range(heads.size):
        ring, owner = used[2] + k, owners[k]
        rings[ring, 0], rings[ring, 1] = heads[k], _NONE
        if lists[owner, 0] == _NONE:
            lists[owner, 0] = ring
        else:
            rings[lists[owner, 1], 1] = ring
        lists[owner, 1] = ring
    used[2] += heads.size


@compiled
def _count(slices: Array, rings: Array, firsts: Array) -> int:
    points = 0
    for ring in firsts:
        while ring != _NONE:
            part = rings[ring, 0]
            while part != _NONE:
                points += slices[part, 1] - slices[part, 0]
                part = slices[part, 2]
            ring = rings[ring, 1]
    return points


@compiled
def _copy_chain(points: Array, slices: Array, part: int, target: Array, at: int) -> int:
    while part != _NONE:
        for point in range(slices[part, 0], slices[part, 1]):
            target[at, 0], target[at, 1] = points[point, 0], points[point, 1]
            at += 1
        part = slices[part, 2]
    return at


@compiled
def _gather(points: Array, slices: Array, rings: Array, firsts: Array) -> tuple[Array, Array, Array]:
    count = 0
    for ring in firsts:
        while ring != _NONE:
            count += 1
            ring = rings[ring, 1]
    target = np.empty((_count(slices, rings, firsts), 2), np.int32)
    offsets, owners = np.zeros(count + 1, np.int64), np.empty(count, np.int64)
    at, done = 0, 0
    for component in range(firsts.size):
        ring = firsts[component]
        while ring != _NONE:
            at = _copy_chain(points, slices, rings[ring, 0], target, at)
            owners[done] = component
            done += 1
            offsets[done] = at
            ring = rings[ring, 1]
    return target, offsets, owners


@compiled
def _pack(
    points: Array, slices: Array, rings: Array, chains_now: Array, lists: Array, living: int
) -> tuple[Array, Array, Array, Array, Array]:
    """Copy what is still open, every chain and ring in one slice."""
    target, offsets, owners = _gather(points, slices, rings, lists[:, 0])
    at, finished = offsets[-1], owners.size
    packed = np.empty((living, 2), np.int32)
    packed[:at] = target
    slices_now = np.full((finished + chains_now.shape[0], 3), _NONE, np.int64)
    rings_now = np.full((finished, 2), _NONE, np.int64)
    lists_now = np.full((lists.shape[0], 2), _NONE, np.int64)
    for ring in range(finished):
        slices_now[ring, 0], slices_now[ring, 1] = offsets[ring], offsets[ring + 1]
        rings_now[ring, 0] = ring
        owner = owners[ring]
        if lists_now[owner, 0] == _NONE:
            lists_now[owner, 0] = ring
        else:
            rings_now[ring - 1, 1] = ring
        lists_now[owner, 1] = ring
    for chain in range(chains_now.shape[0]):
        part = finished + chain
        slices_now[part, 0] = at
        at = _copy_chain(points, slices, chains_now[chain, 0], packed, at)
        slices_now[part, 1] = at
        chains_now[chain] = part
    return packed, slices_now, rings_now, chains_now, lists_now
