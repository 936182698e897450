"""What `seaice doctor` finds, and what it makes of what is broken."""

import builtins
import json

import pytest
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.diagnosis import machine, report, software


def test_a_sound_installation_can_predict_and_says_all_as_json():
    done = CliRunner().invoke(cli, ["doctor", "--json"])
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["ok"]
    assert {"rasterio", "openvino", "numba", "seaice", "python"} <= told["versions"].keys()
    assert {"COG", "GTiff"} <= set(told["gdal"]["drivers"])
    assert told["gdal"]["projects"] is True
    assert told["engine"]["auto"] in ("openvino", "torch")
    assert next(m for m in told["models"] if m["name"] == "modis-truecolor")["fault"] == ""
    assert {"kernels", "graphs"} == told["caches"].keys()
    assert told["machine"]["threads"] >= 1


def test_without_json_it_is_a_table():
    done = CliRunner().invoke(cli, ["doctor"])
    assert done.exit_code == 0
    assert "prediction can work here" in done.stdout.splitlines()[-1]
    assert any(line.startswith("processor ") for line in done.stdout.splitlines())


def _errors(found):
    return [f for f in found.findings if f.level == "error"]


def test_a_library_that_cannot_be_imported_is_told_and_ends_nothing(monkeypatch):
    plain = builtins.__import__

    def broken(name, *rest):
        if name.split(".")[0] == "openvino":
            raise ImportError("libopenvino.so: cannot open shared object file")
        return plain(name, *rest)

    def refuse(name, *rest):
        if name == "openvino":
            raise ImportError("libopenvino.so: cannot open shared object file")
        return original(name, *rest)

    original = software.importlib.import_module
    monkeypatch.setattr(software.importlib, "import_module", refuse)
    monkeypatch.setattr(builtins, "__import__", broken)
    found = report.diagnose()
    assert not found.ok
    assert any("openvino cannot be imported (libopenvino.so" in f.text for f in _errors(found))
    assert any("--force-reinstall openvino" in f.remedy for f in _errors(found))
    assert found.gdal["gdal"]


@pytest.mark.parametrize(
    ("gdal", "text"),
    [({"projects": False}, "PROJ computes no"), ({"drivers_missing": ["COG"]}, "lacks the drivers COG")],
)
def test_gdal_without_what_is_needed_is_an_error(monkeypatch, gdal, text):
    monkeypatch.setattr(report, "describe_gdal", lambda: software.describe_gdal() | gdal)
    found = report.diagnose()
    assert [text in f.text for f in _errors(found)] == [True]


def test_a_damaged_model_is_an_error(monkeypatch):
    monkeypatch.setattr(
        report, "describe_models", lambda: [{"name": "m", "directory": "d", "fault": "d/network.onnx: damaged"}]
    )
    found = report.diagnose()
    assert [f.text for f in _errors(found)] == ["d/network.onnx: damaged"]


def test_what_only_some_tasks_need_is_a_note(monkeypatch):
    monkeypatch.setattr(report, "missing_modules", lambda extra: ["torch"] if extra in ("gpu", "train") else [])
    monkeypatch.setattr(report, "describe_gpus", lambda: ["NVIDIA H100"])
    found = report.diagnose()
    assert found.ok
    notes = {f.text: f.remedy for f in found.findings}
    assert notes["there is a GPU (NVIDIA H100) that is not used"] == "pip install 'seaice[gpu]'"
    assert notes["training and exporting models: torch not installed"] == "pip install 'seaice[train]'"


@pytest.mark.parametrize(
    ("text", "name", "flags"),
    [
        (
            "model name\t: Xeon\nflags\t\t: avx2 avx512f amx_tile\n\nmodel name\t: Other\nflags : sse\n",
            "Xeon",
            {"avx2", "avx512f", "amx_tile"},
        ),
        ("Features\t: asimd fp\n", "", {"asimd", "fp"}),
        ("nothing of the kind", "", None),
    ],
)
def test_the_processors_flags_are_read(tmp_path, text, name, flags):
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    assert machine.read_cpu_info(path) == (name, None if flags is None else frozenset(flags))
    assert machine.read_cpu_info(tmp_path / "missing") == ("", None)
