"""The Python of the README runs as it stands there; tests/docs/test_commands.py runs its commands."""

import re
import shutil
import sys

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with what the README speaks of: a scene, a folder of scenes, labelled scenes."""
    from seaice_cli.synthetic import SceneRecipe, write_scene

    folder = tmp_path_factory.mktemp("readme")
    (folder / "scenes").mkdir()
    for name, seed in (("train", 5), ("val", 6)):
        write_scene(
            folder / f"{name}.tif", SceneRecipe(seed=seed, height=256, width=256), truth=folder / f"{name}_label.tif"
        )
        (folder / f"{name}.csv").write_text(f"image,label\n{name}.tif,{name}_label.tif\n")
    shutil.copy(folder / "train.tif", folder / "scene.tif")
    for name in ("a", "b"):
        shutil.copy(folder / "val.tif", folder / "scenes" / f"{name}.tif")
    return folder


def test_the_readmes_python_runs(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    for snippet in SNIPPETS:
        exec(compile(snippet, "README.md", "exec"), {"__name__": "readme"})
    assert "'ice'" in capsys.readouterr().out


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_makefile_has_what_the_readme_names():
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in ("demo", "test", "lint"))
    assert sys.version_info >= (3, 11)
