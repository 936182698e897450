"""Palettes by name and from files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.data.labels.palettes import ISAID, ISPRS, PALETTES, find_palette, read_palette
from seaice_cli.errors import DataError


def test_the_published_palettes():
    assert (len(ISAID.ids), len(ISPRS.ids)) == (16, 6)
    assert dict(zip(ISAID.class_names, ISAID.colors, strict=True))["harbor"] == (0, 100, 155)
    assert dict(zip(ISPRS.class_names, ISPRS.colors, strict=True))["car"] == (255, 255, 0)
    for palette in PALETTES.values():
        assert len(set(palette.colors)) == len(palette.ids) == len(palette.class_names)


@pytest.mark.parametrize(
    "content",
    [
        "0 0 0 128 water\n1 255 255 255 ice\n",
        "# QGIS Generated Color Map Export File\nINTERPOLATION:EXACT\n0,0,0,128,255,water\n1,255,255,255,255,ice\n",
        "id,red,green,blue,name\n0,0,0,128,water\n\n1,255,255,255,ice\n",
        "\ufeff0;0;0;128;water\n1;255;255;255;ice",
    ],
)
def test_palettes_are_read_as_gdal_and_qgis_write_them(tmp_path, content):
    path = tmp_path / "colors.txt"
    path.write_text(content, encoding="utf-8")
    palette = find_palette(str(path), unknown=255)
    assert (palette.ids, palette.colors, palette.unknown) == ((0, 1), ((0, 0, 128), (255, 255, 255)), 255)
    assert palette.class_names == ("water", "ice")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no colours"), (b"0 0 0\n", "line 1: must be"), (b"0 0 0 0\n1 0 0 x\n", "line 2: must be"),
        (b"0 0 0 300\n", "from 0 to 255"),
        (b"240 0 0 0\n", "class ids from 0 to 199"), (b"0 1 1 1\n1 1 1 1\n", "one colour twice"), (b"\xff\xfe0 0", "not in UTF-8"),
        (b"0" * 2**21, "too large"),
    ],
)  # fmt: skip
def test_faults_of_a_palette_name_the_file(tmp_path, content, words):
    path = tmp_path / "colors.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        read_palette(path)
    assert str(error.value).startswith(str(path))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(DataError, match="neither one of isaid, isprs nor a file"):
        find_palette("ade20k")


@given(st.binary(max_size=200))
def test_no_file_raises_anything_but_a_data_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.txt"
    path.write_bytes(content)
    try:
        assert read_palette(path).ids
    except DataError as error:
        said = str(error)
        assert "\n" not in said
