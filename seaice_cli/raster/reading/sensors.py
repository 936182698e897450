"""Which sensor a scene comes from, and what its numbers mean: the table `sensors.toml`, and how a file is recognised in it.

A file speaks for a sensor by its tags, by the descriptions of its bands and by its name. What speaks must agree: a file whose tags say
one sensor and whose bands another is refused. What leaves more than one open (Sentinel-2 without its processing baseline) is
refused too, unless the file itself declares scale and offset, which always win over the table's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePath
from typing import Any

from seaice_cli.errors import OptionError, SceneError

RGB, REFLECTANCE = "rgb", "reflectance"
_TIMES = (
    "ACQUIRED", "ACQUISITIONDATETIME", "ACQUISITION_TIME", "PRODUCT_START_TIME", "DATATAKE_1_DATATAKE_SENSING_START", "SENSING_TIME",
    "START_TIME", "TIME_COVERAGE_START", "RANGEBEGINNINGDATE", "DATE_ACQUIRED",
)  # fmt: skip
"""Tags that tell when a scene was taken, in capitals; not when a file was written."""
_STAMP = re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)")
COLORS = ("red", "green", "blue", "nir", "swir")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """A row of the table; its fields are explained at the head of `sensors.toml`."""

    name: str
    title: str
    signs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    bands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    range: tuple[float, float] = (0.0, 1.0)
    curve: str = ""
    sun: bool = False

    @property
    def is_picture(self) -> bool:
        """Whether its values are those of an 8-bit picture, not reflectances."""
        return bool(self.curve)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file says of itself, beside its pixels."""

    path: str
    dtype: str
    tags: Mapping[str, str] = field(default_factory=dict)
    descriptions: tuple[str, ...] = ()
    """Of every band; empty texts where there is none."""
    colors: tuple[str, ...] = ()
    """Of every band: the name of its colour interpretation."""
    scales: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()

    @property
    def is_scaled(self) -> bool:
        """Whether the file declares a scale or an offset for some band."""
        return any(s != 1 for s in self.scales) or any(o != 0 for o in self.offsets)


@cache
def sensors() -> Mapping[str, Sensor]:
    """Return the table, by name."""
    return {name: Sensor(name=name, **_frozen(row)) for name, row in _table()["sensors"].items()}


@cache
def curves() -> Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Return the curves, by name: reflectances, and the 8-bit values that stand for them."""
    return {name: (tuple(row["reflectance"]), tuple(row["value"])) for name, row in _table()["curves"].items()}


def find_sensor(name: str) -> Sensor:
    """Return the sensor of that name.

    Raises:
        OptionError: The table has none.
    """
    if name not in sensors():
        raise OptionError(f"`sensor` {name}: is none of {', '.join(sensors())}")
    return sensors()[name]


def recognise(facts: Facts) -> Sensor | None:
    """Return the sensor that a file speaks for; None where nothing does.

    Raises:
        SceneError: Its tags, bands and name speak for different sensors, or leave open what only the user can know.
    """
    _refuse_contradiction(facts)
    evidence = {what: found for what, found in _evidence(facts).items() if found}
    agreed = set(sensors()).intersection(*evidence.values()) if evidence else set()
    if not evidence:
        return sensors()[RGB] if facts.dtype == "uint8" else None
    names = [name for name in sensors() if name in agreed]
    if not names:
        said = "; ".join(f"its {what} say {' or '.join(found)}" for what, found in evidence.items())
        raise SceneError(f"{facts.path}: {said}; say which is right with `sensor`")
    if len(names) > 1 and not facts.is_scaled:
        raise SceneError(
            f"{facts.path}: comes from {' or '.join(names)}, which differ in what their values mean; say which with `sensor`"
        )
    return sensors()[names[0]]


def name_bands(facts: Facts, sensor: Sensor | None) -> tuple[str, ...]:
    """Return the colour that every band shows, such as "red"; empty where nothing tells.

    A description that is understood counts more than a colour interpretation, which GDAL gives to the first three bands unasked: as
    soon as one is understood, no colour interpretation counts.
    """
    known = [sensor] if sensor is not None and sensor.bands else sensors().values()
    described = tuple(_color_of(text, known) for text in facts.descriptions)
    if any(described):
        return described
    return tuple(color if color in COLORS else "" for color in facts.colors)


def choose_bands(
    facts: Facts, sensor: Sensor | None, wanted: Sequence[str], given: Sequence[int | str] | None
) -> tuple[int, ...] | None:
    """Return which bands to read, from 1, in the model's order; None for all of them.

    Args:
        facts: What the file says of itself.
        sensor: What it comes from.
        wanted: The names of the bands that the model reads.
        given: What the user has named: numbers, descriptions, or colours; None: nothing.

    Raises:
        SceneError: No band is called as the user says, or several are.
    """
    known = name_bands(facts, sensor)
    if given:
        return tuple(b if isinstance(b, int) else _band_called(b, facts, known) for b in given)
    if all(name in known for name in wanted):
        return tuple(known.index(name) + 1 for name in wanted)
    return None


def _band_called(name: str, facts: Facts, known: Sequence[str]) -> int:
    text = name.strip().lower()
    found = [i for i, d in enumerate(facts.descriptions, 1) if d.strip().lower() == text]
    found = found or [i for i, color in enumerate(known, 1) if color == text]
    if len(found) != 1:
        count = "no band" if not found else f"{len(found)} bands"
        called = [d or known[i] or str(i + 1) for i, d in enumerate(facts.descriptions)]
        raise SceneError(
            f"{facts.path}: has {count} called {name!r} (its bands: {', '.join(called)}); name them by number with `bands`"
        )
    return found[0]


def acquisition_time(facts: Facts) -> str | None:
    """Return when a scene was taken, in ISO 8601, as its tags or the time in its name tell; None where they do not."""
    tags = {key.upper(): value.strip() for key, value in facts.tags.items()}
    if tags.get("DATE_ACQUIRED") and tags.get("SCENE_CENTER_TIME"):
        return f"{tags['DATE_ACQUIRED']}T{tags['SCENE_CENTER_TIME']}"
    told = next((tags[key] for key in _TIMES if tags.get(key)), None)
    if told is None and (found := _STAMP.search(PurePath(facts.path).name)):
        told = "{}-{}-{}T{}:{}:{}Z".format(*found.groups())
    return told


def _color_of(description: str, known: Iterable[Sensor]) -> str:
    text = description.strip()
    if text.lower() in COLORS:
        return text.lower()
    patterns = [(color, p) for sensor in known for color, ps in sensor.bands.items() for p in ps]
    found = {color for color, pattern in patterns if re.search(pattern, text, re.IGNORECASE)}
    return found.pop() if len(found) == 1 else ""


def _evidence(facts: Facts) -> dict[str, list[str]]:
    """Return the sensors that tags, band descriptions and file name speak for."""
    lines = [f"{key}={value}" for key, value in facts.tags.items()]
    named = [text for text in facts.descriptions if text]
    file = PurePath(facts.path.rstrip("/").rpartition("/")[2]).name
    return {
        "tags": _most([s for s in sensors().values() for sign in s.signs if _found(sign, lines)]),
        "bands": _most([s for s in sensors().values() for ps in s.bands.values() if any(_found(p, named) for p in ps)]),
        "name": _most([s for s in sensors().values() for p in s.files if _found(p, [file])]),
    }


def _most(votes: Sequence[Sensor]) -> list[str]:
    """Return the sensors that most signs speak for: a processing baseline tells two apart that share all else."""
    names = [sensor.name for sensor in votes]
    most = max((names.count(n) for n in names), default=0)
    return [n for n in dict.fromkeys(names) if names.count(n) == most]


def _refuse_contradiction(facts: Facts) -> None:
    """Refuse tags that speak for sensors that share no sign: a minority of them is no less true than the majority."""
    lines = [f"{key}={value}" for key, value in facts.tags.items()]
    told = [s for s in sensors().values() if any(_found(sign, lines) for sign in s.signs)]
    for other in told[1:]:
        if not set(told[0].signs).intersection(other.signs):
            raise SceneError(
                f"{facts.path}: its tags say {told[0].name} and {other.name}; say which is right with `sensor`"
            )


def _found(pattern: str, texts: Sequence[str]) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE) for text in texts)


@cache
def _table() -> Mapping[str, Any]:
    import tomllib  # here, for `seaice --help` names sensors and needs no table
    from importlib import resources

    return tomllib.loads(resources.files(__package__).joinpath("sensors.toml").read_text(encoding="utf-8"))


def _frozen(row: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    values["bands"] = {color: tuple(patterns) for color, patterns in row.get("bands", {}).items()}
    return values
