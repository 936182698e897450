"""Everything that a scene may be given as leads to the mask of the command line."""

import contextlib
import warnings

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from rasterio.io import MemoryFile
from rasterio.vrt import WarpedVRT

import seaice_cli as seaice
from seaice_cli.cli.main import cli
from tests.conftest import POLAR

HOLE = (slice(None), slice(3, 20), slice(5, 30))


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    pixels = np.random.default_rng(3).integers(1, 256, (3, 90, 70)).astype("uint8")
    pixels[HOLE] = 0
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    profile = {
        "driver": "GTiff",
        "count": 3,
        "height": 90,
        "width": 70,
        "dtype": "uint8",
        "nodata": 0,
        "crs": "EPSG:3413",
    }
    with rasterio.open(path, "w", transform=POLAR, **profile) as target:
        target.write(pixels)
    return path


@pytest.fixture(scope="module")
def expected(scene, two_class_model, tmp_path_factory):
    """The mask that the command line writes."""
    target = tmp_path_factory.mktemp("mask") / "mask.tif"
    done = CliRunner().invoke(cli, ["predict", str(scene), "-o", str(target), "--model", str(two_class_model)])
    assert done.exit_code == 0, done.output
    return target


@contextlib.contextmanager
def _given(kind, scene):
    with rasterio.open(scene) as dataset:
        pixels = dataset.read()
        place = {"transform": dataset.transform, "crs": dataset.crs}
        if kind == "path":
            yield scene, {}
        elif kind == "text":
            yield str(scene), {}
        elif kind == "dataset":
            yield dataset, {}
        elif kind == "memory":
            with MemoryFile(scene.read_bytes()) as memory, memory.open() as opened:
                yield opened, {}
        elif kind == "warped":
            with WarpedVRT(dataset) as warped:
                yield warped, {}
        elif kind == "array":
            yield pixels, {**place, "nodata": 0}
        elif kind == "masked array":
            yield np.ma.array(pixels, mask=pixels == 0), place
        else:
            import rioxarray

            with rioxarray.open_rasterio(scene, masked=kind == "masked xarray") as array:
                yield array.transpose("y", "x", "band") if kind == "turned xarray" else array, {}


KINDS = (
    "path",
    "text",
    "dataset",
    "memory",
    "warped",
    "array",
    "masked array",
    "xarray",
    "masked xarray",
    "turned xarray",
)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_gives_the_mask_of_the_command_line(kind, scene, expected, two_class_model):
    with _given(kind, scene) as (source, place):
        found = seaice.predict(source, model=two_class_model, **place)
    with rasterio.open(expected) as dataset:
        np.testing.assert_array_equal(found.mask, dataset.read(1))
        assert found.transform == dataset.transform
        assert found.crs == dataset.crs
    assert (found.mask[HOLE[1:]] == 255).all()
    assert found.summary.ice_km2 is not None


def test_with_a_target_the_file_is_the_command_lines_byte_for_byte(scene, expected, two_class_model, tmp_path):
    found = seaice.predict(scene, str(tmp_path / "mask.tif"), model=str(two_class_model))
    assert (tmp_path / "mask.tif").read_bytes() == expected.read_bytes()
    assert found.summary.files == [str(tmp_path / "mask.tif")]
    assert found.probability is None
    assert found.mask.shape == (90, 70)


def test_paths_may_be_texts_everywhere(scene, two_class_model, tmp_path):
    from seaice_cli.prediction.options import PredictOptions

    options = PredictOptions(probability=str(tmp_path / "p.tif"), bands=[1, 2, 3])
    assert options.probability == tmp_path / "p.tif"
    assert options.bands == (1, 2, 3)
    assert PredictOptions(rescale=[0, 1]).rescale == (0, 1)
    assert PredictOptions(rescale="auto").rescale == "auto"
    found = seaice.predict(
        scene, model=two_class_model, probability=str(tmp_path / "p.tif"), preview=str(tmp_path / "p.png")
    )
    assert {p.name for p in tmp_path.iterdir()} == {"p.tif", "p.png"}
    assert sorted(found.summary.files) == sorted(str(tmp_path / n) for n in ("p.tif", "p.png"))
    assert found.probability.max() == 255


def test_a_dataset_at_an_overview_is_not_read_at_full_resolution(scene, two_class_model, tmp_path):
    path = tmp_path / "o.tif"
    path.write_bytes(scene.read_bytes())
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2])
    with rasterio.open(path, OVERVIEW_LEVEL=0) as half:
        assert seaice.predict(half, model=two_class_model).mask.shape == half.shape == (45, 35)


def test_four_bands_of_an_array_are_bands_and_no_alpha(tmp_path_factory):
    from tests.models import expected_classes, pixel_model

    model = pixel_model(tmp_path_factory.mktemp("models") / "four", bands=4)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 40, 50)).astype("uint8")
    pixels[3, :20] = 0
    np.testing.assert_array_equal(
        seaice.predict(pixels, model=model, precision="float32").mask, expected_classes(pixels)
    )


def test_an_array_that_lies_nowhere_has_no_area(two_class_model):
    found = seaice.predict(np.full((3, 40, 50), 200, "uint8"), model=two_class_model)
    assert (found.mask == 1).all()
    assert (found.probability > 90).all()
    assert found.crs is None
    assert found.transform == Affine.identity()
    assert found.summary.ice_km2 is None
    assert (found.summary.scene, found.summary.mask, found.summary.files) == ("array", "", [])


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        (np.zeros((3, 0, 5), "uint8"), ValueError, r"not of shape \(3, 0, 5\)"),
        (np.zeros(5, "uint8"), ValueError, "not of shape"),
        (np.zeros((3, 40, 40), "complex64"), seaice.SceneError, "array: holds complex64"),
        (np.zeros((3, 40, 40), "bool"), seaice.SceneError, "array: holds bool"),
        (np.zeros((2, 40, 40), "uint8"), seaice.SceneError, "^array: .*`bands`"),
        (17, TypeError, "not as int"),
        ("missing.tif", seaice.SceneError, "missing.tif: no such file"),
    ],
)
def test_what_is_no_scene_is_refused(source, kind, text, two_class_model):
    with pytest.raises(kind, match=text):
        seaice.predict(source, model=two_class_model)


def test_what_has_a_place_is_given_none(scene, two_class_model):
    with pytest.raises(TypeError, match="are for arrays"):
        seaice.predict(scene, model=two_class_model, crs="EPSG:3413")
    with rasterio.open(scene) as dataset:
        pass
    with pytest.raises(ValueError, match="is closed"):
        seaice.predict(dataset, model=two_class_model)


def test_nothing_stays_in_the_temporary_folder(scene, two_class_model, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seaice.predict(scene, model=two_class_model)
        with pytest.raises(seaice.SceneError):
            seaice.predict(np.zeros((2, 40, 40), "uint8"), model=two_class_model)
    assert list(tmp_path.iterdir()) == []
