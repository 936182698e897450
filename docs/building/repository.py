"""The repository seen from the site: which of its files are pages, and where links between them lead."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

import help_texts

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PROJECT = ("ARCHITECTURE", "BENCHMARKS", "CHANGELOG", "CODE_OF_CONDUCT", "CONTRIBUTING", "SECURITY")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\]\([^)]*\))*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def outside_pages() -> dict[str, Path]:
    """Return the pages whose text lies outside of docs/: their place in the site, and their file."""
    cards = {f"models/{card.parent.name}.md": card for card in sorted((ROOT / "models").glob("*/README.md"))}
    cards |= {
        f"models/{card.parent.parent.name}-labels.md": card
        for card in sorted((ROOT / "models").glob("*/labels/README.md"))
    }
    project = {f"project/{name.lower()}.md": ROOT / f"{name}.md" for name in PROJECT}
    return cards | {page: path for page, path in project.items() if path.exists()}


def all_pages() -> list[str]:
    """Return all pages of the site, those of commands in the order of `seaice --help`."""
    own = [path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md"))]
    commands = help_texts.command_pages()
    return [*(page for page in own if page not in commands), *commands, *outside_pages()]


def with_links(markdown: str, page: str, home: str | None) -> str:
    """Let the links of a page, which hold in the repository, hold in the site.

    What is no page is linked to the repository's home if it has one, else its name stays as text.
    """
    places = {_relative(path): name for name, path in outside_pages().items()}
    source = {name: path for path, name in places.items()}.get(page, f"docs/{page}")

    def moved(link: re.Match[str]) -> str:
        picture, text, target, anchor = link[1], link[2], link[3], link[4] or ""
        if ":" in target or target.startswith("/"):
            return link[0]
        text = LINK.sub(moved, text) if "](" in text else text
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        to = places.get(path) or _in_docs(path)
        if to is not None:
            return f"{picture}[{text}]({posixpath.relpath(to, posixpath.dirname(page) or '.')}{anchor})"
        return f"[{text}]({home.rstrip('/')}/blob/main/{path}{anchor})" if home else text

    return LINK.sub(moved, markdown)


def model_table() -> str:
    """Return the shipped models as a table, from their specifications."""
    lines = ["| model | reads | pixel | classes | for |", "|---|---|---|---|---|"]
    for file in sorted((ROOT / "models").glob("*/model.json")):
        spec = json.loads(file.read_text(encoding="utf-8"))
        classes = ", ".join(one["name"] for one in spec["classes"])
        size = f"{spec['resolution']:g} m" if spec.get("resolution") else "any"
        reads = f"{', '.join(spec['bands'])} ({spec['dtype']})"
        lines.append(
            f"| [`{spec['name']}`](models/{spec['name']}.md) | {reads} | {size} | {classes} | {spec.get('description', '')} |"
        )
    return "\n".join(lines).replace("(models/", "(../models/").replace(".md)", "/README.md)")


def _in_docs(path: str) -> str | None:
    """Return the place in the site of a path of the repository, None if it has none."""
    if path in {"README.md", "docs"}:
        return "index.md"
    if path == "models":
        return "choosing.md"
    inside = path.removeprefix("docs/")
    return inside if inside != path and ((DOCS / inside).is_file() or inside in help_texts.command_pages()) else None


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
