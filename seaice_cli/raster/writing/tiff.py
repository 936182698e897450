"""The head of a cloud-optimised GeoTIFF: its directories, before all blocks, so that one read finds everything.

GDAL says in a small file of its own what it would write of a raster (place, colours, tags, nodata), and those tags are taken over;
here only the sizes and the places of blocks are added. Tags and types: TIFF 6.0 and the BigTIFF extension of libtiff.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from seaice_cli.raster.writing.blocks import FRAME, framed

BLOCK_TAGS = {"offsets": 324, "sizes": 325}
WIDTH, HEIGHT, SUBFILE, ROWS_PER_STRIP, STRIP_OFFSETS, STRIP_SIZES = 256, 257, 254, 278, 273, 279
COMPRESSION, TILE_WIDTH, TILE_HEIGHT = 259, 322, 323
DEFLATE = 8
_OF_THE_WHOLE = (33550, 33922, 34264, 34735, 34736, 34737, 42112, 50844)
"""Georeferencing and GDAL's metadata: of the raster itself, not repeated in its overviews."""
SHORT, LONG, LONG8 = 3, 4, 16
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Of a value of each type."""
_LAYOUT = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\nBLOCK_TRAILER=LAST_4_BYTES_REPEATED\n"
    b"KNOWN_INCOMPATIBLE_EDITION=NO\n "
)
GHOST = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_LAYOUT) + _LAYOUT + b"\0"
"""Tells GDAL that directories come first, and how blocks lie; other readers pass it by. Of even length, as directories must lie."""
CLASSIC_LIMIT = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Tag:
    """A field of a directory."""

    kind: int
    """Its type, a number of the standard."""
    count: int
    value: bytes
    """Little-endian."""


@dataclass(frozen=True, slots=True)
class Directory:
    """What is said of one level of a raster: its tags, and how large its blocks are."""

    tags: Mapping[int, Tag]
    sizes: Sequence[int]
    """Bytes of every block, in reading order."""
    offsets: Sequence[int] = field(default=())
    """Where they begin; worked out by `head`."""


def read_tags(content: bytes) -> dict[int, Tag]:
    """Return the tags of the first directory of a little-endian classic TIFF.

    Raises:
        ValueError: It is none.
    """
    if content[:4] != b"II*\0":
        raise ValueError("not a little-endian TIFF")
    (at,) = struct.unpack_from("<I", content, 4)
    (number,) = struct.unpack_from("<H", content, at)
    tags = {}
    for entry in range(at + 2, at + 2 + 12 * number, 12):
        code, kind, count = struct.unpack_from("<HHI", content, entry)
        length = _BYTES[kind] * count
        start = entry + 8 if length <= 4 else struct.unpack_from("<I", content, entry + 8)[0]
        tags[code] = Tag(kind, count, content[start : start + length])
    return tags


def level_tags(tags: Mapping[int, Tag], shape: tuple[int, int], block: int, *, overview: bool) -> dict[int, Tag]:
    """Return the tags of one level, (height, width), of a raster in DEFLATE blocks, from those that GDAL has written of it."""
    gone = {ROWS_PER_STRIP, STRIP_OFFSETS, STRIP_SIZES, *BLOCK_TAGS.values(), *(_OF_THE_WHOLE if overview else ())}
    kept = {code: tag for code, tag in tags.items() if code not in gone}
    height, width = shape
    own = {WIDTH: _long(width), HEIGHT: _long(height), COMPRESSION: _short(DEFLATE),
           TILE_WIDTH: _short(block), TILE_HEIGHT: _short(block)}  # fmt: skip
    return kept | own | ({SUBFILE: _long(1)} if overview else {})


def head(levels: Sequence[Directory]) -> bytes:
    """Return all that comes before the blocks, which follow level by level, the smallest first, each in its frame.

    Args:
        levels: The raster, then its overviews, the largest first. More than 4 GiB of all that make a BigTIFF.
    """
    total = sum(framed(level.sizes) for level in levels)
    # The length of the head does not depend on the offsets in it.
    classic = _length(levels, big=False) + total <= CLASSIC_LIMIT
    placed = _placed(levels, _length(levels, big=not classic))
    return _packed(placed, big=not classic)


def _placed(levels: Sequence[Directory], start: int) -> list[Directory]:
    placed = []
    for level in reversed(levels):
        offsets = []
        for size in level.sizes:
            offsets.append(start + FRAME)
            start += size + 2 * FRAME
        placed.append(replace(level, offsets=offsets))
    return placed[::-1]


def _length(levels: Sequence[Directory], *, big: bool) -> int:
    return len(_packed([replace(level, offsets=[0] * len(level.sizes)) for level in levels], big=big))


def _packed(levels: Sequence[Directory], *, big: bool) -> bytes:
    header = (
        b"II+\0" + struct.pack("<HHQ", 8, 0, 16 + len(GHOST)) if big else b"II*\0" + struct.pack("<I", 8 + len(GHOST))
    )
    content = header + GHOST
    for number, level in enumerate(levels):
        content += _directory(level, len(content), big=big, last=number == len(levels) - 1)
    return content


def _directory(level: Directory, at: int, *, big: bool, last: bool) -> bytes:
    """Return a directory that lies at `at`, with its values behind it, and after those the next directory."""
    kind, letter = (LONG8, "Q") if big else (LONG, "I")
    count = len(level.sizes)
    tags = dict(level.tags)
    tags[BLOCK_TAGS["offsets"]] = Tag(kind, count, struct.pack(f"<{count}{letter}", *level.offsets))
    tags[BLOCK_TAGS["sizes"]] = Tag(LONG, count, struct.pack(f"<{count}I", *level.sizes))
    inline, entry, ends = (8, "<HHQ", "<Q") if big else (4, "<HHI", "<I")
    number = struct.pack("<Q" if big else "<H", len(tags))
    fixed = len(number) + len(tags) * (struct.calcsize(entry) + inline) + inline
    entries, values = b"", b""
    for code in sorted(tags):
        tag = tags[code]
        entries += struct.pack(entry, code, tag.kind, tag.count)
        if len(tag.value) <= inline:
            entries += tag.value.ljust(inline, b"\0")
        else:
            entries += struct.pack(ends, at + fixed + len(values))
            values += tag.value + b"\0" * (len(tag.value) % 2)
    values += b"\0" * ((at + fixed + len(values)) % 2)
    following = 0 if last else at + fixed + len(values)
    return number + entries + struct.pack(ends, following) + values


def _short(value: int) -> Tag:
    return Tag(SHORT, 1, struct.pack("<H", value))


def _long(value: int) -> Tag:
    return Tag(LONG, 1, struct.pack("<I", value))
