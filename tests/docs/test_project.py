"""The files round the code agree with it and with each other: versions, dependencies, workflows, the container, the release."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

import seaice_cli
from tests.conftest import ROOT

VERSION = seaice_cli.__version__
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _recipe():
    text = (ROOT / "recipe" / "meta.yaml").read_text()
    version = re.search(r'set version = "([^"]+)"', text)[1]
    text = re.sub(r"\{%.*?%\}", "", text)
    return version, yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", text))


def test_the_version_is_the_same_everywhere():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "seaice_cli/__init__.py"
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == VERSION
    assert _recipe()[0] == VERSION
    assert f"ARG VERSION={VERSION}\n" in (ROOT / "Dockerfile").read_text()
    first = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert first in {VERSION, "Unreleased"}


def test_the_release_notes_are_the_section_of_the_version():
    from release_notes import release_notes

    assert release_notes(VERSION).startswith("### ")
    assert "\n## " not in release_notes(VERSION)
    with pytest.raises(SystemExit, match=r"no section \[99\]"):
        release_notes("99")


def test_the_citation_has_what_its_format_asks_for():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["license"] == PROJECT["project"]["license"]
    assert re.search(rf"\[{re.escape(VERSION)}\] - {cited['date-released']}", (ROOT / "CHANGELOG.md").read_text())


def test_the_recipe_needs_what_the_package_needs():
    wanted = {(r.name, str(r.specifier)) for r in map(Requirement, PROJECT["project"]["dependencies"])}
    run = {tuple(line.split()) for line in _recipe()[1]["requirements"]["run"]}
    assert run == wanted | {("python", PROJECT["project"]["requires-python"])}
    assert _recipe()[1]["build"]["entry_points"] == [f"seaice = {PROJECT['project']['scripts']['seaice']}"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_nothing_but_the_makefile(workflow):
    text = workflow.read_text()
    yaml.safe_load(text)
    lines = re.findall(r"run: (.*)", text)
    assert lines
    for line in lines:
        found = re.fullmatch(r"make ([a-z-]+) PYTHON=python", line)
        assert found, line
        assert found[1] in TARGETS


def test_the_tests_run_on_every_python_that_is_promised():
    matrix = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]["test"]["strategy"]["matrix"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert matrix["python"] == promised


def test_every_target_is_phony_and_every_one_named_exists():
    phony = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())
    assert phony == TARGETS
    for page in ("README.md", "CONTRIBUTING.md", "docs/faults.md"):
        for line in re.findall(r"`make ([^`]+)`", (ROOT / page).read_text()):
            assert set(line.split()) <= TARGETS, (page, line)


def test_compose_is_the_container_of_the_dockerfile():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert services["seaice"]["network_mode"] == services["gpu"]["network_mode"] == "none"
    assert services["gpu"]["build"]["args"] == {"VARIANT": "cuda"}
    assert "cuda)" in (ROOT / "Dockerfile").read_text()


def test_templates_are_forms_that_can_be_read():
    forms = [*(ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")]
    assert len(forms) >= 2
    for form in forms:
        content = yaml.safe_load(form.read_text())
        if form.name != "config.yml":
            assert {"name", "description", "body"} <= set(content)
            assert all({"type", "attributes"} <= set(field) for field in content["body"])


def test_types_are_told_of():
    assert (ROOT / "seaice_cli" / "py.typed").exists()


def test_nothing_of_the_project_names_a_home_that_it_has_not():
    """Until there is one, an address in these files would be invented."""
    for name in (
        "CITATION.cff",
        "SECURITY.md",
        "CODE_OF_CONDUCT.md",
        "recipe/meta.yaml",
        "mkdocs.yml",
        "pyproject.toml",
    ):
        assert not re.search(r"https?://|[\w.]+@[\w.]+\.\w+", (ROOT / name).read_text()), name
