"""The templates of the report (templates/), rendered by Jinja."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(name: str, **values: Any) -> Markup:
    """Return a template filled in; texts among the values are escaped, `Markup` is not."""
    return Markup(_environment().get_template(name).render(**values))  # noqa: S704 - what Jinja has escaped


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("seaice_cli.evaluation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"base64": _base64, "px": _pixels, "shares": _shares}
    return environment


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _pixels(length: float) -> str:
    return f"{length:.1f}"


def _shares(row: Sequence[str]) -> list[tuple[str, float]]:
    """Return the counts of a row of a confusion matrix, each with its share of the row."""
    counts = [float(cell.replace(",", "")) for cell in row[1:]]
    return [(cell, count / max(sum(counts), 1)) for cell, count in zip(row[1:], counts, strict=True)]
