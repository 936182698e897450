"""Labels become class ids: by value, by colour, by polygon; the same in every window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from seaice_cli.data.labels.encoding import BINARY, NAIC, LabelEncoding, ValueMap, parse_values
from seaice_cli.data.labels.palettes import ISAID, ISPRS
from seaice_cli.data.labels.reading import LabelReader, detect_encoding, read_label, values_of
from seaice_cli.data.samples import Sample, read_samples
from seaice_cli.errors import DataError
from tests.rasters import classes, noise, raster

DATA = Path(__file__).parents[4] / "shared" / "data"


def pair(tmp_path: Path, label, *, suffix: str = ".tif", **options) -> Sample:
    label = np.asarray(label)
    image = raster(tmp_path / f"image{suffix}", noise(*label.shape[-2:]))
    return Sample(image, raster(tmp_path / f"label{suffix}", label, **options), "")


@pytest.mark.parametrize(
    ("values", "encoding", "ids"),
    [
        ([0, 1, 2, 255], LabelEncoding(classes=3), [0, 1, 2, 255]),
        ([0, 255, 7, 0], LabelEncoding(values=BINARY), [0, 1, 1, 0]),
        ([100, 200, 800, 255], LabelEncoding(values=NAIC), [0, 1, 7, 255]),
        ([3, 4, 5, 3], LabelEncoding(values=ValueMap({"3": 1, "4": 0, "5": 255})), [1, 0, 255, 1]),
        ([3, 4, 5, 3], LabelEncoding(values=ValueMap({"3": 1}, other=255)), [1, 255, 255, 1]),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
def test_values_become_class_ids_in_every_type(tmp_path, values, encoding, ids, dtype):
    dtype = "uint16" if max(values) > 255 and dtype == "uint8" else dtype
    sample = pair(tmp_path, np.array(values, dtype=dtype).reshape(2, 2))
    assert read_label(sample, encoding=encoding).ravel().tolist() == ids


@pytest.mark.parametrize(
    ("values", "dtype", "words"),
    [
        ([0, 1, 2, 3], "uint8", r"value 3 at row 1, column 1 is no class \(0 to 2, and 255 for ignore\)"),
        ([0, -1, 2, 1], "int16", "value -1 at row 0, column 1"),
        ([0, 1.5, 2, 1], "float32", "value 1.5 at"),
        ([0, 70_000, 2, 1], "int32", "value 70000 at"),
        ([0, np.inf, 2, 1], "float32", "value inf at"),
    ],
)
def test_a_value_that_is_no_class_is_named_with_its_place(tmp_path, values, dtype, words):
    sample = pair(tmp_path, np.array(values).reshape(2, 2).astype(dtype))
    with pytest.raises(DataError, match=words) as error:
        read_label(sample, encoding=LabelEncoding(classes=3))
    assert str(sample.label) in str(error.value)


def test_a_wrong_value_in_a_window_is_placed_in_the_scene(tmp_path):
    label = np.zeros((40, 30), dtype="uint8")
    label[33, 21] = 9
    with pytest.raises(DataError, match="row 33, column 21"):
        read_label(pair(tmp_path, label), Window(20, 30, 10, 10), encoding=LabelEncoding(classes=2))


def test_declared_nodata_nan_and_transparency_are_ignored(tmp_path):
    assert read_label(pair(tmp_path, np.array([[0, 9]], "uint8"), nodata=9)).tolist() == [[0, 255]]
    assert read_label(pair(tmp_path, np.array([[0, 1]], "uint8"), nodata=0)).tolist() == [[255, 1]]
    assert read_label(pair(tmp_path, np.array([[np.nan, 1]], "float32"))).tolist() == [[255, 1]]
    alpha = np.array([[[1, 1]], [[0, 255]]], "uint8")
    assert read_label(pair(tmp_path, alpha, suffix=".png")).tolist() == [[255, 1]]


@pytest.mark.parametrize(
    ("nodata", "encoding", "expected"),
    [
        (255, LabelEncoding(values=BINARY), [0, 1, 255]),  # "anything else" names no value
        (255, LabelEncoding(values=parse_values("0:0,1:1,255:1")), [0, 1, 1]),
        (0, LabelEncoding(values=BINARY), [0, 1, 1]),  # names zero
        (0, LabelEncoding(classes=2), [255, 1, 255]),
        (1, LabelEncoding(values=parse_values("0:0,*:1")), [0, 255, 1]),
    ],
)
def test_declared_nodata_counts_unless_its_value_is_named(tmp_path, nodata, encoding, expected):
    label = pair(tmp_path, np.array([[0, 1, 255]], "uint8"), nodata=nodata)
    assert read_label(label, encoding=encoding).tolist() == [expected]


def test_a_colour_counts_where_the_palette_names_it_even_if_it_is_nodata(tmp_path):
    colors = np.zeros((3, 1, 2), "uint8")
    colors[:, 0, 1] = 7
    black, grey = (read_label(pair(tmp_path, colors, nodata=n), encoding=LabelEncoding(palette=ISAID)) for n in (0, 7))
    assert black.tolist() == [[0, 0]]
    assert grey.tolist() == [[0, 255]]


def test_a_map_counts_for_more_than_declared_nodata(tmp_path):
    sample = pair(tmp_path, np.array([[0, 255]], "uint8"), nodata=0)
    assert read_label(sample, encoding=LabelEncoding(values=BINARY)).tolist() == [[0, 1]]


@pytest.mark.parametrize("palette", [ISAID, ISPRS])
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_colours_become_class_ids(tmp_path, palette, suffix):
    ids = classes(20, 30, count=len(palette.ids))
    colors = np.moveaxis(np.array(palette.colors, dtype="uint8")[ids], -1, 0).copy()
    colors[:, 0, 0] = 1, 2, 3
    read = read_label(pair(tmp_path, colors, suffix=suffix), encoding=LabelEncoding(palette=palette))
    assert read[0, 0] == (0 if palette is ISAID else 255)
    assert np.array_equal(read.ravel()[1:], ids.ravel()[1:])


def test_colour_tables_are_read_as_colours_where_a_palette_is_named(tmp_path):
    colormap = {5: (0, 0, 63, 255), 6: (0, 100, 155, 255)}
    sample = pair(tmp_path, np.array([[5, 6]], "uint8"), colormap=colormap)
    assert read_label(sample, encoding=LabelEncoding(palette=ISAID)).tolist() == [[1, 15]]


def test_grey_saved_as_colour_is_grey_and_colour_without_a_palette_is_refused(tmp_path):
    grey = np.repeat(classes(8, 8)[None], 3, axis=0)
    assert np.array_equal(read_label(pair(tmp_path, grey)), grey[0])
    with pytest.raises(DataError, match="is in colour"):
        read_label(pair(tmp_path, noise(8, 8)))
    with pytest.raises(DataError, match="not in colour"):
        read_label(pair(tmp_path, classes(8, 8)), encoding=LabelEncoding(palette=ISAID))


def test_images_given_as_labels_are_refused(tmp_path):
    with pytest.raises(DataError, match="has 5 bands; a label is one band"):
        read_label(pair(tmp_path, noise(8, 8, bands=5)))
    with pytest.raises(DataError, match="has 1001 bands"):
        read_label(pair(tmp_path, np.zeros((1001, 2, 2), "uint8")))


def test_palette_ids_beyond_the_classes_are_refused(tmp_path):
    colors = np.zeros((3, 2, 2), "uint8")
    colors[:, 0, 0] = ISAID.colors[15]
    with pytest.raises(DataError, match="is no class"):
        read_label(pair(tmp_path, colors), encoding=LabelEncoding(palette=ISAID, classes=15))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-30, 60), st.integers(-30, 60), st.integers(1, 80), st.integers(1, 80))
def test_every_window_is_a_piece_of_the_whole_and_ignore_beyond_it(tmp_path, row, column, height, width):
    label = tmp_path / "label.tif"
    if not label.exists():
        pair(tmp_path, classes(37, 53, count=3))
    sample = Sample(tmp_path / "image.tif", label, "")
    reader = LabelReader(LabelEncoding(classes=3))
    padded = np.full((200, 200), 255, "uint8")
    padded[60:97, 60:113] = reader.read(sample)
    window = Window(col_off=column, row_off=row, width=width, height=height)
    expected = padded[60 + row : 60 + row + height, 60 + column : 60 + column + width]
    assert np.array_equal(reader.read(sample, window), expected)


def test_sizes_that_differ_are_refused(tmp_path):
    image = raster(tmp_path / "image.tif", noise(8, 9))
    label = raster(tmp_path / "label.tif", classes(9, 8))
    with pytest.raises(DataError, match=r"8 x 9 pixels where the image image\.tif has 9 x 8"):
        read_label(Sample(image, label, ""))


def test_damaged_missing_and_absent_labels_are_refused(tmp_path):
    image = raster(tmp_path / "image.tif", noise(64, 64))
    broken = raster(tmp_path / "broken.tif", noise(64, 64, bands=1))
    broken.write_bytes(broken.read_bytes()[:2000])
    (tmp_path / "text.png").write_text("no picture")
    for name in ("broken.tif", "text.png", "none.tif"):
        with pytest.raises(DataError, match=name):
            read_label(Sample(image, tmp_path / name, ""))
    with pytest.raises(DataError, match="has no label"):
        read_label(Sample(image, None, ""))


# What values stand for is found once for the whole set


@pytest.mark.parametrize(
    ("masks", "count", "found"),
    [
        ([[0, 255], [0, 0]], None, BINARY), ([[0, 255]], 2, BINARY), ([[0, 255]], 3, None), ([[0, 255], [0, 1]], None, None),
        ([[0, 0], [255, 255]], None, BINARY), ([[0, 1, 255]], None, None), ([[100, 800], [200, 300]], 8, NAIC),
        ([[0, 100]], None, None),
    ],
)  # fmt: skip
def test_rules_are_found_from_all_masks_together(tmp_path, masks, count, found):
    samples = [
        Sample(tmp_path, raster(tmp_path / f"{i}.tif", np.array([m], "uint16")), "") for i, m in enumerate(masks)
    ]
    assert detect_encoding(samples, LabelEncoding(classes=count)).values == found


def test_stated_rules_are_left_alone(tmp_path):
    sample = Sample(tmp_path, raster(tmp_path / "a.tif", np.array([[0, 255]], "uint8")), "")
    assert detect_encoding([sample], LabelEncoding(values=NAIC)).values is NAIC


def test_values_of_a_mask_leave_nodata_out(tmp_path):
    assert values_of(raster(tmp_path / "a.tif", np.array([[0, 7, 9, 7]], "uint8"), nodata=9)) == {0, 7}


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data in {DATA}")
@pytest.mark.parametrize(
    "listed", ["modis/train.csv", "modis/val.csv", "tir_melt_pond/train.csv", "tir_melt_pond/val.csv"]
)
def test_real_labels_hold_three_classes(listed):
    samples = read_samples(DATA / listed)
    encoding = detect_encoding(samples, LabelEncoding(classes=3))
    reader = LabelReader(encoding)
    assert encoding.values is None
    assert set().union(*(np.unique(reader.read(s)).tolist() for s in samples)) - {255} == {0, 1, 2}
