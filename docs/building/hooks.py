"""What MkDocs is told beside mkdocs.yml: pages of the repository, help texts, refusals, and links between all of them.

    <!-- help: data tile -->                what `seaice data tile --help` prints
    <!-- refusals: raster/reading -->       every text with which that part of the package refuses
    <!-- models -->                         the table of the shipped models, from their model.json

In `nav` a folder's name with a slash at its end stands for all its pages.
"""

from __future__ import annotations

import re
from typing import Any

import help_texts
import refusals
import repository
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

MARK = re.compile(r"<!-- (help|refusals|models):? ?(.*?) -->")
REST = "Further pages"
"""Pages that `nav` does not place stand under this title, so that none is lost."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Write out the folders in `nav`."""
    pages = repository.all_pages()
    nav = [_expanded(entry, pages) for entry in config.nav or []]
    missing = [page for page in pages if page not in _placed(nav)]
    config.nav = nav + ([{REST: missing}] if missing else [])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere in the repository, and those of commands that have none of their own."""
    for page, path in repository.outside_pages().items():
        files.append(File.generated(config, page, content=path.read_text(encoding="utf-8")))
    for page, content in help_texts.pages_without_text().items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Fill in what is made from the code, and let links lead to pages of the site."""
    filled = MARK.sub(lambda mark: _made(mark[1], mark[2]), markdown)
    return repository.with_links(filled, page.file.src_uri, config.repo_url)


def _made(kind: str, what: str) -> str:
    if kind == "help":
        return help_texts.block(what)
    return refusals.section(what) if kind == "refusals" else repository.model_table()


def _expanded(entry: Any, pages: list[str]) -> Any:
    """Return an entry of `nav` with the pages of a folder in the place of the folder."""
    if not isinstance(entry, dict):
        return entry
    title, content = next(iter(entry.items()))
    if isinstance(content, list):
        return {title: [one for part in content for one in _pages_of(part, pages)]}
    return {title: _pages_of(content, pages) if content.endswith("/") else content}


def _pages_of(part: Any, pages: list[str]) -> list[Any]:
    if isinstance(part, str) and part.endswith("/"):
        return [page for page in pages if page.startswith(part)]
    return [part]


def _placed(nav: Any) -> set[str]:
    """Return all pages in a `nav`."""
    if isinstance(nav, str):
        return {nav}
    parts = nav.values() if isinstance(nav, dict) else nav
    return set().union(*map(_placed, parts))
