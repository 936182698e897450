import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import Resampling, reproject

from seaice_cli.errors import DataError
from seaice_cli.evaluation.masks import Legend, MaskGrid, MaskReader, named_classes
from tests.conftest import POLAR


@pytest.fixture
def mask():
    return np.random.default_rng(0).choice([0, 1, 2, 255], (1, 40, 30)).astype(np.uint8)


def read(path, grid=None, **legend):
    with MaskReader(path, legend=Legend(**legend), grid=grid) as reader:
        return reader.read(0, reader.grid.shape[0])


def test_a_mask_is_read_as_it_is_and_in_any_rows(write_scene, mask):
    path = write_scene(mask, nodata=255)
    with MaskReader(path, legend=Legend()) as reader:
        assert reader.grid == MaskGrid((40, 30), POLAR, CRS.from_epsg(3413))
        np.testing.assert_array_equal(np.concatenate([reader.read(0, 7), reader.read(7, 40)]), mask[0])


def test_what_a_file_declares_as_nodata_is_unknown(write_scene, mask):
    ids = read(write_scene(mask, nodata=2))
    np.testing.assert_array_equal(ids, np.where(mask[0] == 2, 255, mask[0]))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32"])
def test_values_are_what_the_legend_says_in_every_type(write_scene, dtype):
    values = np.array([[[0, 100, 200, 255]]], dtype=dtype)
    legend = {"ids": {"0": 1, "100": 0, "200": 2, "255": 255}}
    assert read(write_scene(values, nodata=0), **legend).tolist() == [[1, 0, 2, 255]]


def test_a_value_that_stands_for_nothing_is_named_with_its_place(write_scene):
    values = np.zeros((1, 5, 6), np.uint8)
    values[0, 3, 4] = 77
    with pytest.raises(DataError, match=r"value 77 in row 3, column 4 .*`values`"):
        read(write_scene(values), ids={"0": 0})
    assert read(write_scene(values), ids={"0": 0}, other=1)[3, 4] == 1


def test_a_value_beyond_all_ids_is_refused(write_scene):
    with pytest.raises(DataError, match="value 900 in row 0, column 1"):
        read(write_scene(np.array([[[0, 900]]], np.int16)))
    with pytest.raises(DataError, match="value -3"):
        read(write_scene(np.array([[[0, -3]]], np.int16)))


def test_a_reference_on_a_shifted_finer_grid_is_laid_onto_the_mask(write_scene, mask):
    path = write_scene(mask, nodata=255)
    fine = POLAR @ Affine.translation(3, -5) @ Affine.scale(0.5)
    grid = MaskGrid((60, 70), fine, CRS.from_epsg(3413))
    expected = np.full(grid.shape, 255, np.uint8)
    rows, cols = np.indices(grid.shape)
    source_rows, source_cols = (rows + 0.5) * 0.5 - 5, (cols + 0.5) * 0.5 + 3
    inside = (source_rows >= 0) & (source_cols < 30)
    expected[inside] = mask[0][source_rows[inside].astype(int), source_cols[inside].astype(int)]
    np.testing.assert_array_equal(read(path, grid), expected)


def test_a_reference_in_another_crs_is_laid_onto_the_mask_as_gdal_does(write_scene, mask):
    path = write_scene(np.kron(mask, np.ones((1, 3, 3), np.uint8)), nodata=255)
    other = CRS.from_epsg(6931)
    transform, width, height = rasterio.warp.calculate_default_transform(
        "EPSG:3413", other, 90, 120, *rasterio.transform.array_bounds(120, 90, POLAR)
    )
    expected = np.full((height, width), 255, np.uint8)
    with rasterio.open(path) as source:
        reproject(
            rasterio.band(source, 1),
            expected,
            dst_crs=other,
            dst_transform=transform,
            dst_nodata=255,
            resampling=Resampling.nearest,
        )
    grid = MaskGrid((height, width), transform, other)
    with MaskReader(path, legend=Legend(), grid=grid) as reader:
        assert reader.warped
        ids = np.concatenate([reader.read(top, min(top + 17, height)) for top in range(0, height, 17)])
    assert (ids == expected).mean() > 0.995
    assert set(np.unique(ids)) <= {0, 1, 2, 255}


def test_a_value_that_the_legend_names_is_meant_even_if_it_is_declared_nodata(write_scene):
    path = write_scene(np.full((1, 8, 8), 255, np.uint8), nodata=255)
    shifted = MaskGrid((8, 8), POLAR @ Affine.translation(2, 0), CRS.from_epsg(3413))
    ids = read(path, shifted, ids={"0": 0, "255": 1})
    assert ids[:, :6].tolist() == [[1] * 6] * 8
    assert (ids[:, 6:] == 255).all()


def test_grids_that_differ_by_rounding_are_the_same(write_scene, mask):
    path = write_scene(mask)
    almost = MaskGrid((40, 30), POLAR @ Affine.translation(1e-5, -1e-5), CRS.from_epsg(3413))
    with MaskReader(path, legend=Legend(), grid=almost) as reader:
        assert not reader.warped


def test_without_a_crs_rows_and_columns_decide(write_scene, mask):
    path = write_scene(mask, "plain.tif", crs=None)
    placed = MaskGrid((40, 30), POLAR, CRS.from_epsg(3413))
    np.testing.assert_array_equal(read(path, placed), mask[0])
    with pytest.raises(DataError, match="30 x 40 pixels against 30 x 41 of the mask, and no CRS"):
        read(path, MaskGrid((41, 30), POLAR, CRS.from_epsg(3413)))


def test_three_equal_bands_are_grey_and_alpha_hides(write_scene, mask):
    clean = np.where(mask == 255, 0, mask)
    assert (read(write_scene(np.repeat(clean, 3, axis=0), photometric="RGB")) == clean[0]).all()
    alpha = np.where(np.arange(30) < 10, 0, 255).astype(np.uint8) * np.ones((1, 40, 1), np.uint8)
    ids = read(write_scene(np.concatenate([clean, alpha]), "alpha.tif", alpha="YES", photometric="MINISBLACK"))
    assert (ids[:, :10] == 255).all()
    assert (ids[:, 10:] == clean[0][:, 10:]).all()


def test_whole_numbers_are_classes_in_any_type_and_nan_is_none(write_scene):
    values = np.array([[[0, 1, np.nan, 1]]], np.float32)
    assert read(write_scene(values)).tolist() == [[0, 1, 255, 1]]


def test_what_another_grid_does_not_show_is_not_looked_at(write_scene, mask):
    far = np.where(mask == 255, 0, mask)
    far[0, -1, -1] = 77
    path = write_scene(far, nodata=9)
    with pytest.raises(DataError, match="value 77 in row 39"):
        read(path, ids={"0": 0, "1": 1, "2": 2})
    corner = MaskGrid((4, 4), POLAR @ Affine.translation(0.4, 0.4), CRS.from_epsg(3413))
    np.testing.assert_array_equal(read(path, corner, ids={"0": 0, "1": 1, "2": 2}), far[0, :4, :4])


def test_colours_need_a_palette(write_scene):
    rgb = np.zeros((3, 4, 4), np.uint8)
    rgb[0, 1, 2] = 255
    path = write_scene(rgb, photometric="RGB")
    with pytest.raises(DataError, match="in colour; say with `palette`"):
        read(path)

    def red(colors):
        return np.where(colors[0] == 255, 1, np.where(colors.any(axis=0), -1, 0)).astype(np.int16)

    assert read(path, palette=red).sum() == 1
    rgb[1, 2, 3] = 9
    with pytest.raises(DataError, match="colour 0, 9, 0 in row 2, column 3"):
        read(write_scene(rgb, "green.tif", photometric="RGB"), palette=red)
    with pytest.raises(DataError, match="is not in colour"):
        read(write_scene(rgb[:1], "grey.tif"), palette=red)


@pytest.mark.parametrize(
    ("pixels", "text"),
    [
        (np.full((1, 4, 4), 0.5, np.float32), r"value 0\.5 in row 0"),
        (np.zeros((1, 4, 4), np.complex64), "holds complex64"),
        (np.zeros((7, 4, 4), np.uint8), "has 7 bands"),
    ],
)
def test_what_is_no_mask_is_refused(write_scene, pixels, text):
    with pytest.raises(DataError, match=text):
        read(write_scene(pixels))


def test_a_missing_and_a_damaged_file_are_named(tmp_path, write_scene):
    with pytest.raises(DataError, match=r"none\.tif: cannot be opened"):
        read(tmp_path / "none.tif")
    noise = np.random.default_rng(0).integers(0, 2, (1, 512, 512)).astype(np.uint8)
    path = write_scene(noise, compress="deflate", tiled=True, blockxsize=256, blockysize=256)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"\0" * (len(content) // 2))
    with pytest.raises(DataError, match=r"damaged|cannot be opened"):
        read(path)


def test_a_mask_written_by_predict_names_its_classes(write_scene, mask):
    path = write_scene(mask)
    assert named_classes(path) is None
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(CLASS_0="water", CLASS_1="ice", CLASS_2="cloud", ICE_CLASS="1")
    assert named_classes(path) == (("water", "ice", "cloud"), 1)
