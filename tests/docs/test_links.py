"""Links of all pages lead somewhere, anchors too, without asking the internet; and words are spelled right."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "models/**/*.md", ".github/*.md", "examples/**/*.md")
    for page in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*?)(?: \{ #([\w-]+) \})?$", re.MULTILINE)


def anchors_of(text):
    """Return the anchors of a page, as GitHub and MkDocs make them of its headings."""
    found = set()
    for title, given in HEADING.findall(
        CODE.sub(lambda code: code[0] if code[0].startswith("`") and "\n" not in code[0] else "", text)
    ):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", title)
        found.add(given or re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain.lower())).strip("-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(page):
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if ":" in target:
            assert target.startswith(("https://", "mailto:")), target
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), target
        assert place.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors_of(place.read_text()), target


def test_words_are_spelled_right():
    if importlib.util.find_spec("codespell_lib") is None:
        pytest.skip("the extra docs is not installed")
    command = [sys.executable, "-m", "codespell_lib", "--toml", "pyproject.toml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
