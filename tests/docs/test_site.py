"""The site builds without a warning and without the internet, shows every command and model, and quotes what the code says."""

from __future__ import annotations

import html
import re

import pytest

from seaice_cli.cli.main import cli
from seaice_cli.network.catalog import shipped
from tests.conftest import ROOT

PICTURES = sorted((ROOT / "docs").rglob("*.png"))
QUOTES = [
    (quote, part.strip())
    for line in re.findall(r"^### (.*\".*)$", (ROOT / "docs" / "refusals.md").read_text(), re.MULTILINE)
    for quote in re.findall(r'"([^"]+)"', line)
    for part in quote.split("...")
    if part.strip()
]


def test_nothing_on_a_page_comes_from_another_place(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loaded = re.findall(
            r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)", page.read_text()
        )
        assert not loaded, page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", sheet.read_text()), sheet


def test_every_command_and_model_has_a_page(site):
    for name, command in cli.commands.items():
        text = html.unescape((site / "commands" / f"{name}.html").read_text())
        assert f"Usage: seaice {name}" in text
        for sub in getattr(command, "commands", {}):
            assert f"Usage: seaice {name} {sub}" in text
    for name in shipped():
        assert (site / "models" / f"{name}.html").exists()
        assert f"models/{name}.html" in (site / "choosing.html").read_text()


def test_every_page_is_reached_from_the_navigation(site):
    reached = set(re.findall(r'href="([^"#:]+\.html)"', (site / "index.html").read_text()))
    assert {page.relative_to(site).as_posix() for page in site.rglob("*.html")} - {"404.html"} <= reached | {
        "index.html"
    }


@pytest.mark.parametrize(("quote", "part"), QUOTES)
def test_a_refusal_that_is_explained_is_one_of_the_code(quote, part):
    from refusals import PACKAGE, refusals

    texts = [re.sub(r"`([a-z_]+)`", lambda f: "--" + f[1].replace("_", "-"), one.text) for one in refusals()]
    others = (PACKAGE / "errors.py").read_text()  # what is told of errors that are none of ours
    assert any(part in text for text in texts) or part in others, quote


def test_all_texts_are_listed(site):
    from refusals import refusals

    page = re.sub(r"\s+", " ", html.unescape(re.sub(r"</?[a-z][^>]*>", "", (site / "refusals.html").read_text())))
    for one in refusals():
        beginning = re.sub(r"\s+", " ", re.split(r"[`<|*_\\]", one.text.lstrip("`"))[0]).strip()
        assert beginning in page, one


def test_pictures_are_small():
    assert 5 <= len(PICTURES) < 25
    assert all(picture.stat().st_size < 300_000 for picture in PICTURES)


def test_pictures_are_shown():
    shown = "".join(p.read_text() for p in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    assert [p.name for p in PICTURES if p.name not in shown] == []
