"""Start-up stays light: help in a blink, prediction on a CPU without torch."""

import resource
import subprocess
import sys

import numpy as np
import pytest

HEAVY = ("torch", "rasterio", "numpy", "openvino", "fiona", "shapely", "numba", "pyarrow", "tqdm")


def seaice(*arguments):
    return subprocess.run([sys.executable, "-m", "seaice_cli", *arguments], capture_output=True, text=True, check=False)


def test_help_imports_nothing_heavy():
    code = f"import sys; from seaice_cli.cli import main; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_takes_less_than_a_blink():
    def processor_seconds(*arguments):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # Processor time, and the best of several: the machine may be busy, the promise is about the program. And it may be slow: what
    # click alone takes there is the measure then.
    own = min(processor_seconds("-m", "seaice_cli", "--help") for _ in range(5))
    least = min(processor_seconds("-c", "import click") for _ in range(5))
    assert own < max(0.15, 3 * least)


def test_predicting_on_a_cpu_never_imports_torch(tmp_path, write_scene, two_class_model):
    scene = write_scene(np.full((3, 64, 64), 200, np.uint8))
    vector, preview = tmp_path / "i.gpkg", tmp_path / "p.png"
    arguments = [
        "predict",
        scene,
        "-o",
        tmp_path / "m.tif",
        "--model",
        two_class_model,
        "--vector",
        vector,
        "--preview",
        preview,
    ]
    code = (
        "import sys; from seaice_cli.cli.main import cli\n"
        f"cli({[*map(str, arguments), '--device', 'cpu']!r}, standalone_mode=False)\n"
        "print([m for m in ('torch', 'torchvision', 'segmentation_models_pytorch', 'timm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


@pytest.mark.parametrize("command", [[], ["predict"]])
def test_every_command_has_help(command):
    done = seaice(*command, "--help")
    assert done.returncode == 0
    assert "Usage: seaice" in done.stdout
