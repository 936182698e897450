"""What an installation without extras can do: predict, and say in one line which extra a command needs."""

import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from seaice_cli.extras import EXTRAS
from tests.conftest import ROOT

OF_EXTRAS = sorted(
    {module for extra in EXTRAS.values() for module in extra.modules}
    | {"torchvision", "tensorboard", "huggingface_hub"}
)


def _without_extras(*arguments):
    """Run `seaice` where no library of an extra can be imported."""
    code = (
        f"import sys\nfor name in {OF_EXTRAS!r}:\n    sys.modules[name] = None\n"
        f"sys.argv = ['seaice', *{[str(a) for a in arguments]!r}]\nfrom seaice_cli.cli.main import main\nmain()"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_prediction_and_polygons_need_no_extra(tmp_path, write_scene, noise):
    scene = write_scene(noise(64, 96))
    done = _without_extras(
        "predict", scene, "-o", tmp_path / "m.tif", "--vector", tmp_path / "i.gpkg", "--preview", tmp_path / "p.png"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "i.gpkg").exists()
    assert _without_extras("vectorize", tmp_path / "m.tif", tmp_path / "all.fgb").returncode == 0
    assert _without_extras("floes", tmp_path / "i.gpkg").returncode == 0


def test_the_extras_that_commands_name_are_those_of_the_package():
    offered = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(offered) - {"all", "dev", "pretrained", "docs"}


def test_the_doctor_names_what_is_missing_and_the_command_that_mends_it():
    done = _without_extras("doctor")
    assert done.returncode == 0, done.stderr
    for name, extra in EXTRAS.items():
        assert f"pip install 'seaice[{name}]'" in done.stdout
        assert extra.use in done.stdout or name == "gpu"  # a machine with a GPU is told of that


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("train --data x.csv -o run", "train"),
        ("models export modis-truecolor -o m.onnx", "train"),
        ("predict x.tif -o m.tif --engine torch", "gpu"),
        ("predict x.tif -o m.tif --device cuda", "gpu"),
        ("eval --data . --calibrated anew", "train"),
    ],
)
def test_a_command_that_needs_an_extra_says_which_in_one_line(
    tmp_path, write_scene, noise, monkeypatch, command, extra
):
    monkeypatch.chdir(tmp_path)
    write_scene(noise(64, 96), name="x.tif", crs="EPSG:3413")
    done = _without_extras(*command.split())
    assert done.returncode == 1, done.stderr
    assert f"pip install 'seaice[{extra}]'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_gpu_that_cannot_be_used_is_told_of(tmp_path, write_scene, monkeypatch, caplog, two_class_model):
    from seaice_cli.network import engines
    from seaice_cli.network.catalog import find_model

    monkeypatch.setattr(engines, "_GPU_DEVICES", (str(tmp_path),))
    monkeypatch.setattr(engines, "missing_modules", lambda _extra: ["torch"])
    assert engines.open_engine(find_model(two_class_model), (32, 32)).name == "openvino"
    assert "pip install 'seaice[gpu]'" in caplog.text
    caplog.clear()
    engines.open_engine(find_model(two_class_model), (32, 32), device="cpu")
    assert not caplog.text


@pytest.mark.slow
def test_a_wheel_of_the_sdist_predicts_in_an_environment_of_its_own(tmp_path, monkeypatch):
    """Needs the package index: builds with hatchling, and installs what predicts."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = _built(pip, tmp_path)
    assert wheel.stat().st_size < 60e6
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("modis-truecolor/network.onnx") for name in names)
    venv.create(tmp_path / "env", with_pip=True)
    run = tmp_path / "env" / "bin"
    install = [
        run / "pip",
        "--quiet",
        "--disable-pip-version-check",
        "install",
        "--constraint",
        ROOT / "constraints.txt",
        wheel,
    ]
    subprocess.run(install, check=True, capture_output=True)
    monkeypatch.delenv("PYTHONPATH", raising=False)  # or the checkout would be imported
    monkeypatch.chdir(tmp_path)
    missing = subprocess.run([run / "python", "-c", "import torch"], capture_output=True, check=False)
    assert missing.returncode == 1
    scene = tmp_path / "scene.npy"
    np.save(scene, np.random.default_rng(0).integers(0, 256, (3, 64, 64)).astype("uint8"))
    code = f"import numpy, seaice_cli as s; print(s.predict(numpy.load({str(scene)!r})).mask.shape)"
    done = subprocess.run([run / "python", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "(64, 64)" in done.stdout, done.stderr
    trained = subprocess.run(
        [run / "seaice", "train", "--data", "x.csv", "-o", "r"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert trained.returncode == 1
    assert "pip install 'seaice[train]'" in trained.stderr
    assert subprocess.run([run / "seaice", "doctor"], capture_output=True, check=False, cwd=tmp_path).returncode == 0


def _built(pip, folder) -> Path:
    """Return the wheel that is built from the sdist, which holds all that it needs."""
    code = "import sys; from hatchling.build import build_sdist; print(build_sdist(sys.argv[1]))"
    tools = folder / "tools"
    subprocess.run([*pip, "install", "--target", tools, "hatchling"], check=True, capture_output=True)
    made = subprocess.run(
        [sys.executable, "-c", code, folder], cwd=ROOT, env={"PYTHONPATH": str(tools), "PATH": "/usr/bin:/bin"}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    sdist = folder / made.stdout.split()[-1]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, sdist], check=True, capture_output=True)
    return next(folder.glob("*.whl"))
