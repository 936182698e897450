"""What a mask says of itself: the tags that `predict` wrote, read back."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning

from seaice_cli.errors import DataError
from seaice_cli.outputs import reason_of
from seaice_cli.prediction.tags import SEPARATOR
from seaice_cli.raster.gdal import FAILURES

_TOLD_APART = {
    "SOFTWARE",
    "SCENE",
    "MODEL",
    "MODEL_SHA256",
    "SENSOR",
    "ACQUIRED",
    "UNCERTAIN",
    "WARNINGS",
    "COMMAND",
    "AREA_OR_POINT",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A mask, or a probability, as its tags tell of it."""

    path: str
    width: int
    height: int
    crs: str
    """Empty: none."""
    software: str
    scene: str
    model: str
    model_sha256: str
    classes: dict[int, str]
    sensor: str
    acquired: str
    uncertain: float | None
    warnings: list[str]
    options: dict[str, str]
    """Whatever else shaped it."""
    command: str
    """What makes it once more, run where the scene lies; empty if it was made by a version that did not tell."""

    def to_json(self) -> dict[str, Any]:
        """Return the description as JSON values."""
        return asdict(self)

    def text(self) -> str:
        """Return the facts that are known, one a line."""
        facts = {
            "file": f"{self.path}, {self.width} x {self.height} px, {self.crs or 'no CRS'}",
            "scene": self.scene,
            "sensor": self.sensor,
            "acquired": self.acquired,
            "model": f"{self.model} ({self.model_sha256[:12]})",
            "classes": ", ".join(f"{i} {name}" for i, name in self.classes.items()),
            "options": ", ".join(f"{name} {value}" for name, value in self.options.items()),
            "uncertain": "" if self.uncertain is None else f"{self.uncertain:.1%} of the pixels",
            "warnings": SEPARATOR.join(self.warnings),
            "made by": self.software,
            "again by": self.command,
        }
        return "\n".join(f"{name:<11}{value}" for name, value in facts.items() if value)


def describe(path: Path) -> Description:
    """Read what a mask says of itself.

    Raises:
        DataError: It is no raster, or none that `predict` has made.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as dataset:
                size, crs, tags = (dataset.width, dataset.height), dataset.crs, dataset.tags()
    except FAILURES as error:
        raise DataError(f"{path}: cannot be opened as a raster ({reason_of(error)})") from error
    if not tags.get("SOFTWARE", "").startswith("seaice"):
        raise DataError(f"{path}: was not made by `seaice predict`, or its tags are lost; gdalinfo tells what it is")
    return _described(path, size, crs.to_string() if crs else "", tags)


def _described(path: Path, size: tuple[int, int], crs: str, tags: Mapping[str, str]) -> Description:
    classes = {int(k[6:]): v for k, v in tags.items() if k.startswith("CLASS_") and k[6:].isdecimal()}
    uncertain = tags.get("UNCERTAIN")
    command = tags.get("COMMAND", "")
    return Description(
        path=str(path), width=size[0], height=size[1], crs=crs if len(crs) < 100 else "a CRS of its own",
        software=tags["SOFTWARE"], scene=tags.get("SCENE", ""), model=tags.get("MODEL", ""),
        model_sha256=tags.get("MODEL_SHA256", ""), classes=dict(sorted(classes.items())), sensor=tags.get("SENSOR", ""),
        acquired=tags.get("ACQUIRED", ""), uncertain=float(uncertain) if uncertain else None,
        warnings=[w for w in tags.get("WARNINGS", "").split(SEPARATOR) if w],
        options={k.lower(): v for k, v in sorted(tags.items()) if k not in _TOLD_APART and not k.startswith("CLASS_")},
        command=f"{command} -o {path.stem}_again{path.suffix}" if command else "",
    )  # fmt: skip
