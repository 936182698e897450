"""Models, areas and masks that are broken or made for harm."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import struct

import numpy as np
import pytest

from seaice_cli.network.spec import ONNX_FILE, SPEC_FILE, WEIGHTS_FILE
from tests.faults.conftest import contents, speckle, write_scene
from tests.faults.corpus import flipped, header_flipped, mutants
from tests.faults.test_hostile import survey

STRANGE = (
    None,
    True,
    -1,
    0,
    1e400,
    float("nan"),
    10**400,
    2**70,
    "",
    "x" * 20_000,
    [],
    [[]],
    {},
    {"a": 1},
    [None],
    ["\0"],
    [1] * 1001,
    "../..",
)


def copied(work, folder, number):
    target = folder / f"{number:03d}"
    shutil.copytree(work.model, target)
    return target


def strange_specs(work, folder):
    """Yield model directories, each with one strange value, key or text in its specification."""
    plain = json.loads((work.model / SPEC_FILE).read_text())
    texts = [json.dumps({**plain, key: value}) for key in plain for value in STRANGE]
    texts += [json.dumps({k: v for k, v in plain.items() if k != key}) for key in plain]
    texts += [
        "",
        "[]",
        "null",
        "{",
        "[" * 100_000,
        "1" * 5000,
        '{"schema": 1' + "0" * 5000 + "}",
        json.dumps({**plain, "surprise": 1}),
    ]
    texts += [json.dumps({**plain, "mean": [1e300] * 3}), json.dumps({**plain, "valid_range": [-1e308, 1e308]})]
    texts += [json.dumps({**plain, "mean": [300.0] * 3}), json.dumps({**plain, "std": [1e-300] * 3})]
    texts += [
        json.dumps(
            {**plain, "classes": [{"name": "a\0<b>&\n\u202e", "color": [0, 0, 0]}, {"name": "ice", "color": [1, 1, 1]}]}
        )
    ]
    for number, text in enumerate(texts):
        path = copied(work, folder, number)
        (path / SPEC_FILE).write_text(text)
        yield path
    path = copied(work, folder, 999)
    (path / SPEC_FILE).write_bytes(b"\xff\xfe" * 100)
    yield path


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_strange_specifications_are_refused_or_used(work, tmp_path, every):
    folder = tmp_path / "models"
    folder.mkdir()
    paths = list(strange_specs(work, folder))[::every]
    before = contents(folder)
    fine, refused, wrong = survey(
        work.forkserver, "models", paths, tmp_path, scene=str(work.scene), out=str(tmp_path / "out")
    )
    assert not wrong, "\n\n".join(wrong)
    assert refused > 250 // every
    assert fine + refused == len(paths)
    assert contents(folder) == before


def broken_graphs(work, folder, number):
    """Yield model directories with a broken graph whose digest is right, so that only the graph itself can be found wrong."""
    rng = random.Random(5)
    graph = (work.model / ONNX_FILE).read_bytes()
    for index in range(number):
        path = copied(work, folder, index)
        content = rng.choice((flipped, header_flipped, lambda c, r: c[: r.randrange(len(c))]))(graph, rng)
        (path / ONNX_FILE).write_bytes(content)
        spec = json.loads((path / SPEC_FILE).read_text())
        (path / SPEC_FILE).write_text(json.dumps({**spec, "sha256": {ONNX_FILE: hashlib.sha256(content).hexdigest()}}))
        yield path


@pytest.mark.parametrize("number", [30, pytest.param(150, marks=pytest.mark.slow)])
def test_broken_graphs_are_refused_or_run(work, tmp_path, number):
    folder = tmp_path / "models"
    folder.mkdir()
    paths = list(broken_graphs(work, folder, number))
    _, refused, wrong = survey(
        work.forkserver, "models", paths, tmp_path, scene=str(work.scene), out=str(tmp_path / "out")
    )
    assert not wrong, "\n\n".join(wrong)
    assert refused > number // 4


def test_a_changed_file_of_a_model_is_refused_by_its_digest(work, tmp_path):
    path = copied(work, tmp_path, 0)
    with (path / ONNX_FILE).open("r+b") as file:
        file.seek(100)
        file.write(b"\0")
    outcome = work.forkserver.seaice("predict", work.scene, "-o", tmp_path / "mask.tif", "--model", path)
    assert outcome.code == 1
    assert "damaged or changed" in outcome.err


def test_missing_files_of_a_model_are_named(work, tmp_path):
    for number, name in enumerate((ONNX_FILE, SPEC_FILE)):
        path = copied(work, tmp_path, number)
        (path / name).unlink()
        outcome = work.forkserver.seaice("predict", work.scene, "-o", tmp_path / "mask.tif", "--model", path)
        assert outcome.code == 1
        assert name in outcome.err
        assert len(outcome.errors) == 1


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """Sound vector files in several formats."""
    import pyogrio
    import pyproj
    import shapely

    folder = tmp_path_factory.mktemp("vectors")
    squares = shapely.to_wkb([shapely.box(-1e6 + 9e3 * i, 4e5, -1e6 + 9e3 * i + 7e3, 4.8e5) for i in range(6)])
    for name, driver in (
        ("a.gpkg", "GPKG"),
        ("b.geojson", "GeoJSON"),
        ("c.fgb", "FlatGeobuf"),
        ("d.shp", "ESRI Shapefile"),
        ("e.gml", "GML"),
    ):
        pyogrio.raw.write(
            folder / name, squares, [], [], geometry_type="Polygon", crs=pyproj.CRS(3413).to_wkt(), driver=driver
        )
    return [p for p in sorted(folder.iterdir()) if p.suffix in (".gpkg", ".geojson", ".fgb", ".shp", ".gml")]


@pytest.mark.parametrize("number", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_broken_vector_files_are_refused_or_laid_over(work, vectors, tmp_path, number):
    folder = tmp_path / "areas"
    folder.mkdir()
    paths = []
    for index, (suffix, content) in enumerate(mutants(vectors, number, seed=9)):
        paths.append(folder / f"{index:03d}{suffix}")
        paths[-1].write_bytes(content)
        for part in (".shx", ".dbf", ".prj"):
            if suffix == ".shp":
                shutil.copy(vectors[0].with_name(f"d{part}"), paths[-1].with_suffix(part))
    before = contents(folder)
    _, refused, wrong = survey(
        work.forkserver,
        "areas",
        paths,
        tmp_path,
        scene=str(work.scene),
        model=str(work.model),
        out=str(tmp_path / "out"),
    )
    assert not wrong, "\n\n".join(wrong)
    assert refused > number // 5
    after = contents(folder)
    assert {n for n in before | after if before.get(n) != after.get(n)} == set(), "a file beside the areas was touched"


@pytest.mark.parametrize("use", ["label", "reference", "floes"])
@pytest.mark.parametrize("number", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_broken_polygons_are_refused_or_read(work, tmp_path, use, number):
    from seaice_cli.vectorization.pipeline import VectorOptions, vectorize

    pixels = np.kron(np.random.default_rng(1).integers(0, 2, (9, 9), np.uint8), np.ones((10, 10), np.uint8))[None]
    mask = write_scene(tmp_path / "mask.tif", pixels)
    sound = [tmp_path / f"sound{suffix}" for suffix in (".gpkg", ".geojson", ".fgb", ".parquet", ".shp")]
    for target in sound:
        vectorize(mask, target, options=VectorOptions(attributes="floe", classes=(1,)))
    folder = tmp_path / "polygons"
    folder.mkdir()
    paths = []
    for index, (suffix, content) in enumerate(mutants(sound, number, seed=13)):
        paths.append(folder / f"{index:03d}{suffix}")
        paths[-1].write_bytes(content)
        for part in (".shx", ".dbf", ".prj") if suffix == ".shp" else ():
            shutil.copy(sound[-1].with_suffix(part), paths[-1].with_suffix(part))
    before = contents(folder)
    fine, refused, wrong = survey(work.forkserver, "polygons", paths, tmp_path, scene=str(mask), use=use)
    assert not wrong, "\n\n".join(wrong)
    assert min(fine, refused) > number // 10
    assert contents(folder) == before


@pytest.mark.parametrize("number", [25, pytest.param(120, marks=pytest.mark.slow)])
def test_broken_masks_are_refused_or_become_polygons(work, tmp_path, number):
    out = tmp_path / "sound"
    out.mkdir()
    scene = write_scene(tmp_path / "scene.tif", speckle(140, 150))
    assert work.forkserver.seaice("predict", scene, "-o", out / "mask.tif", "--model", work.model).code == 0
    folder = tmp_path / "masks"
    folder.mkdir()
    paths = []
    for index, (suffix, content) in enumerate(mutants([out / "mask.tif"], number, seed=11)):
        paths.append(folder / f"{index:03d}{suffix}")
        paths[-1].write_bytes(content)
    before = contents(folder)
    _, refused, wrong = survey(
        work.forkserver, "masks", paths, tmp_path, sound=str(out / "mask.tif"), out=str(tmp_path / "out")
    )
    assert not wrong, "\n\n".join(wrong)
    assert refused > number // 6
    assert contents(folder) == before


def safetensors_of(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


HOSTILE_WEIGHTS = {
    "empty": b"", "short": b"\1", "endless header": struct.pack("<Q", 2**63) + b"{}", "no json": struct.pack("<Q", 4) + b"{{{{",
    "huge tensor": safetensors_of({"a": {"dtype": "F32", "shape": [2**31, 2**31], "data_offsets": [0, 2**64 - 4]}}),
    "beyond the end": safetensors_of({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 8),
    "overlapping": safetensors_of({n: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for n in "ab"}, b"\0" * 8),
    "strange type": safetensors_of({"a": {"dtype": "OBJ", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4),
    "negative": safetensors_of({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"\0" * 4),
    "other names": safetensors_of({"../../x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_WEIGHTS)
def test_hostile_weights_are_refused(work, tmp_path, monkeypatch, name):
    import torch

    from seaice_cli.errors import ModelError
    from seaice_cli.network import build
    from seaice_cli.network.catalog import Model
    from seaice_cli.network.spec import read_spec

    (tmp_path / WEIGHTS_FILE).write_bytes(HOSTILE_WEIGHTS[name])
    monkeypatch.setattr(build, "build_network", lambda _: torch.nn.Linear(1, 1))
    with pytest.raises(ModelError, match=WEIGHTS_FILE):
        build.load_network(Model(tmp_path, read_spec(work.model)))
