"""Every data layout of the field is read, and every fault has one line that names the file and the row."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.data.samples import Sample, read_samples, read_sources, scene_of, write_samples
from seaice_cli.errors import DataError

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data in {DATA}")


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def text(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def names(samples: list[Sample]) -> list[tuple[str, str | None]]:
    return [(s.image.name, s.label.name if s.label else None) for s in samples]


# The eight layouts


def test_csv_of_bare_names_finds_them_in_the_folders_named(tmp_path):
    touch(tmp_path, "image/1073_3.tif", "image/170.tif", "gt/1073_3.png", "gt/170.png")
    listed = text(tmp_path / "lists/train.csv", "image,label\n1073_3.tif,1073_3.png\n170.tif,170.png\n")
    samples = read_samples(listed, image_dir=tmp_path / "image", label_dir=tmp_path / "gt")
    assert samples == [
        Sample(tmp_path / "image/1073_3.tif", tmp_path / "gt/1073_3.png", "1073"),
        Sample(tmp_path / "image/170.tif", tmp_path / "gt/170.png", "170"),
    ]


def test_csv_with_paths_relative_to_itself_and_a_group(tmp_path):
    touch(tmp_path, "images/a.tif", "labels/a.tif", "images/b.tif")
    listed = text(tmp_path / "train.csv", "image,label,group\nimages/a.tif,labels/a.tif,kara\nimages/b.tif,,kara\n")
    assert [(s.label is None, s.group) for s in read_samples(listed)] == [(False, "kara"), (True, "kara")]


def test_json_list_of_naic_with_paths_from_the_working_directory(tmp_path, monkeypatch):
    touch(tmp_path, "data/train/image/1.tif", "data/train/label/1.png", "data/test/2.tif")
    entries = [
        {"filename": "data/train/image/1.tif", "ann": {"seg_map": "data/train/label/1.png"}},
        {"filename": "data/test/2.tif"},
    ]
    listed = text(tmp_path / "data/train.json", json.dumps(entries, indent=2))
    monkeypatch.chdir(tmp_path)
    assert names(read_samples(listed)) == [("1.tif", "1.png"), ("2.tif", None)]


def test_json_list_with_the_folders_moved_elsewhere(tmp_path):
    touch(tmp_path, "elsewhere/1.tif", "gt/1.png")
    listed = text(tmp_path / "t.json", '[{"filename": "old/place/1.tif", "ann": {"seg_map": "old/gt/1.png"}}]')
    samples = read_samples(listed, image_dir=tmp_path / "elsewhere", label_dir=tmp_path / "gt")
    assert samples[0].image == tmp_path / "elsewhere/1.tif"


def test_folder_of_image_and_gt(tmp_path):
    touch(tmp_path, "trainData/gt/1.png", "trainData/gt/2.png", "trainData/image/1.tif", "trainData/image/2.tif")
    assert names(read_samples(tmp_path / "trainData")) == [("1.tif", "1.png"), ("2.tif", "2.png")]


@pytest.mark.parametrize(("track", "suffix"), [("img", "tif"), ("sar", "png")])
@pytest.mark.parametrize("part", ["all", "train", "val"])
def test_two_tracks_with_all_train_and_val(tmp_path, track, suffix, part):
    touch(tmp_path, *(f"gaofen/{t}/{p}/{f}" for t, s in (("img", "tif"), ("sar", "png")) for p in ("all", "train", "val")
                      for f in (f"image/7.{s}", "gt/7.png")))  # fmt: skip
    assert names(read_samples(tmp_path / "gaofen" / track / part)) == [(f"7.{suffix}", "7.png")]
    for above in (tmp_path / "gaofen", tmp_path / "gaofen" / track):
        with pytest.raises(DataError, match=r"name one of .*img/all"):
            read_samples(above if above.name != "sar" else above.parent)


def test_isaid_colour_masks_in_folders_and_beside_the_images(tmp_path):
    image, label = "P0001_0_800_600_1400.png", "P0001_0_800_600_1400_instance_color_RGB.png"
    touch(tmp_path, f"a/images/{image}", f"a/masks/{label}", f"b/{image}", f"b/{label}")
    for folder in ("a", "b"):
        samples = read_samples(tmp_path / folder)
        assert names(samples) == [(image, label)]
        assert samples[0].group == "P0001"


def test_vector_labels_beside_scenes_and_in_a_folder(tmp_path):
    touch(tmp_path, "a/kara.tif", "a/kara.gpkg", "b/images/kara.tif", "b/labels/kara.shp", "b/labels/kara.dbf")
    assert names(read_samples(tmp_path / "a")) == [("kara.tif", "kara.gpkg")]
    assert names(read_samples(tmp_path / "b")) == [("kara.tif", "kara.shp")]


def test_folder_of_images_with_the_labels_named_elsewhere(tmp_path):
    touch(tmp_path, "test_B/1.tif", "masks/1.png")
    assert names(read_samples(tmp_path / "test_B")) == [("1.tif", None)]
    assert names(read_samples(tmp_path / "test_B", label_dir=tmp_path / "masks")) == [("1.tif", "1.png")]


def test_several_sources_come_one_after_the_other(tmp_path):
    touch(tmp_path, "a/1.tif", "b/2.tif")
    assert names(read_sources([tmp_path / "b", tmp_path / "a"])) == [("2.tif", None), ("1.tif", None)]


@needs_data
def test_real_scenes_keep_satellites_of_one_day_together():
    train, val = (read_samples(DATA / "modis" / f"{name}.csv") for name in ("train", "val"))
    assert (len(train), len(val)) == (12, 4)
    assert not {s.group for s in train} & {s.group for s in val}
    assert len({s.group for s in train}) == 7
    assert len(read_samples(DATA / "modis")) == 18
    assert len(read_samples(DATA / "tir_melt_pond" / "train.csv")) == 9


# Scenes by name


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        ("1073_15.tif", "1073"), ("170.tif", "170"), ("P0001_0_800_600_1400.png", "P0001"), ("kara_20180712.tif", "kara_20180712"),
        ("ne_greenland-20220914.aqua.tif", "ne_greenland-20220914"), ("ne_greenland-20220914.terra_3.tif", "ne_greenland-20220914"),
        ("kara_AQUA.tif", "kara"), ("_3.tif", "_3"), ("aqua.tif", "aqua"),
    ],
)  # fmt: skip
def test_scene_by_name(name, scene):
    assert scene_of(name) == scene


# Faults


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"), ("image,label\n", "holds no samples"), ("image,mask\na,b\n", "unknown column 'mask'"),
        ("label\nb\n", "no column `image`"), ("image,image\na,b\n", "column twice"), ("image,label\na.tif\n", "line 2: more or fewer"),
        ("image,label\na.tif,,x,y\n", "line 2: more or fewer"), ("image,label\n,a.tif\n", "line 2: names no image"),
        ('image,label\n"a.tif,b\n', "no valid csv"), ("image\na.tif\nnone.tif\n", "line 3: image .*none.tif' does not exist"),
        ("image,label\na.tif,none.png\n", "line 2: label .*none.png' does not exist"), (b"image\n\xff\xfea\n", "not in UTF-8"),
        ("image\n" + "x" * 5000 + "\n", "does not exist"), ("image\na\0b\n", "does not exist|no valid csv"),
        ('image\n"' + "x" * 200_000 + '"\n', "no valid csv"),
    ],
)  # fmt: skip
def test_faults_of_a_csv_name_the_file_and_the_line(tmp_path, content, words):
    touch(tmp_path, "a.tif")
    listed = text(tmp_path / "bad.csv", content)
    with pytest.raises(DataError, match=words) as error:
        read_samples(listed)
    assert str(error.value).startswith(str(listed))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no valid JSON"), ("{}", "must hold one list"), ("[]", "holds no samples"), ('[{"filename": 1}]', "entry 1: must be"),
        ('[{"filename": "a.tif"}, {"ann": {}}]', "entry 2: must be"), ('[{"filename": "a.tif", "ann": {}}]', "entry 1"),
        ("[" * 100_000, "no valid JSON"), ('[{"filename": "no.tif"}]', "entry 1: image .* does not exist"), ("[1]", "entry 1"),
    ],
)  # fmt: skip
def test_faults_of_a_json_list_name_the_file_and_the_entry(tmp_path, content, words):
    touch(tmp_path, "a.tif")
    listed = text(tmp_path / "bad.json", content)
    with pytest.raises(DataError, match=words) as error:
        read_samples(listed)
    assert str(error.value).startswith(str(listed))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["image/1.tif", "image/2.tif", "gt/1.png"], r"2.tif: has no label"),
        (["image/1.tif", "gt/1.png", "gt/3.png"], "3.png: has no image"),
        (["image/1.tif", "image/1.png", "gt/1.png"], "same stem"),
        (["gt/1.png"], "no folder of images"), (["notes.txt"], "holds no images"),
    ],
)  # fmt: skip
def test_faults_of_a_folder(tmp_path, files, words):
    with pytest.raises(DataError, match=words):
        read_samples(touch(tmp_path / "set", *files) if files else tmp_path)


def test_missing_and_huge_lists_are_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_samples(tmp_path / "none.csv")
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        os.truncate(file.fileno(), 1 << 36)
    with pytest.raises(DataError, match="too large"):
        read_samples(huge)


@given(st.binary(max_size=300))
def test_no_list_raises_anything_but_a_data_error_of_one_line(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    for name in ("fuzz.csv", "fuzz.json"):
        said = ""
        try:
            read_samples(text(folder / name, content))
        except DataError as error:
            said = str(error)
        assert "\n" not in said


# Writing


@pytest.mark.parametrize("name", ["out.csv", "out.json", "below/out.csv"])
def test_a_written_list_reads_back_as_it_was(tmp_path, name):
    touch(tmp_path, "image/a, b.tif", "gt/a, b.png", "image/c.tif")
    samples = [*read_samples(tmp_path / "image"), Sample(tmp_path / "image/c.tif", tmp_path / "gt/a, b.png", "c")]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    write_samples(samples, tmp_path / name)
    back = read_samples(tmp_path / name)
    assert [(s.image.resolve(), s.label and s.label.resolve(), s.group) for s in back] == [
        (s.image, s.label, s.group) for s in samples
    ]
    assert "\\" not in (tmp_path / name).read_text()


def test_lists_written_through_a_link_lead_back_to_the_files(tmp_path):
    touch(tmp_path, "data/deep/er/1.tif")
    (tmp_path / "lists").mkdir()
    (tmp_path / "data/deep/er/link").symlink_to(tmp_path / "lists")
    write_samples(read_samples(tmp_path / "data/deep/er"), tmp_path / "data/deep/er/link/out.csv")
    assert read_samples(tmp_path / "lists/out.csv")[0].image.exists()


def test_windows_separators_in_a_list_are_read(tmp_path):
    touch(tmp_path, "images/a.tif")
    assert read_samples(text(tmp_path / "w.csv", "image\r\nimages\\a.tif\r\n"))[0].image == tmp_path / "images/a.tif"


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    touch(tmp_path, "a.tif")
    assert len(read_samples(text(tmp_path / "bom.csv", b"\xef\xbb\xbfimage\na.tif\n"))) == 1
