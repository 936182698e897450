"""`seaice eval` as a user calls it."""

import csv
import json

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from sklearn.metrics import cohen_kappa_score, jaccard_score

from seaice_cli.cli.main import cli
from seaice_cli.evaluation.criteria import Criteria
from seaice_cli.evaluation.measures import Measures, scores
from seaice_cli.evaluation.metrics.floes import FloeAccumulator
from tests.models import expected_classes

EXACT = ("--precision", "float32")
"""Some CPUs compute in bfloat16 by themselves, and then noise has no right answer."""


@pytest.fixture
def run():
    def run(*arguments):
        return CliRunner().invoke(cli, ["eval", *(str(a) for a in arguments)], catch_exceptions=False)

    return run


@pytest.fixture
def ids():
    rng = np.random.default_rng(11)
    truth = np.kron(rng.integers(0, 2, (6, 7)), np.ones((8, 8), int)).astype(np.uint8)
    said = np.where(rng.random(truth.shape) < 0.2, 1 - truth, truth).astype(np.uint8)
    return truth, said


@pytest.fixture
def masks(write_scene, ids):
    truth, said = ids
    return write_scene(said[None], "said.tif", nodata=255), write_scene(truth[None], "truth.tif", nodata=255)


@pytest.fixture
def listed(write_scene, noise, tmp_path):
    """Scenes on which the pixelwise model of three classes is wrong in one of three, as a list."""
    lines = ["image,label,group"]
    for i in range(3):
        pixels = noise(64, 72 + i)
        label = expected_classes(pixels, classes=3)
        if i == 1:
            label[:30] = 1
        write_scene(pixels, f"scene{i}.tif")
        write_scene(label[None], f"label{i}.tif", nodata=255)
        lines.append(f"scene{i}.tif,label{i}.tif,place{i // 2}")
    path = tmp_path / "val.csv"
    path.write_text("\n".join(lines))
    return path


def test_two_files(run, masks, ids):
    result = run(*masks, "--json")
    assert result.exit_code == 0
    values = json.loads(result.stdout)
    truth, said = (a.ravel() for a in ids)
    assert values["scores"]["miou"] == pytest.approx(jaccard_score(truth, said, average="macro"))
    assert values["scores"]["kappa"] == pytest.approx(cohen_kappa_score(truth, said))
    assert values["classes"] == ["water", "ice"]
    assert "mIoU" in run(*masks).stdout


def test_two_folders_and_a_folder_with_a_list_and_a_list_of_masks(run, write_scene, ids, tmp_path):
    truth, said = ids
    for folder in ("said", "truth", "images"):
        (tmp_path / folder).mkdir()
    for name, shift in (("a", 0), ("b", 3)):
        write_scene(np.roll(said, shift)[None], f"said/{name}.tif")
        write_scene(np.roll(truth, shift)[None], f"truth/{name}.tif")
        write_scene(np.zeros((3, 48, 56), np.uint8), f"images/{name}.tif")
    (tmp_path / "scenes.csv").write_text("image,label\nimages/a.tif,truth/a.tif\nimages/b.tif,truth/b.tif\n")
    (tmp_path / "masks.csv").write_text("image,label\nsaid/a.tif,truth/a.tif\nsaid/b.tif,truth/b.tif\n")
    results = [
        run(tmp_path / "said", tmp_path / "truth", "--json"),
        run(tmp_path / "said", tmp_path / "scenes.csv", "--json"),
        run(tmp_path / "masks.csv", "--json"),
    ]
    found = [json.loads(r.stdout) for r in results]
    assert [s["name"] for s in found[0]["scenes"]] == ["a", "b"]
    assert found[0]["scores"] == found[1]["scores"] == found[2]["scores"]


def test_a_model_on_a_list_is_scored_as_its_masks_are(run, listed, three_class_model, tmp_path):
    keep = tmp_path / "kept"
    by_model = run(
        "--data", listed, "--model", three_class_model, "--tile", 32, "--overlap", 8, "--keep", keep, "--json", *EXACT
    )  # fmt: skip
    assert by_model.exit_code == 0
    values = json.loads(by_model.stdout)
    assert values["classes"] == ["water", "ice", "cloud"]
    assert [s["scores"]["miou"] == 1 for s in values["scenes"]] == [True, False, True]
    assert values["scores"]["brier"] is not None
    assert all(s["seconds"] > 0 for s in values["scenes"])
    for i, scene in enumerate(values["scenes"]):
        mask = keep / f"{scene['name']}.tif"
        again = json.loads(run(mask, listed.parent / f"label{i}.tif", "--json").stdout)
        assert again["confusion"] == scene["confusion"]
    kept = json.loads(run(keep, listed, "--probability", keep / "probability", "--json").stdout)
    assert kept["scores"]["miou"] == values["scores"]["miou"]
    assert kept["scores"]["brier"] == pytest.approx(values["scores"]["brier"])


def test_all_files_at_once(run, listed, three_class_model, tmp_path):
    hard, table, page = tmp_path / "hard.csv", tmp_path / "scores.csv", tmp_path / "report.html"
    result = run(
        "--data", listed, "--model", three_class_model, "--baseline-csv", listed, "--by", "group", "--worst", 1, "-o", hard,
        "--csv", table, "--html", page, "--time", "--resamples", 10, "--area",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for text in (
        "km² compared",
        "Worst miou",
        "scene1",
        "place0",
        "all ice",
        "threshold (band",
        "Mpx/s",
        "95 % interval",
    ):
        assert text in result.stdout
    assert next(csv.DictReader(hard.read_text().splitlines()))["image"] == str(listed.parent / "scene1.tif")
    assert [r["scene"] for r in csv.DictReader(table.read_text().splitlines())] == [
        "scene0",
        "scene1",
        "scene2",
        "place0",
        "place1",
        "all",
    ]
    assert "<h1>three on val.csv</h1>" in page.read_text()
    again = run("--data", hard, "--model", three_class_model, "--json")
    assert [s["name"] for s in json.loads(again.stdout)["scenes"]] == ["scene1"]


def test_sources_are_scored_apart(run, listed, three_class_model, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("image,label\nscene1.tif,label1.tif\n")
    values = json.loads(
        run("--data", listed, "--data", other, "--model", three_class_model, "--by", "source", "--json").stdout
    )
    assert list(values["parts"]) == ["val.csv", "other.csv"]
    assert values["parts"]["other.csv"]["miou"] == values["scenes"][3]["scores"]["miou"]


@pytest.mark.parametrize(
    ("bounds", "code"),
    [
        (["--fail-under", "miou=0.3"], 0), (["--fail-under", "miou=0.99"], 3), (["--fail-over", "iiee_km2=1e9"], 0),
        (["--fail-over", "iiee_km2=0"], 3), (["--fail-under", "ece=0"], 3),
        (["--fail-under", "miou=0.3", "--fail-under", "iou:ice=0.999"], 3),
    ],
)  # fmt: skip
def test_a_bound_that_does_not_hold_ends_with_one(run, masks, bounds, code):
    result = run(*masks, *bounds)
    assert result.exit_code == code
    assert ("Failed: " in result.stderr) == bool(code)
    assert "mIoU" in result.stdout


def test_masks_of_0_and_255_are_read_as_such(run, write_scene, ids):
    truth, said = ids
    plain = run(write_scene(said[None], "a.tif"), write_scene(truth[None], "b.tif"), "--json")
    bright = run(write_scene(said[None] * 255, "c.tif"), write_scene(truth[None] * 255, "d.tif"), "--json")
    assert json.loads(plain.stdout)["scores"] == json.loads(bright.stdout)["scores"]


def test_classes_values_and_what_is_ice_can_be_said(run, write_scene, ids):
    truth, said = ids
    mask, label = write_scene(said[None] + 3, "a.tif"), write_scene(truth[None] * 100 + 100, "b.tif")
    options = [
        "--predicted-values",
        "3:2,4:0",
        "--values",
        "100:2,200:0",
        "--classes",
        "pack,cloud,sea",
        "--ice",
        "pack",
    ]
    values = json.loads(run(mask, label, *options, "--json").stdout)
    plain = json.loads(run(write_scene(said[None], "c.tif"), write_scene(truth[None], "d.tif"), "--json").stdout)
    assert values["ice"] == "pack"
    for name in ("iiee_km2", "mhd_km", "object_f1", "sic_mae@5km", "oa"):
        assert values["scores"][name] == pytest.approx(plain["scores"][name], nan_ok=True)


def test_a_mask_of_predict_brings_its_class_names(run, masks, ids):
    with rasterio.open(masks[0], "r+") as dataset:
        dataset.update_tags(CLASS_0="ice", CLASS_1="lead", ICE_CLASS="0")
    values = json.loads(run(*masks, "--json").stdout)
    assert (values["classes"], values["ice"]) == (["ice", "lead"], "ice")


def test_a_probability_beside_a_mask(run, masks, ids, write_scene):
    per_cent = np.where(ids[1] == 1, 90, 20).astype(np.uint8)[None]
    values = json.loads(run(*masks, "--probability", write_scene(per_cent, "p.tif", nodata=255), "--json").stdout)
    y = ids[0] == 1
    assert values["scores"]["brier"] == pytest.approx(((per_cent[0] / 100 - y) ** 2).mean(), rel=1e-5)
    assert "Probability of ice" in run(*masks, "--probability", masks[0].parent / "p.tif").stdout


def test_distances_and_cells_can_be_chosen(run, masks):
    values = json.loads(run(*masks, "--boundary", "1px", "--boundary", "600m", "--cells", "1,2.5", "--json").stdout)
    assert {"boundary_f@1px", "boundary_iou:ice@600m", "sic_rmse@2.5km", "d_iiee_km@1km"} <= set(values["scores"])
    assert not any("@5km" in name for name in values["scores"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "give either PREDICTED"),
        (["{said}", "{truth}", "--data", "{list}"], "give either PREDICTED"),
        (["{said}", "{truth}", "--keep", "x"], "--keep is about a model"),
        (["{said}", "{truth}", "--calibrate"], "--calibrate is about a model"),
        (["{said}", "{truth}", "-o", "hard.csv"], "say how many with --worst"),
        (["{said}", "{truth}", "--csv", "{said}"], "exists already; add --overwrite"),
        (["{said}", "{truth}", "--html", "none/x.html"], "there is no folder"),
        (["{said}", "{truth}", "--boundary", "3"], "'3' is no distance"),
        (["{said}", "{truth}", "--cells", "0,5,10"], "is no size of a cell"),
        (["{said}", "{truth}", "--ice", "snow"], "there is no class 'snow'"),
        (["{said}", "{truth}", "--rank", "beauty"], "there is no score 'beauty'"),
        (["{said}", "{truth}", "--fail-under", "beauty=1"], "there is no score 'beauty'"),
        (["{said}", "{truth}", "--baseline-csv", "{list}"], "needs the images themselves"),
        (["{list}", "--classes", "water,ice"], "said to be"),
        (["--data", "{list}", "--model", "none"], "'none'"),
        (["--data", "{list}", "--model", "{model}", "--classes", "water,ice"], "names 2 classes, there are 3"),
        (["--data", "{unlabelled}", "--model", "{model}"], "has no label to compare with"),
    ],
)
def test_what_does_not_go_is_one_line_and_exit_code_1(run, masks, listed, three_class_model, tmp_path, arguments, text):
    unlabelled = tmp_path / "unlabelled.csv"
    unlabelled.write_text("image\nscene0.tif\n")
    names = {"said": masks[0], "truth": masks[1], "list": listed, "model": three_class_model, "unlabelled": unlabelled}
    if text == "said to be":
        text = "scene0.tif"
    result = run(*(a.format(**names) for a in arguments))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert text in result.stderr


def test_a_bound_that_is_none_is_a_usage_error(run, masks):
    result = run(*masks, "--fail-under", "miou")
    assert result.exit_code == 2
    assert "is not a score and a value" in result.stderr


def test_files_are_refused_before_anything_is_run_and_replaced_if_told(run, masks, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("old")
    assert run(*masks, "--csv", table).exit_code == 1
    assert table.read_text() == "old"
    assert run(*masks, "--csv", table, "--overwrite").exit_code == 0
    assert table.read_text().startswith("scene,")


def test_calibration_writes_the_temperature_and_tells_it(run, listed, tmp_path, monkeypatch):
    from seaice_cli.evaluation import temperature
    from tests.models import pixel_model

    model = pixel_model(tmp_path / "mine", classes=3)
    written = []
    # what writing does to a network is tested with a real one beside the function itself
    monkeypatch.setattr(temperature, "temper_model", lambda *given: written.append(given))
    result = run("--data", listed, "--model", model, "--calibrate")
    assert result.exit_code == 0, result.output
    assert written[0][:2] == (str(model), model)
    assert f"Temperature 1.000 -> {written[0][2]:.3f}" in result.stdout
    values = json.loads(run("--data", listed, "--model", model, "--calibrate", "--json").stdout)
    assert values["temperature"]["after"] == written[1][2]


def test_the_names_of_scores_in_the_documentation_exist():
    from tests.conftest import ROOT

    text = (ROOT / "docs" / "evaluation.md").read_text()
    criteria = Criteria(classes=("water", "ice", "cloud"), hidden=(2,))
    known = set(scores(Measures.empty(criteria), criteria)) | set(FloeAccumulator.empty(1).scores(incomplete=False))
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = [name.strip().strip("`") for row in rows for name in row.split(",")]
    assert len(named) > 30
    assert not [name for name in named if name not in known]
    assert not [name for name in known if _plain(name) not in {_plain(n) for n in named}]


def _plain(name):
    """Return a score's name without the class, distance or size."""
    return name.split("@")[0].split(":")[0]
