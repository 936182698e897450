import base64
import csv
import dataclasses
import io
import json
import math
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rasterio.io import MemoryFile

from seaice_cli.data.samples import read_samples
from seaice_cli.evaluation.criteria import Criteria, Pair
from seaice_cli.evaluation.metrics.calibration import CalibrationAccumulator
from seaice_cli.evaluation.pipeline import evaluate
from seaice_cli.evaluation.report import html, pictures, svg, tables

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # pictures have no place

THREE = Criteria(classes=("water", "ice", "cloud"), hidden=(2,), cells=(1.0,))


@pytest.fixture
def evaluation(write_scene):
    rng = np.random.default_rng(8)
    pairs = []
    for i in range(3):
        truth = np.kron(rng.integers(0, 3, (1, 6, 8)), np.ones((1, 8, 8), int)).astype(np.uint8)
        said = np.where(rng.random(truth.shape) < 0.1 * (i + 1), 1, truth).astype(np.uint8)
        said[0, :2] = 255
        probability = np.where(said == 1, 80, 10).astype(np.uint8)
        image = rng.integers(0, 255, (3, 48, 64)).astype(np.uint8)
        pairs.append(
            Pair(
                predicted=write_scene(said, f"said{i}.tif", nodata=255), reference=write_scene(truth, f"truth{i}.tif"),
                name=f"scene <{i}> & more", group=f"g{i}", source="list.csv", image=write_scene(image, f"image{i}.tif"),
                probability=write_scene(probability, f"p{i}.tif", nodata=255), seconds=0.25 * (i + 1),
            )
        )  # fmt: skip
    found = evaluate(pairs, THREE, by=lambda pair: pair.source, resamples=20)
    return dataclasses.replace(
        found, baselines={"all ice": {n: 0.5 for n in found.scores if n.startswith(("ice", "clear"))}}
    )


def test_numbers_have_the_digits_that_make_sense():
    assert [tables.number(v) for v in (0.12345, -0.5, 12.3456, 123.456, 12_345.6, math.nan)] == [
        "0.123", "-0.500", "12.346", "123.5", "12,346", "-",
    ]  # fmt: skip


def test_the_text_tells_every_part(evaluation):
    text = tables.to_text(evaluation, timed=True)
    for title in (
        "3 scenes", "of the reference without a prediction", "All classes", "By class", "Confusion", "Ice against everything else",
        "Boundaries", "Ice edge", "Concentration", "Probability of ice", "Objects with an IoU above 0.5", "By part", "Time",
    ):  # fmt: skip
        assert title in text
    assert re.search(rf"mIoU +{evaluation.scores['miou']:.3f} ", text)
    assert re.search(r"all ice +0\.500 ", text)
    assert re.search(r"all +1\.50 ", text)
    assert "Time" not in tables.to_text(evaluation)


def test_what_was_not_measured_is_not_told(write_scene):
    plain = {"crs": None}
    pair = Pair(
        predicted=write_scene(np.eye(8, dtype=np.uint8)[None], "a.tif", **plain),
        reference=write_scene(np.ones((1, 8, 8), np.uint8), "b.tif", **plain), name="s",
    )  # fmt: skip
    text = tables.to_text(evaluate([pair]))
    assert "1 scene, 64 pixels compared" in text
    for title in ("Ice edge", "Concentration", "Probability of ice", "By part"):
        assert title not in text


def test_json_holds_all_numbers_and_null_for_what_is_not_defined(evaluation):
    values = json.loads(tables.to_json(evaluation))
    assert values["scores"]["miou"] == evaluation.scores["miou"]
    assert values["classes"] == ["water", "ice", "cloud"]
    assert np.array(values["confusion"]).sum() == evaluation.measures.confusion.total
    assert values["intervals"]["miou"] == list(evaluation.intervals["miou"])
    assert [s["name"] for s in values["scenes"]] == [s.pair.name for s in evaluation.scenes]
    assert any(v is None for v in values["scores"].values()) or any(
        v is None for row in values["reliability"] for v in row
    )
    assert "NaN" not in tables.to_json(evaluation)


def test_csv_has_a_line_for_every_scene_part_and_all(evaluation):
    text = tables.to_csv(evaluation)
    assert "nan" not in text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert "" in rows[0].values()
    assert [r["scene"] for r in rows] == [*(s.pair.name for s in evaluation.scenes), "list.csv", "all"]
    assert float(rows[-1]["iou:ice"]) == pytest.approx(evaluation.scores["iou:ice"])
    assert float(rows[0]["seconds"]) == 0.25
    assert set(evaluation.scores) < set(rows[0])


def test_hard_scenes_become_a_list_that_training_reads(evaluation, tmp_path):
    path = tmp_path / "elsewhere" / "hard.csv"
    path.parent.mkdir()
    path.write_text(tables.hard_csv(evaluation.worst(2)))
    samples = read_samples(path)
    worst = evaluation.worst(2)
    assert [(s.image, s.label, s.group) for s in samples] == [
        (w.pair.image, w.pair.reference, w.pair.group) for w in worst
    ]


def test_the_page_needs_nothing_from_elsewhere(evaluation):
    page = html.to_html(evaluation, title="Mine & <yours>", timed=True)
    assert "<title>Mine &amp; &lt;yours&gt;</title>" in page
    assert "scene &lt;1&gt; &amp; more" in page
    assert "<script" not in page
    sources = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')>]+)', page)
    assert sources
    assert all(s.startswith("data:image/png;base64,") for s in sources)
    assert len(sources) == 4 * 3


def test_the_pictures_of_a_page_are_pictures(evaluation):
    page = html.to_html(evaluation, title="t", worst=1)
    encoded = re.findall(r"base64,([^\"]+)", page)
    assert len(encoded) == 4
    for one in encoded:
        with MemoryFile(base64.b64decode(one)) as memory, memory.open() as dataset:
            assert (dataset.driver, dataset.count, dataset.shape) == ("PNG", 3, (48, 64))


def test_errors_are_painted_by_their_kind():
    truth = np.array([[1, 1, 0, 0, 2, 255, 1]])
    said = np.array([[1, 0, 1, 2, 2, 1, 255]])
    shown = pictures.error_map(truth, said, THREE)
    kinds = ["right", "ice missed", "ice invented", "other", "right"]
    assert [tuple(c) for c in shown[0, :5].tolist()] == [pictures.ERRORS[k] for k in kinds]
    assert [tuple(c) for c in shown[0, 5:].tolist()] == [pictures.UNKNOWN] * 2


def test_large_scenes_are_thinned_and_shown_without_an_image(write_scene):
    truth = np.zeros((1, 500, 1300), np.uint8)
    truth[:, :, 650:] = 1
    pair = Pair(predicted=write_scene(truth, "m.tif"), reference=write_scene(truth, "t.tif"), name="s")
    shown = pictures.panels(pair, Criteria())
    assert [p.title for p in shown] == ["reference", "prediction", "errors"]
    with MemoryFile(shown[0].png) as memory, memory.open() as dataset:
        assert dataset.shape == (125, 325)
        left, right = dataset.read()[:, 60, 10], dataset.read()[:, 60, -10]
    assert tuple(left) == pictures.BY_NAME["water"]
    assert tuple(right) == pictures.BY_NAME["ice"]


def test_a_mask_is_shown_in_its_own_colours(write_scene):
    import rasterio

    path = write_scene(np.zeros((1, 4, 4), np.uint8))
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (1, 2, 3, 255), 1: (4, 5, 6, 255), 2: (7, 8, 9, 255)})
    pair = Pair(predicted=path, reference=path, name="s")
    assert pictures.class_colors(pair, THREE) == [(1, 2, 3), (4, 5, 6), (7, 8, 9)]


def test_charts_are_well_formed_and_stay_inside_their_frame():
    drawn = svg.bars(
        [("a <b> & a very long name of a scene that goes on", 1.2, 0.9, 1.3), ("n", math.nan, math.nan, math.nan)],
        label="x & y",
    )
    sums = CalibrationAccumulator.of(np.linspace(0, 1, 50), np.linspace(0, 1, 50) > 0.4)
    for chart in (drawn, svg.reliability(sums)):
        root = ET.fromstring(chart)
        width, height = float(root.get("width")), float(root.get("height"))
        for element in root.iter():
            for name, limit in (
                ("x", width),
                ("x1", width),
                ("x2", width),
                ("cx", width),
                ("y1", height),
                ("cy", height),
            ):
                if element.get(name):
                    assert 0 <= float(element.get(name)) <= limit
    assert "not defined" in drawn
    assert len(ET.fromstring(svg.reliability(sums)).findall("circle")) == 15
