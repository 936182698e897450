"""Many scenes at once, and how much is told."""

import csv
import json

import pytest
from click.testing import CliRunner

from seaice_cli.cli.main import cli


def seaice(*arguments):
    return CliRunner().invoke(cli, list(map(str, arguments)))


@pytest.fixture
def scenes(tmp_path, write_scene, noise, monkeypatch):
    """A folder of two scenes, one of them in a folder below."""
    (tmp_path / "scenes" / "day").mkdir(parents=True)
    write_scene(noise(40, 50), "scenes/a.tif")
    write_scene(noise(40, 50), "scenes/day/b.tif")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "scenes"


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.suffix in (".tif", ".gpkg", ".png"))


def test_what_is_made_beside_masks_goes_into_folders_or_gets_their_names(scenes, tmp_path, two_class_model):
    result = seaice(
        "predict", scenes, "-o", "masks/", "--recursive", "--vector", ".gpkg", "--preview", "previews/", "--probability", "_p.tif",
        "--model", two_class_model,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert names(tmp_path / "masks") == ["a.gpkg", "a.tif", "a_p.tif", "day/b.gpkg", "day/b.tif", "day/b_p.tif"]
    assert names(tmp_path / "previews") == ["a.png", "day/b.png"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["--vector", "ice.gpkg"],
            "--vector ice.gpkg: names one file for several scenes; give a folder, as in ice.gpkg/",
        ),
        (
            ["--probability", ".tif"],
            "--probability .tif: is the mask itself; give a folder, or an ending such as _probability.tif",
        ),
    ],
)
def test_one_file_for_several_scenes_is_refused(scenes, two_class_model, arguments, text):
    result = seaice("predict", scenes, "-o", "masks", "--model", two_class_model, *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert text in result.stderr


def test_a_folder_that_ends_in_a_slash_is_made_for_one_scene_too(scenes, tmp_path, two_class_model):
    result = seaice("predict", scenes / "a.tif", "-o", "new/", "--vector", "polygons/", "--model", two_class_model)
    assert result.exit_code == 0, result.output
    assert names(tmp_path / "new") == ["a.tif"]
    assert names(tmp_path / "polygons") == ["a.gpkg"]


def test_a_table_tells_what_became_of_every_scene(scenes, tmp_path, two_class_model):
    (scenes / "broken.tif").write_text("no raster")
    command = ["predict", scenes, "-o", "masks", "--recursive", "--model", two_class_model, "--summary", "table.csv"]
    assert seaice(*command).exit_code == 1
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert [r["status"] for r in rows] == ["done", "failed", "done"]
    assert float(rows[0]["share_water"]) + float(rows[0]["share_ice"]) == pytest.approx(1)
    assert float(rows[0]["seconds"]) > 0
    assert "broken.tif: not a raster" in rows[1]["error"]
    kept = (tmp_path / "table.csv").read_text()
    again = seaice(*command, "--skip-existing")
    assert "table.csv: exists already" in again.stderr
    assert (tmp_path / "table.csv").read_text() == kept
    again = seaice(*command[:-1], "-", "--skip-existing")
    assert [r["status"] for r in csv.DictReader(again.stdout.splitlines())] == ["skipped", "failed", "skipped"]
    assert seaice(*command[:-1], "-", "--json").exit_code == 2


def test_a_scene_without_one_of_its_files_is_not_skipped(scenes, two_class_model):
    command = ["predict", scenes / "a.tif", "-o", "a_mask.tif", "--model", two_class_model, "--skip-existing"]
    assert "skipped" not in seaice(*command).stdout
    assert "a.tif: skipped, a_mask.tif is there" in seaice(*command).stdout
    assert "a_mask.tif: exists already" in seaice(*command, "--preview", "a.png").stderr


def test_a_cluster_is_not_asked_for_scenes_that_are_finished(scenes, two_class_model):
    command = ["predict", scenes / "a.tif", "-o", "a_mask.tif", "--model", two_class_model, "--skip-existing"]
    seaice(*command)
    again = seaice(*command, "--cluster", "tcp://127.0.0.1:9", "--json")
    assert again.exit_code == 0
    assert "skipped" in again.stdout


@pytest.mark.parametrize("before", [True, False])
def test_quiet_leaves_errors_and_json(scenes, two_class_model, before):
    def quiet(*arguments):
        return seaice("-q", *arguments) if before else seaice(*arguments, "-q")

    command = ["predict", scenes / "a.tif", "--model", two_class_model]
    silent = quiet(*command, "-o", "1.tif")
    assert (silent.exit_code, silent.stdout, silent.stderr) == (0, "", "")
    told = quiet(*command, "-o", "2.tif", "--json")
    assert json.loads(told.stdout)["warnings"] == []
    assert told.stderr == ""
    failed = quiet(*command, "-o", "2.tif")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert "exists already" in failed.stderr
    assert quiet("vectorize", "1.tif", "1.gpkg").output == ""


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["models", "list"], 0, "modis-truecolor"),
        (["models", "show"], 0, "sha256"),
        (["models", "show", "--card"], 0, "# "),
        (["models", "show", "--stac"], 0, '"stac_version"'),
        (["train", "--show", "--preset", "fast"], 0, "loss = "),
        (["data", "check", "missing.csv"], 1, "missing.csv"),
        (["predict", "nope.tif", "-o", "m.tif", "--dry-run"], 1, "Refused: nope.tif"),
        (["predict", "{scenes}/a.tif", "-o", "m.tif", "--dry-run", "--model", "{model}"], 0, "windows  1"),
        (["predict", "{scenes}/a.tif", "-o", "m.tif", "--summary", "-", "--model", "{model}"], 0, "a.tif,m.tif,done"),
    ],
)
def test_quiet_leaves_what_was_asked_for(scenes, two_class_model, arguments, code, text):
    words = [a.format(scenes=scenes, model=two_class_model) for a in arguments]
    loud, quiet = seaice(*words), seaice(*words, "--overwrite", "-q") if "--summary" in words else seaice(*words, "-q")
    assert quiet.exit_code == code, quiet.output
    assert text in quiet.output
    if "--summary" not in words:
        assert all(line in loud.output for line in quiet.output.splitlines())


def test_a_refused_plan_leaves_json_alone_on_the_standard_output(scenes, two_class_model):
    done = seaice(
        "predict", scenes / "a.tif", "-o", "m.tif", "--bands", "1,2", "--dry-run", "--json", "--model", two_class_model
    )
    assert done.exit_code == 1
    assert len(json.loads(done.stdout)["refusals"]) == 1
    assert "Refused: " in done.stderr


def test_whatever_ends_a_scene_the_others_are_made_and_told(scenes, tmp_path, two_class_model, monkeypatch):
    from seaice_cli.prediction import batch

    start = batch.start

    def fail(scene, *arguments, **named):
        if scene.endswith("a.tif"):
            raise RuntimeError("no such thing\nand more")
        return start(scene, *arguments, **named)

    monkeypatch.setattr(batch, "start", fail)
    command = ["predict", scenes, "-o", "masks", "--recursive", "--model", two_class_model]
    done = seaice(*command, "--summary", "table.csv")
    text = f"{scenes}/a.tif: unforeseen RuntimeError: no such thing; please report this, with what `seaice -vv` prints"
    assert (done.exit_code, done.stderr) == (1, f"Error: {text}\n")
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert [(r["status"], r["error"]) for r in rows] == [("failed", text), ("done", "")]
    one = seaice("predict", scenes / "a.tif", "-o", "a.tif", "--model", two_class_model, "--summary", "one.csv")
    assert one.stderr == f"Error: {text}\n"
    assert "Traceback" in seaice(*command, "--overwrite", "-vv").stderr


def test_errors_in_a_table_name_flags(scenes, tmp_path, two_class_model):
    (tmp_path / "m.tif").touch()
    done = seaice("predict", scenes / "a.tif", "-o", "m.tif", "--summary", "-", "--model", two_class_model)
    assert "m.tif: exists already; add --overwrite" in done.stdout


@pytest.fixture
def mapped(monkeypatch):
    """Scenes that a cluster was asked for; it makes none of them."""
    from seaice_cli.cluster import pipeline
    from seaice_cli.prediction.batch import Result

    asked = []

    def fail(items, *_):
        asked.extend(item.scene for item in items)
        return [Result(item.scene, error="was given up", workers=("tcp://1", "tcp://2")) for item in items]

    monkeypatch.setattr(pipeline, "_map", fail)
    return asked


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_results_of_a_cluster_are_in_the_order_of_the_scenes(scenes, tmp_path, two_class_model, mapped):
    command = ["predict", scenes, "-o", "masks", "--recursive", "--model", two_class_model, "--skip-existing"]
    seaice("predict", scenes / "day" / "b.tif", "-o", "masks/day/", "--model", two_class_model)
    (scenes / "day" / "c.tif").write_bytes((scenes / "a.tif").read_bytes())
    done = seaice(*command, "--cluster", "tcp://127.0.0.1:9", "--json")
    assert [one.get("skipped", False) for one in json.loads(done.stdout)] == [False, True, False]
    assert mapped == [str(scenes / "a.tif"), str(scenes / "day" / "c.tif")]
    rows = rows_of(tmp_path / "masks" / "summary.csv")
    assert [r["status"] for r in rows] == ["failed", "skipped", "failed"]
    assert [r["workers"] for r in rows] == ["tcp://1 tcp://2", "", "tcp://1 tcp://2"]


def test_the_table_of_a_cluster_is_checked_before_the_work(scenes, tmp_path, two_class_model, mapped):
    command = [
        "predict",
        scenes,
        "-o",
        "masks",
        "--recursive",
        "--model",
        two_class_model,
        "--cluster",
        "tcp://127.0.0.1:9",
    ]
    own = tmp_path / "masks" / "summary.csv"
    own.parent.mkdir()
    own.write_text("my own table\n")
    refused = seaice(*command)
    assert "masks/summary.csv: exists already; add --overwrite" in refused.stderr
    assert (own.read_text(), mapped) == ("my own table\n", [])
    elsewhere = seaice(*command, "--summary", "table.csv")
    assert elsewhere.stderr.splitlines() == ["Error: was given up"] * 2
    assert (own.read_text(), len(rows_of(tmp_path / "table.csv"))) == ("my own table\n", 2)
    assert seaice(*command, "--overwrite").exit_code == 1
    assert len(rows_of(own)) == 2
    # The table of a run that is taken up is replaced, one that tells of other scenes is not.
    assert "exists already" not in seaice(*command).stderr
    (scenes / "a.tif").rename(scenes / "c.tif")
    assert "exists already" not in seaice(*command).stderr  # nothing was made of a.tif
    own.write_text(own.read_text().replace("failed", "done").replace("c.tif", "d.tif"))
    assert "masks/summary.csv: exists already" in seaice(*command).stderr


def test_a_table_that_is_named_as_that_of_a_cluster_is_written_once(scenes, tmp_path, two_class_model, mapped):
    (tmp_path / "masks").mkdir()
    done = seaice(
        "predict", scenes, "-o", "masks", "--recursive", "--model", two_class_model, "--cluster", "tcp://127.0.0.1:9", "--summary",
        "masks/summary.csv",
    )  # fmt: skip
    assert done.stderr.splitlines() == ["Error: was given up"] * 2
    assert len(rows_of(tmp_path / "masks" / "summary.csv")) == 2


def test_loud_tells_model_engine_and_windows_and_why(scenes, two_class_model):
    result = seaice("predict", scenes / "a.tif", "-o", "1.tif", "--model", two_class_model, "--device", "cpu", "-v")
    for text in ("model ", "engine openvino on cpu", "as asked for", "windows of", "bands 1, 2, 3 of uint8"):
        assert text in result.stderr, text
    assert "Traceback" in seaice("predict", "nope.tif", "-o", "m.tif", "-vv").stderr


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_warnings_are_part_of_json(scenes, two_class_model, write_scene, noise, tmp_path):
    from rasterio import Affine

    write_scene(noise(40, 50), "bare.tif", crs=None, transform=Affine.identity())
    seaice("predict", "bare.tif", "-o", "m.tif", "--model", two_class_model)
    told = json.loads(seaice("vectorize", "m.tif", "m.gpkg", "--json").stdout)
    assert told["warnings"] == ["m.gpkg: its mask has no coordinate reference system; polygons are in pixels"]
    again = seaice("predict", "bare.tif", "-o", "n.tif", "--vector", "n.gpkg", "--model", two_class_model, "--json")
    assert json.loads(again.stdout)["warnings"] == [
        "n.gpkg: its mask has no coordinate reference system; polygons are in pixels"
    ]
