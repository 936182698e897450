"""A cold start loads what it needs; what was left out can be had afterwards."""

import subprocess
import sys

import numpy as np

from tests.faults.conftest import write_scene

CODE = """
import sys
from seaice_cli.cli.shared.lean_imports import UNUSED, load_lean
for library in UNUSED:
    load_lean(library)
import pyarrow, numpy as np
from seaice_cli.vectorization.tracing import counts
pyarrow.array(np.arange(3))
assert not {"geopandas", "pandas", "scipy.linalg"} & set(sys.modules), "loaded after all"
import scipy.linalg
from seaice_cli.vectorization.tracing import counts
import numpy as np, numba
assert numba.njit(lambda a: a.sum())(np.arange(4)) == 6
assert pyogrio_list()
"""


def test_data_frames_are_not_loaded_and_everything_still_works():
    code = CODE.replace("pyogrio_list()", "__import__('pyogrio').list_drivers()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_modules_that_are_there_already_stay():
    run = "from seaice_cli.cli.shared.lean_imports import load_lean; load_lean('numba.np.arraymath')"
    code = f"import scipy.linalg, sys; {run}; assert sys.modules['scipy.linalg']"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_outlines_alone_need_neither_reference_systems_nor_bars(tmp_path):
    mask = write_scene(tmp_path / "mask.tif", np.eye(64, dtype=np.uint8)[None])
    command = ["vectorize", str(mask), str(tmp_path / "ice.gpkg"), "--attributes", "none"]
    code = (
        f"import gc, sys; from seaice_cli.cli.main import cli; cli({command!r}, standalone_mode=False)\n"
        "print({'pyproj', 'fiona', 'tqdm', 'pandas', 'ssl'} & set(sys.modules) or 'lean', gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["lean True"], done.stdout + done.stderr
