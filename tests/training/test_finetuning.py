"""A model taught further by a few polygons: what it takes over, how it is validated, what is refused."""

import csv
import json
import math

import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.data.labels.encoding import LabelEncoding, parse_values
from seaice_cli.data.labels.palettes import IGNORE
from seaice_cli.errors import DataError, ModelError, OptionError
from seaice_cli.network.catalog import find_model
from seaice_cli.raster.reading.sensors import curves
from seaice_cli.training import pipeline
from seaice_cli.training.crops.dataset import Labelled
from seaice_cli.training.crops.spatial_blocks import split_blocks
from seaice_cli.training.finetuning import UNKNOWN_LIGHT
from seaice_cli.training.options import TrainOptions, read_options
from seaice_cli.training.pipeline import train
from seaice_cli.training.preparation import prepare
from seaice_cli.training.records.card import write_card
from tests import rasters as made

SIDE = 250.0
LEFT, TOP = -1_000_000.0, 500_000.0
QUICK = {"steps": 2, "eval_every": 2, "batch": 2, "crop": 32, "precision": "fp32", "ema": 0.0}


def box(column, row, width, height):
    """A polygon over pixels of the test rasters."""
    x, y = LEFT + SIDE * column, TOP - SIDE * row
    return shapely.box(x, y - SIDE * height, x + SIDE * width, y)


def listed(folder, *rows, name="labels.csv"):
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label"), *rows])
    return str(folder / name)


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A small model directory with everything that can be taken over."""
    folder = tmp_path_factory.mktemp("parent")
    made.raster(folder / "a.tif", made.noise(64, 96))
    made.raster(folder / "b.tif", made.noise(64, 96, seed=1))
    for name in "ab":
        made.raster(folder / f"label_{name}.tif", made.classes(64, 96, count=3))
    options = TrainOptions(
        data=(listed(folder, ("a.tif", "label_a.tif")),), val=(listed(folder, ("b.tif", "label_b.tif"), name="v.csv"),),
        classes=("water", "ice", "cloud"), colors=("#010203", "#040506", "#070809"), name="mother", resolution=250.0,
        mean=(90.0, 100.0, 110.0), std=(40.0, 50.0, 60.0), stretch="corrected-reflectance", license="Apache-2.0",
        encoder_weights="none", network={"encoder_depth": 3, "decoder_channels": (16, 8, 8)}, augment="none",
        **QUICK,
    )  # fmt: skip
    directory, _ = train(options, folder / "run")
    return directory


@pytest.fixture
def drawn(tmp_path):
    """A scene and three polygons of two classes, by name."""
    made.raster(tmp_path / "scene.tif", made.noise(160, 160, seed=5))
    shapes = [(box(5, 5, 70, 60), "water"), (box(5, 90, 60, 60), "ice"), (box(90, 20, 60, 110), "ice")]
    made.layer(tmp_path / "drawn.gpkg", shapes, kind="str")
    return listed(tmp_path, ("scene.tif", "drawn.gpkg"))


def read(parent, data, **flags):
    return read_options(None, "", {"init_from": str(parent), "data": (data,), **QUICK, **flags})


def test_everything_that_is_not_said_comes_from_the_parent_and_what_is_said_wins(parent, drawn):
    spec = find_model(parent).spec
    told = read(parent, drawn, lr=5e-5, name="mine")
    assert (told.architecture, told.encoder, dict(told.network)) == (
        spec.architecture,
        spec.encoder,
        dict(spec.options),
    )
    assert (told.classes, told.colors) == (("water", "ice", "cloud"), ("#010203", "#040506", "#070809"))
    assert (told.mean, told.std, told.valid_range, told.resolution) == (spec.mean, spec.std, spec.valid_range, 250.0)
    assert (told.stretch, told.band_names, told.license) == ("corrected-reflectance", spec.bands, "Apache-2.0")
    assert (told.lr, told.name, told.freeze_encoder, told.background) == (5e-5, "mine", True, IGNORE)
    assert read(parent, drawn).name == "mother-finetuned"


def test_a_model_taught_by_three_polygons_tells_whom_it_comes_from_and_what_its_scores_are_worth(
    parent, drawn, tmp_path
):
    before = find_model(parent).spec
    directory, scores = train(read(parent, drawn), tmp_path / "run")
    spec, card = find_model(directory).spec, (directory / "README.md").read_text()
    assert (spec.name, spec.mean, spec.class_names, spec.stretch) == (
        "mother-finetuned",
        before.mean,
        before.class_names,
        before.stretch,
    )
    assert f"mother 1 (sha256 of its weights {before.digest})" in card
    assert "blocks of the scenes it learnt from" in card
    assert "Best weights" not in card
    assert scores["iou:water"] >= 0
    assert (tmp_path / "run" / "curves.png").stat().st_size > 10_000
    header = (tmp_path / "run" / "log.csv").read_text().splitlines()[0]
    assert "val_loss" in header.split(",")


@pytest.mark.parametrize(
    ("values", "attribute", "text"),
    [
        (["water", "pond", "ice"], "class", r"class is 'pond', which is no class \(0, 1, 2, water, ice, cloud\)"),
        (["water", "ice", "ice"], "kind", "has no attribute 'kind'; it has class"),
    ],
)
def test_classes_that_the_parent_lacks_and_missing_attributes_are_one_line_and_leave_no_folder(
    parent, drawn, tmp_path, values, attribute, text
):
    shapes = [(box(5 + 50 * i, 5, 40, 40), value) for i, value in enumerate(values)]
    made.layer(tmp_path / "drawn.gpkg", shapes, kind="str")
    with pytest.raises(DataError, match=text) as caught:
        train(read(parent, drawn, attribute=attribute), tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_classes_of_ones_own_get_a_new_head(parent, drawn, tmp_path):
    told = read(parent, drawn, classes=("water", "ice"))
    assert (told.colors, told.ice) == (("#010203", "#040506"), "ice")
    directory, _ = train(told, tmp_path / "run")
    assert find_model(directory).spec.class_names == ("water", "ice")


def test_a_parent_that_is_none_is_told(drawn):
    with pytest.raises(ModelError, match="neither a shipped model"):
        read("mother-in-law", drawn)


def test_a_run_that_fails_before_its_first_step_leaves_no_folder_and_one_that_began_does(
    parent, drawn, tmp_path, monkeypatch
):
    def fail(run, _progress):
        raise DataError("at once")

    monkeypatch.setattr(pipeline, "_loop", fail)
    with pytest.raises(DataError, match="at once"):
        train(read(parent, drawn), tmp_path / "run")
    assert not (tmp_path / "run").exists()

    def fail_later(run, _progress):
        run.state.step = 1
        raise DataError("later")

    monkeypatch.setattr(pipeline, "_loop", fail_later)
    with pytest.raises(DataError, match="later"):
        train(read(parent, drawn), tmp_path / "run")
    assert (tmp_path / "run" / "config.toml").exists()


def test_a_run_is_replaced_only_if_that_is_wanted(parent, drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "save_model", lambda *_: None)
    train(read(parent, drawn), tmp_path / "run")
    (tmp_path / "run" / "predictions-000999.png").write_text("of an earlier run")
    with pytest.raises(OptionError, match="`overwrite`"):
        train(read(parent, drawn), tmp_path / "run")
    train(read(parent, drawn), tmp_path / "run", overwrite=True)
    assert not (tmp_path / "run" / "predictions-000999.png").exists()


def test_raster_and_vector_labels_mix_by_names_and_ids(parent, drawn, tmp_path):
    made.raster(tmp_path / "other.tif", made.noise(160, 160, seed=6))
    made.raster(tmp_path / "other_label.tif", made.classes(160, 160, count=3))
    data = listed(tmp_path, ("scene.tif", "drawn.gpkg"), ("other.tif", "other_label.tif"), name="both.csv")
    prepared = prepare(read(parent, data, val_share=0.5))
    seen = set()
    for store in (prepared.train, prepared.val):
        for scene in store.scenes:
            whole = rasterio.windows.Window(0, 0, scene.width, scene.height)
            seen |= set(np.unique(scene.read(whole).classes).tolist())
    assert seen == {0, 1, 2, IGNORE}


def test_a_map_of_texts_lets_ids_pass():
    encoding = LabelEncoding(classes=3, values=parse_values("floe:1,lead:0,*:2"))
    assert [encoding.class_of(v) for v in ("floe", "lead", "haze", "1", 0.0)] == [1, 0, 2, 1, 0]
    assert encoding.table()[:4].tolist() == [0, 1, 2, -1]
    numbers = LabelEncoding(classes=3, values=parse_values("10:0,20:1"))
    assert numbers.class_of("1") is None


def test_a_grey_scene_makes_a_grey_model_from_a_coloured_parent(parent, tmp_path):
    made.raster(tmp_path / "grey.tif", made.noise(160, 160, bands=1))
    made.layer(tmp_path / "drawn.gpkg", [(box(5, 5, 70, 60), "water"), (box(5, 90, 60, 60), "ice")], kind="str")
    prepared = prepare(read(parent, listed(tmp_path, ("grey.tif", "drawn.gpkg"))))
    spec = prepared.spec
    assert (spec.bands, spec.stretch, spec.resolution, len(spec.mean)) == (("grey",), "", None, 1)
    assert 80 < spec.mean[0] < 170


def test_reflectances_in_16_bits_are_learnt_as_the_values_that_the_parent_knows(parent, drawn, tmp_path):
    reflectance, value = curves()["corrected-reflectance"]
    picture = made.noise(160, 160, seed=5)
    stored = np.rint((np.interp(picture, value, reflectance) + 0.1) / 1e-4).astype("uint16")
    made.raster(tmp_path / "scene.tif", stored, nodata=0)
    with rasterio.open(tmp_path / "scene.tif", "r+") as dataset:
        dataset.scales, dataset.offsets = (1e-4,) * 3, (-0.1,) * 3
    prepared = prepare(read(parent, drawn))
    window = rasterio.windows.Window(0, 0, 160, 160)
    assert np.abs(prepared.train.scenes[0].read(window).pixels.astype(int) - picture).max() <= 1
    assert (prepared.spec.dtype, prepared.spec.stretch) == ("uint8", "corrected-reflectance")


def test_values_of_an_unknown_stretch_are_learnt_as_they_are(parent, drawn, tmp_path):
    with rasterio.open(tmp_path / "scene.tif", "r+") as dataset:
        dataset.descriptions = ("Oa08 665nm", "Oa06 560nm", "Oa04 490nm")
    prepared = prepare(read(parent, drawn))
    assert (prepared.spec.stretch, prepared.options.augment) == ("", UNKNOWN_LIGHT)
    assert prepare(read(parent, drawn, augment="none")).options.augment == "none"


def test_the_parents_own_data_gets_the_share_that_is_rehearsed(parent, drawn, tmp_path):
    (parent / "train.toml").write_text('data = ["../../labels.csv"]\n')
    prepared = prepare(read(parent, drawn, rehearse=0.25))
    assert len(prepared.plan.weights) == 2
    assert prepared.plan.weights.tolist() == pytest.approx([0.75, 0.25])
    (parent / "train.toml").write_text('data = ["gone.csv"]\n')
    with pytest.raises(DataError, match="`rehearse` needs the parent's data"):
        prepare(read(parent, drawn, rehearse=0.25))
    (parent / "train.toml").unlink()
    with pytest.raises(DataError, match="leave `rehearse` out"):
        prepare(read(parent, drawn, rehearse=0.25))


class Drawn:
    """A scene in memory."""

    def __init__(self, classes):
        self.name, (self.height, self.width) = "drawn", classes.shape
        self.classes = classes

    def read(self, window):
        return Labelled(
            np.zeros((1, *self.classes.shape), np.uint8), self.classes, np.ones(self.classes.shape, bool)
        ).cut(window)


@pytest.mark.parametrize("seed", range(5))
def test_blocks_share_no_pixel_and_leave_every_class_most_of_its_pixels(seed):
    rng = np.random.default_rng(seed)
    classes = np.full((700, 900), IGNORE, np.uint8)
    for value in (0, 1, 2, 1):
        top, left = rng.integers(0, 500), rng.integers(0, 700)
        classes[top : top + 150, left : left + 180] = value
    whole = rasterio.windows.Window(0, 0, 900, 700)
    train_scenes, val_scenes = split_blocks([Drawn(classes)], 3, 0.2, seed)
    learnt, judged = train_scenes[0].read(whole).classes, val_scenes[0].read(whole).classes
    assert not ((learnt != IGNORE) & (judged != IGNORE)).any()
    np.testing.assert_array_equal(np.where(learnt == IGNORE, judged, learnt), classes)
    for value in np.unique(classes[classes != IGNORE]):
        assert (learnt == value).sum() >= 0.5 * (classes == value).sum()
    assert (judged != IGNORE).any()


def test_cards_do_not_say_best_where_the_last_weights_were_kept(parent):
    spec, nothing = find_model(parent).spec, {"miou": math.nan, "step": 7.0}
    last = write_card(spec, TrainOptions(keep="last"), nothing)
    assert "best" not in last.lower()
    assert "after the last step, 7" in last
    assert "nan" not in last
    assert "Best weights after step 7, chosen by miou" in write_card(spec, TrainOptions(), nothing)


def test_json_holds_no_nan(parent, drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "train", lambda *_, **__: (tmp_path, {"miou": 0.5, "iou:cloud": math.nan}))
    told = CliRunner().invoke(cli, ["train", "--init-from", str(parent), "--data", drawn, "-o", "x", "--json"])
    assert told.exit_code == 0, told.output
    scores = json.loads(told.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert scores["iou:cloud"] is None


def test_options_are_shown_as_the_file_that_says_the_same(tmp_path):
    told = CliRunner().invoke(cli, ["train", "--preset", "fast", "--show"])
    assert told.exit_code == 0, told.output
    (tmp_path / "fast.toml").write_text(told.stdout)
    assert read_options(tmp_path / "fast.toml") == read_options(None, "fast")


def test_help_lists_options_under_headings():
    text = CliRunner().invoke(cli, ["train", "--help"]).stdout
    places = [
        text.index(f"\n{heading}:\n")
        for heading in ("Options", "Data", "Model", "Labels", "Network", "Learning", "Evaluation")
    ]
    assert places == sorted(places)
    assert text.index("--data PATH") > places[1]
    assert text.count("--lr ") == 1
