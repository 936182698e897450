"""Tiles cover their scenes, lie where they were cut, and carry the names other tools expect."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from seaice_cli.data.converting import write_ids
from seaice_cli.data.labels.encoding import BINARY, LabelEncoding
from seaice_cli.data.labels.palettes import ISAID
from seaice_cli.data.labels.reading import read_label
from seaice_cli.data.samples import Sample, read_samples
from seaice_cli.data.tiling import ISAID as ISAID_CUT
from seaice_cli.data.tiling import KANG, LIST_FILE, Cut, tile_scenes, windows_of
from seaice_cli.errors import DataError, OptionError, OutputError
from tests.data.labels.test_rasterizing import disk
from tests.rasters import TRANSFORM, classes, layer, noise, pixels_of, raster


def scene(tmp_path: Path, name: str, height: int, width: int, *, suffix: str = ".tif", label=None, **options) -> Sample:
    pixels = (
        noise(height, width, seed=height)
        if height * width < 10**6
        else np.broadcast_to(np.arange(width) % 251, (3, height, width)).astype("uint8")
    )
    image = raster(tmp_path / f"scenes/{name}{suffix}", pixels, **options)
    label = classes(height, width) if label is None else label
    return Sample(image, raster(tmp_path / f"gt/{name}.png", label), name)


@given(st.integers(1, 3000), st.integers(1, 900), st.integers(0, 899), st.sampled_from(["shift", "pad", "drop"]))
def test_windows_cover_an_axis_with_the_overlap_asked_for(length, size, overlap, edge):
    cut = Cut(size=size, overlap=overlap % size, edge=edge)
    spans = [
        (int(w.col_off), int(w.width))
        for w in windows_of(1, length, replace(cut, edge="shift" if edge == "drop" else edge))
    ]
    covered = np.zeros(length + size, dtype=int)
    for offset, width in spans:
        covered[offset : offset + width] += 1
    assert covered[:length].all()
    assert edge != "shift" or not covered[length:].any()
    assert edge != "pad" or all(width == size for _, width in spans)
    assert all(a + size - b >= cut.overlap for (a, _), (b, _) in pairwise(spans))
    dropped = list(windows_of(size, length, replace(cut, edge="drop")))
    assert all(w.width == size and w.col_off + w.width <= length for w in dropped)


def test_scenes_of_kang_become_1_4_and_16_tiles_by_number(tmp_path):
    sizes = {"170": 64, "12": 128, "1073": 256}
    tiles = tile_scenes([scene(tmp_path, n, s, s) for n, s in sizes.items()], tmp_path / "out", replace(KANG, size=64))
    names = [t.image.name for t in tiles]
    assert len(tiles) == 21
    assert names[:5] == ["170.tif", "12_0.tif", "12_1.tif", "12_2.tif", "12_3.tif"]
    assert {t.image.stem for t in tiles if t.group == "1073"} == {f"1073_{k}" for k in range(16)}
    assert (tmp_path / "out" / LIST_FILE).read_text().splitlines()[2] == "image/12_0.tif,gt/12_0.png,12"


def test_isaid_patches_carry_their_place_and_shift_inwards(tmp_path):
    label = np.moveaxis(
        np.array(ISAID.colors, "uint8")[np.kron(classes(10, 15, count=16), np.ones((100, 100), "uint8"))], -1, 0
    )
    samples = [
        scene(tmp_path, "P0000", 1000, 1500, suffix=".png", label=label),
        scene(tmp_path, "P1527", 9, 9, suffix=".png"),
    ]
    tiles = tile_scenes(samples, tmp_path / "out", ISAID_CUT)
    assert [t.image.name for t in tiles] == [
        "P0000_0_800_0_800.png", "P0000_0_800_600_1400.png", "P0000_0_800_700_1500.png",
        "P0000_200_1000_0_800.png", "P0000_200_1000_600_1400.png", "P0000_200_1000_700_1500.png",
    ]  # fmt: skip
    assert tiles[1].label == tmp_path / "out/gt/P0000_0_800_600_1400_instance_color_RGB.png"
    assert np.array_equal(pixels_of(tiles[1].label), label[:, :800, 600:1400])
    assert [s.group for s in read_samples(tmp_path / "out")] == ["P0000"] * 6


def test_scenes_no_larger_than_a_patch_are_copied_whole(tmp_path):
    tiles = tile_scenes([scene(tmp_path, "P0001", 300, 800)], tmp_path / "out", ISAID_CUT)
    assert [t.image.name for t in tiles] == ["P0001.tif"]
    assert np.array_equal(pixels_of(tiles[0].image), noise(300, 800, seed=300))


def test_tiles_lie_where_they_were_cut_and_keep_what_the_scene_says(tmp_path):
    sample = scene(tmp_path, "a", 100, 90, nodata=0)
    for tile in tile_scenes([sample], tmp_path / "out", Cut(size=40, overlap=8)):
        with rasterio.open(tile.image) as dataset, rasterio.open(sample.image) as whole:
            window = whole.window(*dataset.bounds).round_offsets().round_lengths()
            assert (dataset.crs, dataset.nodata, dataset.colorinterp) == (whole.crs, 0, whole.colorinterp)
            assert np.array_equal(dataset.read(), whole.read(window=window))
            assert dataset.transform.almost_equals(whole.window_transform(window))


@pytest.mark.parametrize("edge", ["shift", "pad"])
def test_tiles_put_together_again_are_the_scene(tmp_path, edge):
    sample = scene(tmp_path, "a", 100, 77)
    image, label = np.zeros((3, 200, 200), "uint8"), np.full((200, 200), 7, "uint8")
    cut = Cut(size=32, overlap=5, edge=edge, names="place")
    for tile in tile_scenes([sample], tmp_path / "out", cut, encoding=LabelEncoding(classes=2)):
        top, bottom, left, right = (int(v) for v in tile.image.stem.split("_")[1:])
        image[:, top:bottom, left:right] = pixels_of(tile.image)
        label[top:bottom, left:right] = pixels_of(tile.label)[0]
    assert np.array_equal(image[:, :100, :77], pixels_of(sample.image))
    assert np.array_equal(label[:100, :77], pixels_of(sample.label)[0])
    assert set(label[100:].ravel()) | set(label[:, 77:].ravel()) == ({7} if edge == "shift" else {7, 255})


def test_padding_fills_with_nodata_and_never_turns_into_ice(tmp_path):
    sample = scene(tmp_path, "a", 40, 40, label=classes(40, 40) * 255, nodata=9)
    tiles = tile_scenes([sample], tmp_path / "out", Cut(size=64, edge="pad"), encoding=LabelEncoding(values=BINARY))
    assert (pixels_of(tiles[0].image)[:, 40:] == 9).all()
    assert (pixels_of(tiles[0].label)[0, 40:] == 255).all()
    assert set(np.unique(pixels_of(tiles[0].label)[0, :40, :40])) == {0, 1}


def test_the_order_of_tiling_and_recolouring_is_free(tmp_path):
    label = np.moveaxis(np.array([*ISAID.colors, (9, 9, 9)], "uint8")[classes(90, 70, count=17)], -1, 0)
    sample = scene(tmp_path, "P0002", 90, 70, suffix=".png", label=label)
    cut, encoding = replace(ISAID_CUT, size=32, overlap=8), LabelEncoding(palette=ISAID)
    gray = tmp_path / "gray/P0002.png"
    gray.parent.mkdir()
    write_ids(Sample(sample.label, sample.label, ""), gray, encoding)
    recolored_first = tile_scenes([Sample(sample.image, gray, "P0002")], tmp_path / "a", cut)
    for first, tile in zip(recolored_first, tile_scenes([sample], tmp_path / "b", cut), strict=True):
        then = tmp_path / "gray" / tile.label.name
        write_ids(Sample(tile.label, tile.label, ""), then, encoding)
        assert np.array_equal(pixels_of(first.label), pixels_of(then))


def test_vector_labels_become_georeferenced_ids(tmp_path):
    image = raster(tmp_path / "a.tif", noise(60, 80))
    sample = Sample(image, layer(tmp_path / "a.gpkg", [(disk(20, 20, 11), 1)]), "a")
    with pytest.raises(OptionError, match="`ids`"):
        tile_scenes([sample], tmp_path / "out", Cut(size=32))
    tiles = tile_scenes([sample], tmp_path / "out", Cut(size=32, ids=True), encoding=LabelEncoding())
    with rasterio.open(tiles[-1].label) as dataset:
        assert dataset.transform == TRANSFORM @ TRANSFORM.translation(48, 28)
    whole = read_label(sample)
    assert np.array_equal(pixels_of(tiles[0].label)[0], whole[:32, :32])


def test_tiles_without_data_or_labels_are_left_out(tmp_path):
    image = noise(64, 64)
    image[:, :32] = 0
    label = classes(64, 64)
    label[:, :32] = 255
    sample = Sample(raster(tmp_path / "a.tif", image, nodata=0), raster(tmp_path / "gt/a.tif", label), "a")
    names = {
        key: [
            t.image.stem
            for t in tile_scenes([sample], tmp_path / key, Cut(size=32, **{key: 0.5}), encoding=LabelEncoding())
        ]
        for key in ("min_valid", "min_labelled")
    }
    assert names == {"min_valid": ["a_2", "a_3"], "min_labelled": ["a_1", "a_3"]}


def test_float_and_many_bands_are_kept_and_refused_as_png(tmp_path):
    sample = Sample(raster(tmp_path / "a.tif", noise(40, 40, bands=7, dtype="float32")), None, "a")
    tiles = tile_scenes([sample], tmp_path / "out", Cut(size=32))
    assert pixels_of(tiles[0].image).dtype == np.float32
    assert tiles[0].label is None
    with pytest.raises(DataError, match="do not fit a PNG"):
        tile_scenes([sample], tmp_path / "png", Cut(size=32, format="png"))


def test_faults_leave_no_folder_behind(tmp_path):
    good = scene(tmp_path, "a", 64, 64)
    wrong = Sample(raster(tmp_path / "b.tif", noise(32, 64)), good.label, "b")
    (tmp_path / "other").mkdir()
    twin = Sample(raster(tmp_path / "other/a.tif", noise(32, 64)), None, "b")
    clash = Sample(raster(tmp_path / "a_0.tif", noise(9, 9)), None, "b")
    cases = [
        ([good, wrong], Cut(size=32), DataError, "64 x 64 pixels where the image has 64 x 32"),
        ([good, twin], Cut(size=32), DataError, "has the name of"), ([good, clash], Cut(size=32), DataError, "a_0 has the name"),
        ([good], Cut(size=128, edge="drop"), DataError, "no tile is left"), ([], Cut(), DataError, "no scene is left"),
    ]  # fmt: skip
    for samples, cut, kind, words in cases:
        with pytest.raises(kind, match=words):
            tile_scenes(samples, tmp_path / "out", cut)
        assert not [p for p in tmp_path.iterdir() if "out" in p.name]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("1")
    with pytest.raises(OutputError, match="not ours to overwrite"):
        tile_scenes([good], tmp_path / "mine", Cut(size=32), overwrite=True)
    with pytest.raises(OptionError, match="cannot share"):
        Cut(size=32, overlap=32)


def test_names_in_a_list_cannot_lead_out_of_the_folder(tmp_path):
    evil = raster(tmp_path / "deep/x..tif", noise(9, 9))
    (tmp_path / "list.csv").write_text(f"image\ndeep/../deep/{evil.name}\n")
    tile_scenes(read_samples(tmp_path / "list.csv"), tmp_path / "out", Cut(size=4))
    written = {p for p in tmp_path.rglob("*") if p.is_file()} - {evil, tmp_path / "list.csv"}
    assert all(tmp_path / "out" in p.parents for p in written)
