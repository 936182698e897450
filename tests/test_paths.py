"""No file that the project ships, or writes to be passed on, tells where it was made: no path of any machine is in it."""

from __future__ import annotations

import gzip
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.network.build import build_network
from seaice_cli.network.catalog import find_model, shipped
from seaice_cli.network.export import onnx_bytes
from seaice_cli.network.spec import read_spec
from tests.models import pixel_model

ROOT = Path(__file__).parents[1]
MACHINE = re.compile(
    rb"(?:/home/|/root/|/Users/|/work/|/tmp/|/opt/|/usr/|/mnt/|[A-Z]:\\\\)[\w.-]+|site-packages|Traceback|File \""
)
PLACE = {"transform": Affine(250, 0, -1e6, 0, -250, 5e5), "crs": "EPSG:3413"}


def told(path):
    """Return what a file says of a machine."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            content = b"".join(archive.read(name) for name in archive.namelist())
    return sorted(set(MACHINE.findall(content)))


@pytest.mark.parametrize(
    "path", sorted(p for p in (ROOT / "models").rglob("*") if p.is_file()), ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_shipped_files(path):
    if path.suffix == ".safetensors":  # numbers may look like anything; the header is text
        length = int.from_bytes(path.read_bytes()[:8], "little")
        assert not MACHINE.findall(path.read_bytes()[8 : 8 + length])
    else:
        assert not told(path)


QUICK = "tir-melt-pond"
"""torch takes seconds to export its graph, and half a minute for those with padding that depends on sizes."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n == QUICK else pytest.mark.slow) for n in shipped()])
def test_an_exported_graph_is_the_same_bytes_every_time_and_has_no_notes(name):
    import onnx

    spec = read_spec(find_model(name).directory)
    network = build_network(spec)
    first = onnx_bytes(spec, network)
    assert first == onnx_bytes(spec, network)
    assert not MACHINE.findall(first)
    graph = onnx.load_from_string(first).graph
    assert not graph.doc_string
    assert not any(node.doc_string or node.metadata_props for node in graph.node)


@pytest.mark.parametrize("kind", ["out.onnx", "out.xml"])
def test_models_in_other_forms(tmp_path, kind):
    done = CliRunner().invoke(
        cli, ["models", "export", str(pixel_model(tmp_path / "model")), "-o", str(tmp_path / kind)]
    )
    assert done.exit_code == 0, done.output
    for path in tmp_path.glob("out.*"):
        assert path.suffix in (".bin", ".safetensors") or not told(path)


@pytest.fixture
def work(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    profile = {"driver": "GTiff", "height": 150, "width": 170, "dtype": "uint8"} | PLACE
    for k in range(2):
        with rasterio.open(tmp_path / f"s{k}.tif", "w", count=3, **profile) as file:
            file.write(rng.integers(0, 255, (3, 150, 170), dtype=np.uint8))
        with rasterio.open(tmp_path / f"l{k}.tif", "w", count=1, **profile) as file:
            file.write(rng.integers(0, 2, (1, 150, 170), dtype=np.uint8))
    (tmp_path / "list.csv").write_text("image,label\ns0.tif,l0.tif\ns1.tif,l1.tif\n")
    pixel_model(tmp_path / "model", tile=64, overlap=16)
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMANDS = {
    "predict": "predict s0.tif -o m.tif --model model --vector v.gpkg --probability p.tif --preview x.png",
    "geojson": "predict s0.tif -o m.tif --model model --vector v.geojson",
    "eval": "eval --data list.csv --model model --classes water,ice --html report.html --csv scores.csv",
    "stats": "data stats list.csv --classes water,ice -o stats.json",
    "tile": "data tile list.csv -o tiles --size 64 --classes water,ice",
    "list": "data split list.csv -o lists --ratio 1:1",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_commands_write(work, command):
    before = set(work.rglob("*"))
    done = CliRunner().invoke(cli, COMMANDS[command].split())
    assert done.exit_code == 0, done.output
    written = [p for p in work.rglob("*") if p.is_file() and p not in before]
    assert written
    assert {p.name: told(p) for p in written} == {p.name: [] for p in written}
