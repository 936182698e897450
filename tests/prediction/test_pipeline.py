"""The whole line: with a pixelwise model the mask must equal the pixelwise result, whatever the windows."""

import json

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seaice_cli.errors import OptionError, OutputError, SceneError
from seaice_cli.prediction.options import PredictOptions, check_options
from seaice_cli.prediction.pipeline import predict
from tests.models import expected_classes, pixel_model

EXACT = {"precision": "float32", "overwrite": True}


def mask_of(scene, tmp_path, model, **options):
    target = tmp_path / "mask.tif"
    predict(str(scene), target, options=PredictOptions(model=str(model), **(EXACT | options)))
    with rasterio.open(target) as dataset:
        return dataset.read(1)


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(1, 260),
    width=st.integers(1, 260),
    tile=st.sampled_from([32, 64, 96, 128]),
    overlap=st.integers(0, 31),
    batch=st.integers(1, 4),
    classes=st.sampled_from([2, 3]),
)
def test_the_mask_equals_the_pixelwise_result(
    tmp_path, write_scene, noise, two_class_model, three_class_model, height, width, tile, overlap, batch, classes
):
    pixels = noise(height, width)
    model = {2: two_class_model, 3: three_class_model}[classes]
    mask = mask_of(write_scene(pixels), tmp_path, model, tile=tile, overlap=overlap, batch_size=batch)
    np.testing.assert_array_equal(mask, expected_classes(pixels, classes=classes))


@pytest.mark.parametrize(
    "shape", [(1, 1), (1023, 1023), (1024, 1024), (1025, 1025), (400, 2000), (300, 400), (5000, 300)]
)
def test_any_shape(tmp_path, write_scene, noise, two_class_model, shape):
    pixels = noise(*shape)
    np.testing.assert_array_equal(mask_of(write_scene(pixels), tmp_path, two_class_model), expected_classes(pixels))
    assert leftovers(tmp_path) == []


def test_a_window_that_holds_only_dark_pixels_is_read_on_the_same_scale(tmp_path, write_scene, noise, two_class_model):
    pixels = noise(150, 170)
    pixels[:, :80, :80] %= 2
    mask = mask_of(write_scene(pixels), tmp_path, two_class_model, tile=64, overlap=16)
    np.testing.assert_array_equal(mask, expected_classes(pixels))
    assert not mask[:80, :80].any()


@pytest.mark.parametrize(
    ("dtype", "valid_range"),
    [("uint8", (0, 255)), ("uint16", (0, 10000)), ("int16", (-2000, 2000)), ("float32", (0.0, 1.0))],
)
def test_any_type(tmp_path, write_scene, dtype, valid_range):
    model = pixel_model(tmp_path / "model", dtype=dtype, valid_range=valid_range, bands=2)
    values = np.random.default_rng(3).uniform(*valid_range, (2, 200, 210))
    pixels = values.astype(dtype)
    mask = mask_of(write_scene(pixels), tmp_path, model, tile=96, overlap=32)
    np.testing.assert_array_equal(mask, expected_classes(pixels, valid_range=valid_range))


def test_a_float64_scene_is_read_by_a_float32_model(tmp_path, write_scene):
    model = pixel_model(tmp_path / "model", dtype="float32", valid_range=(0, 1), bands=1)
    pixels = np.random.default_rng(3).uniform(0, 1, (1, 100, 100))
    mask = mask_of(write_scene(pixels), tmp_path, model)
    np.testing.assert_array_equal(mask, expected_classes(pixels.astype("float32"), valid_range=(0, 1)))


def test_rescale_maps_the_named_values_to_the_models_range(tmp_path, write_scene, two_class_model):
    pixels = np.random.default_rng(3).integers(0, 10001, (3, 90, 80)).astype("uint16")
    mask = mask_of(write_scene(pixels), tmp_path, two_class_model, rescale=(0, 10000))
    scaled = np.rint(pixels.astype("float32") * (255 / 10000)).astype("uint8")
    np.testing.assert_array_equal(mask, expected_classes(scaled))


def test_a_blurring_model_shows_no_seams(tmp_path, write_scene, noise):
    model = pixel_model(tmp_path / "model", blur=4)
    scene = write_scene(noise(416, 448))
    whole = mask_of(scene, tmp_path, model, tile=448, overlap=0)
    np.testing.assert_array_equal(mask_of(scene, tmp_path, model, tile=128, overlap=64), whole)


def test_georeferencing_is_kept_exactly_even_when_rotated(tmp_path, write_scene, noise, two_class_model):
    transform = (
        rasterio.Affine.translation(123456.789, -987654.321)
        @ rasterio.Affine.rotation(17.3)
        @ rasterio.Affine.scale(250.1, -249.9)
    )
    scene = write_scene(noise(70, 90), transform=transform, crs="EPSG:3976")
    mask_of(scene, tmp_path, two_class_model)
    with rasterio.open(scene) as source, rasterio.open(tmp_path / "mask.tif") as mask:
        assert mask.crs == source.crs
        assert mask.transform == source.transform


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_scene_without_crs_gets_a_mask_without_crs(tmp_path, write_scene, noise, two_class_model):
    pixels = noise(40, 50)
    scene = write_scene(pixels, crs=None, transform=None)
    summary = predict(
        str(scene), tmp_path / "m.tif", options=PredictOptions(model=str(two_class_model), precision="float32")
    )
    assert summary.ice_km2 is None
    with rasterio.open(tmp_path / "m.tif") as mask:
        assert mask.crs is None
        np.testing.assert_array_equal(mask.read(1), expected_classes(pixels))


def test_nodata_is_never_classified_and_windows_without_data_are_not_run(tmp_path, write_scene, noise, two_class_model):
    pixels = noise(300, 300, low=1)
    pixels[:, :200] = 0
    pixels[0, 250, 250] = 0  # one band of zero is data
    scene = write_scene(pixels, nodata=0)
    target = tmp_path / "mask.tif"
    summary = predict(
        str(scene), target, options=PredictOptions(model=str(two_class_model), tile=64, overlap=16, precision="float32")
    )
    with rasterio.open(target) as dataset:
        mask = dataset.read(1)
    assert (mask[:200] == 255).all()
    np.testing.assert_array_equal(mask[200:], expected_classes(pixels)[200:])
    assert summary.windows == 36
    assert summary.windows_run == 18, "of six rows of windows only the lower three reach the data"
    assert summary.valid_share == pytest.approx(1 / 3)


def test_every_batch_size_thread_count_and_run_gives_the_same_bytes(tmp_path, write_scene, noise):
    model = pixel_model(tmp_path / "model", blur=3, classes=3)
    scene = write_scene(noise(300, 280))
    files = set()
    for number, options in enumerate([{}, {"batch_size": 1}, {"batch_size": 7}, {"threads": 1}, {"threads": 2}]):
        target = tmp_path / f"m{number}" / "mask.tif"
        target.parent.mkdir()
        predict(str(scene), target, options=PredictOptions(model=str(model), tile=96, overlap=32, **options))
        files.add(target.read_bytes())
    assert len(files) == 1


def test_the_mask_is_a_cog_with_classes_colours_and_provenance(tmp_path, write_scene, noise, three_class_model):
    cog = pytest.importorskip("rio_cogeo")
    target = tmp_path / "mask.tif"
    scene = write_scene(noise(700, 900))
    predict(str(scene), target, options=PredictOptions(model=str(three_class_model), tile=256, overlap=64))
    valid, errors, warnings = cog.cog_validate(target, strict=True)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(target) as mask:
        assert (mask.dtypes, mask.nodata, mask.count) == (("uint8",), 255, 1)
        assert mask.overviews(1)
        assert mask.compression.name == "deflate"
        assert mask.colormap(1)[1] == (240, 250, 255, 255)
        assert mask.colormap(1)[255] == (0, 0, 0, 0)
        tags = mask.tags()
        decimated = mask.read(1, out_shape=(350, 450))
    assert tags["CLASS_1"] == "ice"
    assert tags["ICE_CLASS"] == "1"
    assert (tags["TILE"], tags["OVERLAP"], tags["ENGINE"]) == ("256", "64", "openvino")
    assert tags["SCENE"] == "scene.tif"
    assert set(np.unique(decimated)) <= {0, 1, 2}, "overviews hold classes that exist"
    assert "<Category>cloud</Category>" in (tmp_path / "mask.tif.aux.xml").read_text()


def test_probability_is_per_cent_of_ice_and_255_where_nothing_was_classified(
    tmp_path, write_scene, noise, two_class_model
):
    pixels = noise(80, 90, low=1)
    pixels[:, :, :20] = 0
    target, probability = tmp_path / "mask.tif", tmp_path / "p.tif"
    options = PredictOptions(model=str(two_class_model), probability=probability, precision="float32")
    predict(str(write_scene(pixels, nodata=0)), target, options=options)
    with rasterio.open(target) as mask, rasterio.open(probability) as per_cent:
        classes, values = mask.read(1), per_cent.read(1)
        assert per_cent.nodata == 255
        assert per_cent.transform == mask.transform
    assert (values[:, :20] == 255).all()
    assert (values[:, 20:] <= 100).all()
    assert (values[classes == 1] >= 50).all()
    assert (values[classes == 0] <= 50).all()


def test_threshold_moves_the_border_of_ice_only(tmp_path, write_scene, noise, three_class_model):
    scene = write_scene(noise(100, 100))
    plain = mask_of(scene, tmp_path, three_class_model)
    eager = mask_of(scene, tmp_path, three_class_model, threshold=0.05)
    shy = mask_of(scene, tmp_path, three_class_model, threshold=0.999)
    assert (eager == 1).sum() > (plain == 1).sum() > (shy == 1).sum()
    assert (eager[plain == 1] == 1).all()
    np.testing.assert_array_equal(shy[(shy != 1) & (plain != 1)], plain[(shy != 1) & (plain != 1)])


@pytest.mark.parametrize("kind", ["flip", "d4"])
@pytest.mark.parametrize("shape", [(100, 130), (20, 130)])
def test_augmentation_of_a_pixelwise_model_changes_nothing(
    tmp_path, write_scene, noise, three_class_model, kind, shape
):
    scene = write_scene(noise(*shape))
    plain = mask_of(scene, tmp_path, three_class_model, tile=64, overlap=16)
    np.testing.assert_array_equal(mask_of(scene, tmp_path, three_class_model, tile=64, overlap=16, tta=kind), plain)


def test_png_is_plain_and_holds_0_and_255(tmp_path, write_scene, noise, three_class_model):
    pixels = noise(100, 120)
    target = tmp_path / "mask.png"
    predict(
        str(write_scene(pixels)), target,
        options=PredictOptions(model=str(three_class_model), format="png", precision="float32"),
    )  # fmt: skip
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(target) as png:
        np.testing.assert_array_equal(png.read(1), np.where(expected_classes(pixels, classes=3) == 1, 255, 0))
    assert [p.name for p in tmp_path.iterdir() if "mask" in p.name] == ["mask.png"]


def test_counts_and_true_area_of_ice(tmp_path, write_scene, two_class_model):
    pixels = np.full((3, 200, 200), 200, np.uint8)
    pixels[:, :, :50] = 10
    transform = rasterio.transform.from_origin(0, 25000, 250, 250)  # at the pole: areal scale 0.9406
    summary = predict(
        str(write_scene(pixels, transform=transform)),
        tmp_path / "m.tif",
        options=PredictOptions(model=str(two_class_model)),
    )
    assert summary.shares == {"water": 0.25, "ice": 0.75}
    assert summary.ice_km2 == pytest.approx(200 * 150 * 0.0625 / 0.9406, rel=2e-4)


def test_a_box_gives_the_same_pixels_as_the_whole(tmp_path, write_scene, noise, two_class_model):
    pixels = noise(120, 140)
    left, top = -1_000_000 + 30 * 250, 1_000_000 - 20 * 250
    mask = mask_of(write_scene(pixels), tmp_path, two_class_model, bbox=(left, top - 50 * 250, left + 60 * 250, top))
    np.testing.assert_array_equal(mask, expected_classes(pixels)[20:70, 30:90])
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert (dataset.transform.c, dataset.transform.f) == (left, top)


def write_polygon(path, box, crs="EPSG:3413"):
    import fiona

    left, bottom, right, top = box
    ring = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    with fiona.open(path, "w", driver="GPKG", crs=crs, schema={"geometry": "Polygon", "properties": {}}) as target:
        target.write({"geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}})


def test_land_gets_its_own_value_and_an_area_of_interest_cuts(tmp_path, write_scene, noise, two_class_model):
    pixels = noise(100, 100)
    at = lambda column, row: (-1_000_000 + column * 250, 1_000_000 - row * 250)  # noqa: E731 - a table of corners
    land, aoi = tmp_path / "land.gpkg", tmp_path / "aoi.gpkg"
    write_polygon(land, (*at(0, 100), *at(30, 0)))
    write_polygon(aoi, (*at(10, 90), *at(80, 20)))
    mask = mask_of(write_scene(pixels), tmp_path, two_class_model, land=land, aoi=aoi, tile=32, overlap=8)
    assert mask.shape == (70, 70)
    assert (mask[:, :20] == 254).all()
    np.testing.assert_array_equal(mask[:, 20:], expected_classes(pixels)[20:90, 30:80])


def test_an_area_of_interest_elsewhere_is_refused_and_land_elsewhere_is_none(
    tmp_path, write_scene, noise, two_class_model
):
    pixels = noise(40, 40)
    elsewhere = tmp_path / "elsewhere.gpkg"
    write_polygon(elsewhere, (2_000_000, 2_000_000, 2_100_000, 2_100_000))
    scene = write_scene(pixels)
    with pytest.raises(OptionError, match="lie elsewhere than the scene"):
        mask_of(scene, tmp_path, two_class_model, aoi=elsewhere)
    np.testing.assert_array_equal(mask_of(scene, tmp_path, two_class_model, land=elsewhere), expected_classes(pixels))


def test_an_existing_mask_is_kept_without_overwrite(tmp_path, write_scene, noise, two_class_model):
    target = tmp_path / "mask.tif"
    target.write_text("precious")
    with pytest.raises(OutputError, match="`overwrite`"):
        predict(str(write_scene(noise(20, 20))), target, options=PredictOptions(model=str(two_class_model)))
    assert target.read_text() == "precious"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"tile": 64, "overlap": 64}, OptionError, "smaller than `tile`"),
        ({"tile": 100}, OptionError, "multiple of 32"),
        ({"bands": (1, 2, 9)}, SceneError, "no band 9"),
        ({"bands": (1, 2)}, SceneError, "has 2 bands where the model reads 3"),
        ({"bands": (1,)}, SceneError, "has 1 band, a grey picture, where .* docs.finetune.md"),
        ({"bbox": (0, 0, 1, 1)}, OptionError, "outside the scene"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, write_scene, noise, two_class_model, change, error, text):
    scene = write_scene(noise(50, 50))
    with pytest.raises(error, match=text) as caught:
        predict(str(scene), tmp_path / "mask.tif", options=PredictOptions(model=str(two_class_model), **change))
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["scene.tif"]


def test_a_summary_is_json(tmp_path, write_scene, noise, two_class_model):
    summary = predict(
        str(write_scene(noise(20, 20))), tmp_path / "m.tif", options=PredictOptions(model=str(two_class_model))
    )
    assert json.loads(json.dumps(summary.to_json()))["windows"] == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_polygons_hold_class_true_area_perimeter_and_probability_and_no_nodata(tmp_path, write_scene, two_class_model):
    import fiona
    from shapely.geometry import shape

    pixels = np.full((3, 100, 100), 10, np.uint8)
    pixels[:, 20:60, 20:60] = 220
    pixels[:, 30:40, 30:40] = 10
    pixels[:, :, 90:] = 0
    target, vector = tmp_path / "mask.tif", tmp_path / "ice.gpkg"
    options = PredictOptions(model=str(two_class_model), vector=vector, precision="float32", tile=32, overlap=8)
    summary = predict(str(write_scene(pixels, nodata=0)), target, options=options)
    with fiona.open(vector) as polygons:
        (floe,) = list(polygons)
        assert polygons.crs.to_epsg() == 3413
    assert summary.polygons == 1
    geometry = shape(floe.geometry)
    assert geometry.is_valid
    assert geometry.area == (40 * 40 - 10 * 10) * 250**2
    assert len(geometry.interiors) == 1
    assert floe.properties["class_name"] == "ice"
    assert floe.properties["area_m2"] / 1e6 == pytest.approx(summary.ice_km2, rel=2e-4), (
        "all in one cell, off its middle"
    )
    assert 0.9 < floe.properties["prob_mean"] <= 1
    assert 40 * 250 * 4 < floe.properties["perimeter_m"] < 1.1 * 50 * 250 * 4


def test_floes_that_touch_are_taken_apart_by_the_visible_bands_of_the_scene(tmp_path, write_scene):
    import pyogrio

    pixels = np.full((3, 100, 100), 10, np.uint8)
    pixels[:, 20:60, 20:80] = 220
    pixels[:, 20:60, 48:52] = 150
    vector, model = tmp_path / "ice.gpkg", tmp_path / "model"
    pixel_model(model)
    spec = (model / "model.json").read_text()
    for split, name, parts in ((False, "red", [2400]), (True, "band0", [2400]), (True, "red", [1120, 1120])):
        (model / "model.json").write_text(spec.replace("band0", name))
        options = PredictOptions(
            model=str(model), vector=vector, precision="float32", tile=32, overlap=8, split_floes=split,
            overwrite=True,
        )  # fmt: skip
        predict(str(write_scene(pixels)), tmp_path / "mask.tif", options=options)
        columns = pyogrio.raw.read(vector, layer="ice", columns=["n_pixels"])[3][0]
        assert sorted(columns)[-2:] == parts


def test_splitting_needs_polygons_and_whole_scenes(tmp_path):
    for wrong, text in (
        ({}, "name their file with `vector`"),
        ({"vector": tmp_path / "a.gpkg", "on_bad_block": "nodata"}, "cannot leave out damaged blocks"),
        ({"vector": tmp_path / "a.gpkg", "floe_window": 3}, "`floe_window` 3"),
    ):
        with pytest.raises(OptionError, match=text):
            check_options(PredictOptions(split_floes=True, **wrong))


def test_a_preview_shows_scene_and_mask_side_by_side(tmp_path, write_scene, noise, three_class_model):
    preview = tmp_path / "preview.png"
    options = PredictOptions(model=str(three_class_model), preview=preview, precision="float32")
    predict(str(write_scene(noise(60, 80))), tmp_path / "mask.tif", options=options)
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(preview) as png:
        picture = png.read()
    assert picture.shape == (3, 60, 80 + 12 + 80)
    np.testing.assert_array_equal(picture[:, :, :80], noise(60, 80))
    colors = {tuple(c) for c in picture[:, :, 92:].reshape(3, -1).T.tolist()}
    assert colors <= {(20, 60, 140), (240, 250, 255), (150, 150, 150)}


def test_a_preview_of_a_rescaled_scene_is_not_dark(tmp_path, write_scene, noise, three_class_model):
    dim, preview = noise(60, 80) // 4, tmp_path / "preview.png"
    options = PredictOptions(model=str(three_class_model), preview=preview, rescale=(0, 63))
    predict(str(write_scene(dim)), tmp_path / "mask.tif", options=options)
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(preview) as png:
        shown = png.read()[:, :, :80]
    np.testing.assert_allclose(shown, dim * (255 / 63), atol=1)
