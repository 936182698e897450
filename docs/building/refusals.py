"""The texts with which the package refuses, as they stand in its code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parents[2] / "seaice_cli"
ROOT_ERROR = "SeaIceError"


class Refusal(NamedTuple):
    """A text that is raised."""

    where: str
    """The module, such as raster/reading/opening."""
    error: str
    """The class of the error."""
    text: str
    """With a word in angle brackets for whatever is filled in."""


def section(prefixes: str) -> str:
    """Return a table of what some parts of the package refuse, given as `raster/reading, raster/windows`."""
    wanted = tuple(prefix.strip() for prefix in prefixes.split(","))
    rows = sorted({(one.text, one.error) for one in refusals() if one.where.startswith(wanted)})
    assert rows, prefixes  # noqa: S101 - the page names a part that is not there
    lines = [f"| {text.replace('|', '&#124;').replace('<', '&lt;')} | `{error}` |" for text, error in rows]
    return "\n".join(["| text | error |", "|---|---|", *lines])


@cache
def refusals() -> tuple[Refusal, ...]:
    """Return all texts that the package raises as an error of a user."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    family = _family(list(trees.values()))
    return tuple(one for path, tree in trees.items() for one in _raised(path, tree, family))


def _family(trees: list[ast.Module]) -> set[str]:
    """Return the names of the errors that descend from the root."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    family = {ROOT_ERROR}
    while more := {c.name for c in classes if family & {ast.unparse(b) for b in c.bases}} - family:
        family |= more
    return family


def _raised(path: Path, tree: ast.Module, family: set[str]) -> Iterator[Refusal]:
    where = path.relative_to(PACKAGE).with_suffix("").as_posix()
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in family and node.args
        ):
            continue
        text = _text(node.args[0])
        if re.search(r"[a-z]{3} ", re.sub(r"<[^>]*>", "", text)):  # a text of its own, not only what another said
            yield Refusal(where, node.func.id, text)


def _text(node: ast.expr) -> str:
    """Return a text with the names of its parts in angle brackets."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            f"<{_name(part.value)}>" if isinstance(part, ast.FormattedValue) else _text(part) for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return f"<{_name(node)}>"


def _name(node: ast.expr) -> str:
    """Return the last name of an expression, as a word for what stands there."""
    names = re.findall(r"[A-Za-z_]{2,}", re.sub(r"'[^']*'|\"[^\"]*\"", "", ast.unparse(node)))
    return names[-1].lower().lstrip("_").replace("_", " ") if names else "value"
