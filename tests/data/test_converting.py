"""Labels written as class ids keep place and size; zips hold what a contest reads."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

from seaice_cli.data.converting import find_rasters, parse_out_values, plan_conversion, write_ids, zip_masks
from seaice_cli.data.labels.encoding import NAIC, LabelEncoding
from seaice_cli.data.labels.palettes import ISAID, ISPRS
from seaice_cli.data.labels.reading import read_label
from seaice_cli.data.rasters import without_georeference_warning
from seaice_cli.data.samples import Sample
from seaice_cli.errors import DataError, OptionError, OutputError
from tests.data.labels.test_rasterizing import SHAPES, expected
from tests.rasters import TRANSFORM, classes, layer, noise, pixels_of, raster


@pytest.mark.parametrize("name", ["out.tif", "out.png"])
def test_colours_are_written_as_ids_block_by_block(tmp_path, name):
    ids = classes(1030, 1100, count=6)
    label = raster(tmp_path / "label.tif", np.moveaxis(np.array(ISPRS.colors, "uint8")[ids], -1, 0))
    write_ids(Sample(label, label, ""), tmp_path / name, LabelEncoding(palette=ISPRS))
    assert np.array_equal(pixels_of(tmp_path / name)[0], ids)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["label.tif", name]


def test_polygons_are_written_where_the_scene_lies(tmp_path):
    image = raster(tmp_path / "scene.tif", noise(60, 80), nodata=0)
    write_ids(
        Sample(image, layer(tmp_path / "a.gpkg", SHAPES), ""), tmp_path / "gt.tif", LabelEncoding(attribute="class")
    )
    with rasterio.open(tmp_path / "gt.tif") as dataset:
        assert (dataset.crs.to_epsg(), dataset.transform, dataset.nodata, dataset.dtypes) == (
            3413,
            TRANSFORM,
            None,
            ("uint8",),
        )
        assert np.array_equal(dataset.read(1), expected())
    assert np.array_equal(read_label(Sample(image, tmp_path / "gt.tif", "")), expected())


def test_a_wrong_label_leaves_no_file(tmp_path):
    label = raster(tmp_path / "label.tif", classes(9, 9, count=4))
    for target, encoding, kind in [("a.tif", LabelEncoding(classes=2), DataError), ("a.jpg", LabelEncoding(), OptionError),
                                ("no/a.tif", LabelEncoding(), OutputError), ("label.tif", LabelEncoding(), OutputError)]:  # fmt: skip
        with pytest.raises(kind):
            write_ids(Sample(label, label, ""), tmp_path / target, encoding)
    assert [p.name for p in tmp_path.iterdir()] == ["label.tif"]
    write_ids(Sample(label, label, ""), label, LabelEncoding(), overwrite=True)
    assert np.array_equal(pixels_of(label)[0], classes(9, 9, count=4))


def test_a_folder_goes_to_a_folder_under_the_same_stems(tmp_path):
    for name in ("a.tif", "b.png", "c.jpg", ".hidden.png", "notes.txt"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"")
    pairs = plan_conversion(tmp_path / "in", tmp_path / "out", overwrite=False)
    assert [target.name for _, target in pairs] == ["a.tif", "b.png", "c.png"]
    (tmp_path / "out/b.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"b\.png: exists"):
        plan_conversion(tmp_path / "in", tmp_path / "out", overwrite=False)
    for source, words in [(tmp_path / "none", "no such file"), (tmp_path / "out/b.png", "exists already")]:
        with pytest.raises((DataError, OutputError), match=words):
            plan_conversion(source, tmp_path / "out/b.png", overwrite=False)


def test_rasters_of_one_stem_are_refused(tmp_path):
    files = [tmp_path / "a.tif", tmp_path / "a.png"]
    for file in files:
        file.write_bytes(b"")
    with pytest.raises(DataError, match="has the name of"):
        find_rasters(files)
    with pytest.raises(DataError, match="holds no rasters"):
        find_rasters([(tmp_path / "empty").mkdir() or tmp_path / "empty"])


def test_a_zip_holds_the_values_of_the_contest_and_reads_back(tmp_path):
    ids = classes(20, 30, count=8)
    mask = raster(tmp_path / "7.png", ids)
    zip_masks([mask], tmp_path / "res.zip", parse_out_values("naic"))
    with zipfile.ZipFile(tmp_path / "res.zip") as archive:
        assert archive.namelist() == ["results/7.png"]
        with MemoryFile(archive.read("results/7.png")) as memory:
            (tmp_path / "back.png").write_bytes(memory.read())
    values = pixels_of(tmp_path / "back.png")[0]
    assert np.array_equal(values, (ids.astype(int) + 1) * 100)
    back = read_label(Sample(mask, tmp_path / "back.png", ""), encoding=LabelEncoding(values=NAIC))
    assert np.array_equal(back, ids)


def test_equal_masks_make_equal_zips(tmp_path):
    mask = raster(tmp_path / "a.tif", classes(9, 9))
    for name in ("1.zip", "2.zip"):
        zip_masks([mask], tmp_path / name, {0: 0, 1: 255})
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_masks_that_do_not_fit_a_zip(tmp_path):
    for pixels, words in [(classes(9, 9, count=3), "no value stands for class 2"), (noise(9, 9), "3 bands of uint8")]:
        with pytest.raises(DataError, match=words):
            zip_masks([raster(tmp_path / "a.tif", pixels)], tmp_path / "res.zip", {0: 0, 1: 1})
    assert not list(tmp_path.glob("*.zip"))


@pytest.mark.parametrize("text", ["", "0", "0:a", "0:1,0:2", "300:1", "0:70000", "0:-1", "0:1:2"])
def test_value_maps_of_zips_that_are_none(text):
    with pytest.raises(DataError, match="must be naic or pairs"):
        parse_out_values(text)
    assert parse_out_values("0:100,255:0") == {0: 100, 255: 0}


def test_ids_of_isaid_stay_below_its_sixteen_classes(tmp_path):
    label = raster(tmp_path / "noise.png", noise(50, 50))
    write_ids(Sample(label, label, ""), tmp_path / "ids.png", LabelEncoding(palette=ISAID))
    assert pixels_of(tmp_path / "ids.png").max() <= 15


def test_pictures_of_ice_as_predict_writes_them_are_masks(tmp_path):
    picture = raster(tmp_path / "ice.png", np.array([[0, 255], [255, 0]], "uint8"))
    zip_masks([picture], tmp_path / "a.zip", {0: 100, 1: 200})
    with (
        zipfile.ZipFile(tmp_path / "a.zip") as archive,
        MemoryFile(archive.read("results/ice.png")) as memory,
        without_georeference_warning(),
        memory.open() as dataset,
    ):
        assert dataset.read(1).tolist() == [[100, 200], [200, 100]]
    mask = raster(tmp_path / "mask.tif", np.array([[0, 255]], "uint8"), nodata=255)
    with pytest.raises(DataError, match="no value stands for class 255"):
        zip_masks([mask], tmp_path / "b.zip", {0: 100, 1: 200})
