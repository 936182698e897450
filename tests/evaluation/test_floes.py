import json

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.errors import DataError, OptionError
from seaice_cli.evaluation.criteria import Pair
from seaice_cli.evaluation.floes import FloeCriteria, evaluate_floes
from seaice_cli.vectorization.options import VectorOptions
from seaice_cli.vectorization.pipeline import vectorize
from tests.vectorization.masks import ICE_TAGS, POLAR, write_mask
from tests.vectorization.splitting.scenes import draw_floes


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Floes in brash: what is true, as ids and as polygons, and what a mask and its landscape give."""
    folder = tmp_path_factory.mktemp("floes")
    brightness, true = draw_floes((200, 240), 40, seed=8)
    brightness = np.clip(brightness, 0, 255).astype(np.uint8)
    ids = write_mask(folder / "ids.tif", true.astype(np.uint16))
    mask = write_mask(folder / "mask.tif", (brightness > 85).astype(np.uint8), nodata=255, tags=ICE_TAGS)
    scene = write_mask(folder / "scene.tif", brightness)
    options = VectorOptions(split_floes=True, floe_window=32)
    vectorize(mask, folder / "floes.gpkg", options=options, landscape=scene)
    vectorize(ids, folder / "true.gpkg", options=VectorOptions(attributes="none"))
    return folder


def evaluate(files, predicted, reference, **criteria):
    pair = Pair(predicted=files / predicted, reference=files / reference, name="one")
    return evaluate_floes([pair], FloeCriteria(**criteria)).scores


def test_polygons_ids_and_masks_are_compared(files):
    split = evaluate(files, "floes.gpkg", "ids.tif")
    assert split["recall"] == 1
    assert split["merged"] == 0
    assert evaluate(files, "mask.tif", "ids.tif")["recall"] < 0.1
    assert evaluate(files, "mask.tif", "ids.tif")["merged"] > 0.8
    same = evaluate(files, "true.gpkg", "ids.tif")
    assert same["recall"] == same["precision"] == same["aji"] == 1
    assert evaluate(files, "ids.tif", "true.gpkg") == same


def test_ice_between_floes_and_water_are_no_floes(files):
    """The sheet of brash would be one more object, and its holes none."""
    whole = evaluate(files, "floes.gpkg", "ids.tif", sizes=(5000,))
    assert whole["floes"] == 40
    assert np.isnan(whole["precision:>=5000px"])


def test_small_predicted_objects_can_be_left_out(files):
    few, many = (evaluate(files, "floes.gpkg", "ids.tif", smallest=n)["precision"] for n in (30, 1))
    assert few > many


def test_several_scenes_are_pooled(files):
    pairs = [Pair(predicted=files / p, reference=files / "ids.tif", name=p) for p in ("floes.gpkg", "mask.tif")]
    found = evaluate_floes(pairs)
    assert found.scores["floes"] == 80
    assert found.scores["recall"] == pytest.approx(np.mean([s["recall"] for s in found.by_scene.values()]))


def test_what_does_not_fit_is_refused(files, tmp_path):
    write_mask(tmp_path / "other.tif", np.ones((10, 10), np.uint16))
    write_mask(tmp_path / "shifted.tif", np.ones((200, 240), np.uint16), transform=POLAR @ Affine.translation(3, 0))
    write_mask(tmp_path / "negative.tif", np.full((200, 240), -1, np.int16))
    write_mask(tmp_path / "image.tif", np.ones((3, 200, 240), np.uint8))
    write_mask(tmp_path / "float.tif", np.ones((200, 240), np.float32))
    for name, text in {
        "other.tif": "240 x 200", "shifted.tif": "lies elsewhere", "negative.tif": "negative", "image.tif": "no raster of ids",
        "float.tif": "no raster of ids", "none.tif": "cannot be opened", "none.gpkg": "none.gpkg",
    }.items():  # fmt: skip
        with pytest.raises(DataError, match=text):
            evaluate(files, "ids.tif", tmp_path / name)
    with pytest.raises(OptionError, match="one of the two must be a raster"):
        evaluate(files, "floes.gpkg", "true.gpkg")
    with pytest.raises(OptionError, match="`sizes`"):
        FloeCriteria(sizes=(300, 100))
    with pytest.raises(DataError, match="nothing to evaluate"):
        evaluate_floes([])


def test_polygons_without_attributes_all_count(files, tmp_path):
    with rasterio.open(files / "ids.tif") as source:
        left, bottom, right, top = source.bounds
    path = tmp_path / "all.geojson"
    box = shapely.box(left, bottom, right, top)
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(box)}
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3413"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}))
    assert evaluate(files, path, "ids.tif")["merged"] == 1


def call(*arguments):
    return CliRunner().invoke(cli, ["eval", *map(str, arguments)])


def test_the_command_tells_scores_by_size(files, tmp_path):
    result = call(files / "floes.gpkg", files / "ids.tif", "--objects", "--sizes", "200", "--csv", tmp_path / "s.csv")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[2].split()[:2] == ["all", "40"]
    assert "PQ" in result.stdout
    assert (tmp_path / "s.csv").read_text().startswith("scene,floes,recall")
    told = json.loads(call(files / "floes.gpkg", files / "ids.tif", "--objects", "--incomplete", "--json").stdout)
    assert told["scores"]["recall"] == 1
    assert told["scores"]["precision"] is None
    assert "precision" not in call(files / "floes.gpkg", files / "ids.tif", "--objects", "--incomplete").stdout


def test_bounds_and_faults_have_their_exit_codes(files, tmp_path):
    pair = files / "mask.tif", files / "ids.tif"
    assert call(*pair, "--objects", "--fail-under", "recall=0.5").exit_code == 3
    assert call(*pair, "--objects", "--fail-over", "merged=1").exit_code == 0
    for arguments, text in (
        ([*pair, "--objects", "--fail-under", "miou=0.5"], "no score 'miou'"),
        ([*pair, "--objects", "--html", tmp_path / "a.html"], "--html: does not go with --objects"),
        ([*pair, "--objects", "--sizes", "300,100"], "--sizes 300,100"),
        ([*pair, "--incomplete"], "--incomplete: is for --objects only"),
        (["--objects"], "give PREDICTED and REFERENCE"),
    ):
        result = call(*arguments)
        assert result.exit_code == 1, result.output
        assert result.stderr.count("\n") == 1
        assert text in result.stderr
