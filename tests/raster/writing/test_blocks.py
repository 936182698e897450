"""Blocks come back as they were; files of them are complete or not there."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.raster.writing.blocks import BLOCK, BlockWriter, RowGatherer, compress, decompress


@given(st.integers(1, BLOCK), st.integers(1, 1300), st.booleans(), st.integers(0, 99))
def test_compressed_blocks_hold_the_pixels(height, width, continuous, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    blocks = compress(pixels, continuous=continuous)
    assert len(blocks) == -(-width // BLOCK)
    np.testing.assert_array_equal(decompress(blocks, height, width), pixels)
    first = np.frombuffer(zlib.decompress(blocks[0]), np.uint8).reshape(BLOCK, BLOCK)
    assert (first[height:, 0] == pixels[-1, 0]).all(), "what reaches beyond the raster repeats its edge"


def test_a_damaged_block_is_an_error():
    (block,) = compress(np.random.default_rng(0).integers(0, 3, (BLOCK, BLOCK)).astype(np.uint8))
    middle = len(block) // 2
    with pytest.raises(OSError, match="damaged"):
        decompress([block[:middle] + bytes([block[middle] ^ 1]) + block[middle + 1 :]], BLOCK, BLOCK)


def test_a_file_of_blocks_gets_its_name_when_it_is_closed(tmp_path):
    writer = BlockWriter(tmp_path / "a.blocks")
    writer.write([b"first", b"second"])
    writer.write([b"third one"])
    assert not (tmp_path / "a.blocks").exists()
    file = writer.close()
    assert [p.name for p in tmp_path.iterdir()] == ["a.blocks"]
    assert file.path.stat().st_size == file.length
    assert list(file.rows(2)) == [[b"first", b"second"], [b"third one"]]
    assert file.path.read_bytes()[:13] == b"\x05\0\0\0first" + b"irst"


def test_a_discarded_file_leaves_nothing(tmp_path):
    writer = BlockWriter(tmp_path / "a.blocks")
    writer.write([b"first"])
    writer.discard()
    BlockWriter(tmp_path / "b.blocks").discard()
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.integers(1, 1400), min_size=1, max_size=6), st.integers(0, 5))
def test_rows_are_gathered_whatever_their_numbers_and_taken_up_again(heights, stop):
    total = sum(heights)
    pixels = np.random.default_rng(0).integers(0, 256, (total, 3)).astype(np.uint8)
    gatherer, found, top = RowGatherer(total), [], 0
    for number, height in enumerate(heights):
        if number == stop:
            gatherer = RowGatherer(total, len(found) * BLOCK, gatherer.rest)
        found += gatherer.add(pixels[top : top + height])
        top += height
    assert [start for start, _ in found] == list(range(0, total, BLOCK))
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in found]), pixels)
    assert gatherer.rest is None
