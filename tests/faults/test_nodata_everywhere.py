"""Every command that reads a raster tells the same pixels as without data, however the file says so (`tests.nodata.WAYS`)."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile
from rasterio.windows import Window

from seaice_cli.cli.main import cli
from seaice_cli.data.converting import write_ids
from seaice_cli.data.labels.encoding import LabelEncoding, parse_values
from seaice_cli.data.labels.reading import LabelReader, values_of
from seaice_cli.data.rasters import open_scene
from seaice_cli.data.resizing import resize_scenes
from seaice_cli.data.samples import Sample
from seaice_cli.data.statistics import measure
from seaice_cli.data.tiling import Cut, tile_scenes
from seaice_cli.evaluation.masks import Legend, MaskGrid, MaskReader
from seaice_cli.evaluation.probabilities import ProbabilityReader
from seaice_cli.vectorization.masks import Mask, Probability
from tests.nodata import PLACE, RANGES, SHAPE, WAYS, filling, pixels_of

HOLE = (slice(10, 75), slice(40, 120))
VALID = np.ones(SHAPE, bool)
VALID[HOLE] = False


def image(path, way, dtype):
    fill = filling(dtype)
    return way(path, pixels_of(dtype, HOLE, fill), VALID, fill) or path


def classes(path, way, dtype="uint8"):
    """Write classes 1 and 2, the same in three bands; the hole holds 1 where it is not told by a value."""
    ids = np.where(np.indices(SHAPE)[1] < SHAPE[1] // 2, 1, 2)
    fill = filling(dtype)
    pixels = np.repeat(np.where(VALID, ids, fill)[None], 3, axis=0).astype(dtype)
    return way(path, pixels, VALID, fill) or path


def as_tiles(path, tmp_path):
    tiles = tile_scenes([Sample(path, None, "")], tmp_path / "tiles", Cut(size=100, edge="pad", format="tif"))
    seen = np.zeros((200, 200), bool)
    for tile, (row, column) in zip(tiles, np.ndindex(2, 2), strict=True):
        with open_scene(tile.image) as scene:
            valid = scene.read(0, 100).valid
        seen[100 * row :, 100 * column :][:100, :100] = True if valid is None else valid
    assert not seen[SHAPE[0] :].any() or path.suffix == ".tif"
    return seen[: SHAPE[0], : SHAPE[1]]


def as_resized(path, tmp_path):
    (resized,) = resize_scenes([Sample(path, None, "")], tmp_path / "resized", 340, file_format="tif")
    rows, columns = (np.arange(n) * 340 // n + 340 // n // 2 for n in SHAPE)
    with open_scene(resized.image) as scene:
        return scene.read(0, 340).valid[np.ix_(rows, columns)]


def as_scene(path, _):
    with open_scene(path) as scene:
        return scene.read(0, SHAPE[0]).valid


def as_quicklook(path, _):
    with open_scene(path) as scene:
        return scene.overview(*SHAPE).valid


def as_sampled(path, _):
    with open_scene(path) as scene:
        fill, values = filling(str(scene.dtype)), scene.sample()
        assert np.isfinite(values).all()
        assert not (values == fill).all(axis=0).any()
        return scene.read(0, SHAPE[0]).valid


def as_training_scene(path, tmp_path):
    from seaice_cli.training.crops.dataset import FileScene

    label = tmp_path / "ones.tif"
    with rasterio.open(
        label, "w", driver="GTiff", count=1, height=SHAPE[0], width=SHAPE[1], dtype="uint8", **PLACE
    ) as f:
        f.write(np.ones((1, *SHAPE), np.uint8))
    read = FileScene(Sample(path, label, ""), LabelEncoding(), None).read(Window(0, 0, SHAPE[1], SHAPE[0]))
    np.testing.assert_array_equal(read.valid, read.classes != 255)
    return read.valid


IMAGES = (as_scene, as_quicklook, as_sampled, as_training_scene, as_tiles, as_resized)


@pytest.mark.parametrize("reader", IMAGES, ids=lambda r: r.__name__)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "uint16"])
@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_images(tmp_path, way, dtype, reader):
    found = reader(image(tmp_path / "scene.tif", way, dtype), tmp_path)
    if reader is as_resized:  # bilinear neighbours of a hole may lie half in it
        assert (found != VALID).mean() < 0.02
        return
    np.testing.assert_array_equal(found, VALID)


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_statistics_count_pixels_with_data_alone(tmp_path, way):
    path, label = image(tmp_path / "scene.tif", way, "uint8"), classes(tmp_path / "label.tif", way)
    measured = measure([Sample(path, label, "")], LabelEncoding(classes=3))
    assert measured.bands.count == VALID.sum()
    assert (measured.counts.sum(), measured.ignored) == (VALID.sum(), (~VALID).sum())


def as_label(path, tmp_path):
    assert values_of(path) == {1.0, 2.0}
    return LabelReader(LabelEncoding(classes=3)).read(Sample(path, path, "")) != 255


def as_label_of_named_values(path, _):
    encoding = LabelEncoding(classes=2, values=parse_values("1:0,2:1,*:0"))
    return LabelReader(encoding).read(Sample(path, path, "")) != 255


def as_recolored(path, tmp_path):
    write_ids(Sample(path, path, ""), tmp_path / "ids.tif", LabelEncoding(classes=3))
    with rasterio.open(tmp_path / "ids.tif") as file:
        return file.read(1) != 255


def as_reference(path, _):
    with MaskReader(path, legend=Legend()) as reader:
        return np.concatenate([reader.read(0, 50), reader.read(50, SHAPE[0])]) != 255


def as_reference_of_named_values(path, _):
    with MaskReader(path, legend=Legend(ids={"1": 0, "2": 1}, other=0)) as reader:
        return reader.read(0, SHAPE[0]) != 255


def as_reference_on_another_grid(path, _):
    shifted = PLACE["transform"] @ Affine.translation(-5, 7)
    with MaskReader(path, legend=Legend(), grid=MaskGrid(SHAPE, shifted, CRS.from_epsg(3413))) as reader:
        assert reader.warped
        ids = reader.read(0, SHAPE[0])
    assert (ids[:, :5] == 255).all()
    assert (ids[SHAPE[0] - 7 :] == 255).all()
    laid = VALID.copy()
    laid[7:, : SHAPE[1] - 5] = ids[: SHAPE[0] - 7, 5:] != 255
    return laid


def as_mask_for_polygons(path, _):
    with Mask(path, band=1) as mask:
        pixels = mask.read(0, SHAPE[0])
        return pixels != mask.nodata if mask.nodata is not None else np.ones(SHAPE, bool)


LABELS = (
    as_label, as_label_of_named_values, as_recolored, as_reference, as_reference_of_named_values, as_reference_on_another_grid,
    as_mask_for_polygons,
)  # fmt: skip


@pytest.mark.parametrize("reader", LABELS, ids=lambda r: r.__name__)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_labels_and_masks(tmp_path, way, dtype, reader):
    np.testing.assert_array_equal(reader(classes(tmp_path / "label.tif", way, dtype), tmp_path), VALID)


def single(path, way, values, dtype, fill):
    """Write one band in a way of WAYS that is made for three; None if it cannot be."""
    three = way(path.with_name("three.tif"), np.repeat(values[None], 3, axis=0).astype(dtype), VALID, fill)
    if three is not None:
        return None
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path.with_name("three.tif")) as source:
        profile = source.profile | {"driver": "GTiff", "count": 1, "nodata": source.nodatavals[0]}
        masked = source.mask_flag_enums[0]
        with rasterio.open(path, "w", **profile) as file:
            file.write(source.read(1), 1)
            if ColorInterp.alpha in source.colorinterp:
                file.write_mask(source.read(4) > 0)
            elif not {flag.name for flag in masked} <= {"all_valid", "nodata"}:
                file.write_mask(source.read_masks(1) > 0)
    return path


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_probabilities(tmp_path, way):
    values = np.where(VALID, 60, 0).astype("uint8")
    path = single(tmp_path / "p.tif", way, values, "uint8", 0)
    if path is None:
        pytest.skip("three bands only")
    with ProbabilityReader(path, grid=MaskGrid(SHAPE, PLACE["transform"], CRS.from_epsg(3413))) as reader:
        np.testing.assert_array_equal(~np.isnan(reader.read(0, SHAPE[0])), VALID)
    with Mask(path) as mask:
        percent = Probability(path, mask)
        np.testing.assert_array_equal(percent.read(0, SHAPE[0]) != 255, VALID)
        percent.close()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_zipped_masks(tmp_path, way):
    path = single(tmp_path / "m.tif", way, np.where(VALID, 1, 0), "uint8", 0)
    if path is None:
        pytest.skip("three bands only")
    done = CliRunner().invoke(
        cli, ["data", "zip", str(path), "-o", str(tmp_path / "z.zip"), "--values", "0:100,1:200,255:7"]
    )
    assert done.exit_code == 0, done.output
    with (
        zipfile.ZipFile(tmp_path / "z.zip") as archive,
        MemoryFile(archive.read("results/m.png")) as memory,
        memory.open() as file,
    ):
        np.testing.assert_array_equal(file.read(1) == 200, VALID)


@pytest.mark.parametrize("dtype", RANGES)
@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_a_check_tells_of_labels_where_the_image_has_no_data(tmp_path, way, dtype):
    image(tmp_path / "scene.tif", way, dtype)
    path = next(p for p in (tmp_path / "scene.vrt", tmp_path / "scene.tif") if p.exists())
    with rasterio.open(
        tmp_path / "ones.tif", "w", driver="GTiff", count=1, height=SHAPE[0], width=SHAPE[1], dtype="uint8", **PLACE
    ) as f:
        f.write(np.ones((1, *SHAPE), np.uint8))
    (tmp_path / "list.csv").write_text(f"image,label\n{path.name},ones.tif\n")
    done = CliRunner().invoke(cli, ["data", "check", str(tmp_path / "list.csv"), "--classes", "3", "--json"])
    faults = {f["fault"]: f["text"] for f in json.loads(done.stdout)}
    assert f"{(~VALID).mean():.0%} of" in faults["blind"]
