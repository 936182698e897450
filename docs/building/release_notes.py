"""Print what CHANGELOG.md says of a release: `make release-notes`.

python docs/building/release_notes.py [VERSION]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from seaice_cli import __version__

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


def release_notes(version: str) -> str:
    """Return the section of a version, without its heading.

    Raises:
        SystemExit: There is no such section.
    """
    text = CHANGELOG.read_text(encoding="utf-8")
    found = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## \[|\Z)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise SystemExit(f"{CHANGELOG.name} has no section [{version}]")
    return found[1].strip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(release_notes(sys.argv[1] if len(sys.argv) > 1 else __version__))
