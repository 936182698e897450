"""The examples run as they are shown, and the container's build context holds what its Dockerfile copies."""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(script, *arguments):
    command = [sys.executable, script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda p: p.name)
def test_an_example_is_short_and_says_what_it_shows(script):
    text = script.read_text()
    assert len(text.splitlines()) < 80
    assert text.startswith('"""')
    assert run(script, "--help").returncode == 0


def test_make_scene_writes_a_scene_and_its_truth(tmp_path):
    scene, truth = tmp_path / "new" / "scene.tif", tmp_path / "truth.tif"
    result = run(ROOT / "examples/make_scene.py", scene, "--height", 300, "--width", 500, "--seed", 4, "--truth", truth)
    assert result.returncode == 0, result.stderr
    with rasterio.open(scene) as pixels, rasterio.open(truth) as classes:
        assert pixels.shape == classes.shape == (300, 500)
        assert pixels.crs.to_epsg() == 3413
        assert set(np.unique(classes.read(1))) <= {0, 1, 2, 255}
        assert np.array_equal(pixels.dataset_mask() == 0, classes.read(1) == 255)


def test_make_scene_says_in_one_line_what_is_wrong(tmp_path):
    for arguments in ((tmp_path / "s.tif", "--height", 0), (tmp_path / "a.tif", "--clouds", 2)):
        result = run(ROOT / "examples/make_scene.py", *arguments)
        assert result.returncode == 1
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr.splitlines()) == 1
    (tmp_path / "file").touch()
    result = run(ROOT / "examples/make_scene.py", tmp_path / "file" / "scene.tif", "--height", 9, "--width", 9)
    assert result.returncode == 1
    assert str(tmp_path / "file" / "scene.tif") in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_the_build_context_holds_what_the_dockerfile_copies():
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    paths = [path for line in copied for path in line.split()]
    assert paths
    for path in paths:
        assert (ROOT / path).exists(), path
        last = [rule for rule in rules if fnmatch.fnmatch(path, rule.removeprefix("!"))][-1]
        assert last == f"!{path}"


def test_the_dockerfile_installs_what_the_wheel_is_made_of():
    packed = re.search(r'packages = \["(\w+)"\]', (ROOT / "pyproject.toml").read_text())
    assert packed is not None
    text = (ROOT / "Dockerfile").read_text()
    assert f"COPY {packed[1]} " in text
    assert "COPY models models" in text
    assert 'ENTRYPOINT ["seaice"]' in text
