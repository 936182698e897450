"""Layers to draw labels in, and the places that are worth drawing next."""

import sqlite3
from xml.etree import ElementTree as ET

import numpy as np
import pyogrio
import pytest
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.data.labels.drawing import suggest, write_template
from seaice_cli.errors import OptionError, OutputError
from seaice_cli.prediction.options import PredictOptions


def test_a_template_is_an_empty_layer_in_the_crs_of_the_scene_whose_classes_are_chosen_from_a_list(
    tmp_path, write_scene, noise
):
    target = tmp_path / "labels.gpkg"
    scene = write_scene(noise(20, 20))
    told = CliRunner().invoke(
        cli, ["data", "template", str(scene), "-o", str(target), "--classes", "water,thin ice,ice"]
    )
    assert told.exit_code == 0, told.output
    about = pyogrio.read_info(target, layer="labels")
    assert (about["features"], about["geometry_type"], about["crs"]) == (0, "Polygon", "EPSG:3413")
    assert "class" in about["fields"]
    with sqlite3.connect(target) as base:
        name, qml, default = base.execute("select f_table_name, styleQML, useAsDefault from layer_styles").fetchone()
    root = ET.fromstring(qml.partition("\n")[2])
    assert (name, default) == ("labels", 1)
    assert [c.get("value") for c in root.iter("category")] == ["water", "thin ice", "ice"]
    widget = root.find("fieldConfiguration/field/editWidget")
    assert widget.get("type") == "ValueMap"
    assert [o.get("value") for o in widget.iter("Option") if o.get("value")] == ["water", "thin ice", "ice"]


def test_a_template_is_a_geopackage_and_replaces_nothing_unasked(tmp_path, write_scene, noise):
    scene = write_scene(noise(20, 20))
    with pytest.raises(OptionError, match=r"\.gpkg"):
        write_template(scene, tmp_path / "labels.shp", ("a", "b"))
    write_template(scene, tmp_path / "labels.gpkg", ("a", "b"))
    with pytest.raises(OutputError, match="`overwrite`"):
        write_template(scene, tmp_path / "labels.gpkg", ("a", "b"))


def test_the_windows_with_most_doubt_come_first(tmp_path, write_scene, two_class_model):
    pixels = np.full((3, 128, 192), 220, np.uint8)
    pixels[:, 64:, 64:128] = 127  # a window of nothing but doubt
    pixels[:, :16, 128:] = 127  # a quarter of one
    target = tmp_path / "next.gpkg"
    options = PredictOptions(model=str(two_class_model), precision="float32")
    places = suggest(write_scene(pixels), target, options=options, side=64)
    assert [(p.window.row_off, p.window.col_off, p.doubt) for p in places] == [(64, 64, 1.0), (0, 128, 0.25)]
    _, _, geometries, fields = pyogrio.raw.read(target, layer="places", columns=["rank", "doubt"])
    assert fields[0].tolist() == [1, 2]
    assert fields[1].tolist() == [1.0, 0.25]
    assert len(geometries) == 2
    assert pyogrio.read_bounds(target, layer="places")[1][:, 0].tolist() == [-984_000, 968_000, -968_000, 984_000]
    assert not list(tmp_path.glob(".*"))


def test_a_sure_model_suggests_nothing(tmp_path, write_scene, two_class_model):
    scene = write_scene(np.full((3, 64, 64), 220, np.uint8))
    arguments = ["data", "suggest", str(scene), "-o", str(tmp_path / "n.gpkg"), "--model", str(two_class_model)]
    told = CliRunner().invoke(cli, arguments)
    assert told.exit_code == 0, told.output
    assert "sure everywhere" in told.stdout
