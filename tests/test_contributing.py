"""The table of CONTRIBUTING.md that says where to change what names files that are there, at most three for each thing."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

TABLE = (ROOT / "CONTRIBUTING.md").read_text().split("## Where do I change")[1]
ROWS = [line.split("|")[1:4] for line in TABLE.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize(("what", "where", "how"), ROWS, ids=[row[0].strip() for row in ROWS])
def test_a_row_names_what_is_there(what, where, how):
    paths = re.findall(r"`([^`]+)`", where)
    assert 1 <= len(paths) <= 3
    for path in paths:
        place = ROOT / path if path.startswith("tests/") else ROOT / "seaice_cli" / path
        assert place.is_dir() if path.endswith("/") else place.is_file(), path
    code = "".join(f.read_text() for p in paths if (f := ROOT / "seaice_cli" / p).is_file())
    code += "".join(f.read_text() for p in paths if p.endswith("/") for f in (ROOT / "seaice_cli" / p).glob("*.py"))
    code += "".join((ROOT / p).read_text() for p in paths if p.startswith("tests/"))
    for name in re.findall(r"`([A-Za-z_]+)`", how):
        assert re.search(rf"\b{name}\b", code), f"{what.strip()}: {name}"
