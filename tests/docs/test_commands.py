"""Every command on a page of the documentation runs as it stands there, page by page, in a folder with what the pages speak of."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from tests.conftest import ROOT
from tests.docs.commands import PAGES, commands_of, make_world, targets_of, words_of

ELSEWHERE = {
    "docs/data.md": "tests/cli/test_data.py", "docs/fetch.md": "tests/fetching (against servers on loopback)",
    "docs/stac.md": "tests/stac", "docs/commands/stac.md": "tests/stac",
    "docs/cluster.md": "tests/cluster (against a cluster and a server on loopback)",
}  # fmt: skip
"""Pages whose commands other tests run."""
NOT_RUN = {
    "fetch": "needs a server; tests/fetching runs it against some on loopback",
}
"""Commands that cannot be run here, and why."""
PAGES_WITH_COMMANDS = [p for p in PAGES if commands_of(p) and p.relative_to(ROOT).as_posix() not in ELSEWHERE]
DRAWN = {"labels.gpkg"}
"""What a person would have drawn into the layer that `seaice data template` made."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Trainings that were run already, by their words: pages share them."""
    return tmp_path_factory.mktemp("runs"), {}


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda p: p.relative_to(ROOT).with_suffix("").as_posix())
def test_the_commands_of_a_page_run_in_their_order(page, world, runs, tmp_path, monkeypatch):
    """Teaching a shipped model is only planned here: its graph takes torch more than a minute to export."""
    _run_page(page, world, runs, tmp_path / "here", monkeypatch, teach=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES if any("--init-from" in line for line in commands_of(p))], ids=lambda p: p.stem
)
def test_the_commands_of_pages_that_teach_a_model_run(page, world, runs, tmp_path, monkeypatch):
    _run_page(page, world, runs, tmp_path / "here", monkeypatch, teach=True)


def _run_page(page, world, runs, folder, monkeypatch, *, teach):
    shutil.copytree(world, folder)
    monkeypatch.chdir(folder)
    written: set[str] = set()
    for command in dict.fromkeys(commands_of(page)):  # shown twice, run once
        words = words_of(command)
        if words[0] in NOT_RUN:
            continue
        for target in targets_of(words) - written:
            _remove(folder / target)
        written |= targets_of(words)
        if "--init-from" in words and not teach:
            _run([*words, "--show"], command)
            shutil.copytree(world / "models" / "mine", Path(words[words.index("-o") + 1]) / "model")
        elif words[0] == "train":
            _train(words, command, runs)
        else:
            _run(words, command)
        for target in targets_of(words) if "--dry-run" not in words else ():
            assert (folder / target).exists(), command
            if target in DRAWN:
                shutil.copy(world / target, folder / target)


def test_pages_that_are_left_out_are_run_by_other_tests():
    for page, place in ELSEWHERE.items():
        tests = ROOT / place.split(" ")[0]
        assert (ROOT / page).exists(), page
        assert tests.is_file() or list(tests.rglob("test_*.py")), place


def _run(words, command):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = CliRunner().invoke(cli, words, prog_name="seaice")
    assert found.exit_code == 0, f"{command}\n{found.output}"


def _train(words, command, runs):
    """Train for two steps, in a process of its own for what torch leaves in one; the same command only once."""
    kept, done = runs
    target = Path(words[words.index("-o") + 1])
    if tuple(words) not in done:
        short = [*words, "--steps", "2", "--schedule", "cosine"]
        ended = subprocess.run(
            [sys.executable, "-m", "seaice_cli", *short], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
        done[tuple(words)] = shutil.copytree(target, kept / str(len(done)))
    elif not target.exists():
        shutil.copytree(done[tuple(words)], target)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
