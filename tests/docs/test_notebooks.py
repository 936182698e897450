"""The notebooks run from beginning to end, and lie in the repository without what they printed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

nbformat = pytest.importorskip("nbformat", reason="the extra docs is not installed")

NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
RUN = """
import sys, nbformat, nbclient
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=sys.argv[2])
print(sum(len(cell.get("outputs", ())) for cell in notebook.cells))
"""
SLOW = {"2_teach_your_own_scenes": pytest.mark.slow}
"""Training takes torch half a minute to begin and to end."""


@pytest.mark.parametrize(
    "notebook", [pytest.param(path, marks=SLOW.get(path.stem, ()), id=path.stem) for path in NOTEBOOKS]
)
def test_a_notebook_runs(notebook, tmp_path):
    if importlib.util.find_spec("nbclient") is None or importlib.util.find_spec("ipykernel") is None:
        pytest.skip("the extra docs is not installed")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "TMPDIR": str(tmp_path),
    }
    command = [sys.executable, "-c", RUN, str(notebook), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 2


def test_there_are_three():
    assert len(NOTEBOOKS) == 3


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stripped_of_its_outputs(notebook):
    content = nbformat.read(notebook, as_version=4)
    nbformat.validate(content)
    for cell in content.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert content.cells[0].source.startswith("# ")
    assert set(content.metadata) == {"kernelspec", "language_info"}
