"""`diagnose`: everything that was found, what is wrong with it, and the command that mends it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from seaice_cli import __version__
from seaice_cli.diagnosis.machine import describe_gpus, describe_machine
from seaice_cli.diagnosis.software import (
    NEEDED_DRIVERS,
    describe_caches,
    describe_engine,
    describe_gdal,
    describe_models,
    try_imports,
    version_of,
)
from seaice_cli.extras import EXTRAS, install_command, missing_modules

REINSTALL = "pip install --force-reinstall --no-deps seaice"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is missing or wrong."""

    level: Literal["error", "note"]
    """error: prediction cannot work; note: something else cannot, or is slow."""
    text: str
    remedy: str
    """The command that mends it, or what to do."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an installation and a machine have."""

    versions: Mapping[str, str]
    """Of seaice, Python and the packages, by name; empty: cannot be imported."""
    machine: Mapping[str, Any]
    gpus: list[str]
    gdal: Mapping[str, Any]
    engine: Mapping[str, Any]
    models: list[dict[str, str]]
    caches: Mapping[str, Any]
    extras: Mapping[str, list[str]]
    """By extra, the modules that are missing."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether prediction can work."""
        return not any(f.level == "error" for f in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {"ok": self.ok, **asdict(self)}


def diagnose() -> Diagnosis:
    """Look at everything that prediction stands on; nothing that is missing or damaged ends the look."""
    findings: list[Finding] = []
    versions = {"seaice": __version__, "python": platform.python_version()}
    for module, version, error in try_imports():
        versions[module] = version
        if error:
            findings.append(
                Finding("error", f"{module} cannot be imported ({error})", f"pip install --force-reinstall {module}")
            )
    versions |= {
        name: version for name in ("torch", "xarray", "geopandas", "matplotlib") if (version := version_of(name))
    }
    gpus = describe_gpus()
    found = Diagnosis(
        versions=versions,
        machine=describe_machine(),
        gpus=gpus,
        gdal=_looked(describe_gdal, "GDAL", findings),
        engine=_looked(describe_engine, "the engine", findings),
        models=_looked(describe_models, "the models", findings) or [],
        caches=_looked(describe_caches, "the caches", findings),
        extras={extra: missing_modules(extra) for extra in EXTRAS},
        findings=findings,
    )
    findings.extend(_faults(found))
    return found


def _looked(look: Callable[[], Any], what: str, findings: list[Finding]) -> Any:
    """Return what a look finds; where it fails, note that and return nothing."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - a damaged installation fails in any way
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        findings.append(
            Finding("error", f"{what} cannot be asked ({reason})", "mend what cannot be imported, or reinstall")
        )
        return {}


def _faults(found: Diagnosis) -> Iterator[Finding]:
    yield from _gdal_faults(found.gdal)
    for model in found.models:
        if model["fault"]:
            yield Finding("error", model["fault"], REINSTALL)
    for cache in found.caches.values():
        if not cache["writable"]:
            remedy = "set NUMBA_CACHE_DIR, or XDG_CACHE_HOME, to a folder that can be written"
            yield Finding("note", f"{cache['folder']}: cannot be written ({cache['about']})", remedy)
    yield from _missing_extras(found)
    instructions = found.machine["instructions"]
    if instructions is not None and "AVX2" not in instructions and platform.machine() in ("x86_64", "AMD64"):
        yield Finding("note", "the processor has no AVX2: the network runs slowly", "use another machine, or a GPU")


def _missing_extras(found: Diagnosis) -> Iterator[Finding]:
    if found.gpus and found.extras["gpu"]:
        yield Finding("note", f"there is a GPU ({found.gpus[0]}) that is not used", install_command("gpu"))
    for extra, missing in found.extras.items():
        if missing and not (extra == "gpu" and found.gpus):
            yield Finding("note", f"{EXTRAS[extra].use}: {', '.join(missing)} not installed", install_command(extra))


def _gdal_faults(gdal: Mapping[str, Any]) -> Iterator[Finding]:
    if not gdal:
        return
    if lacking := [name for name in NEEDED_DRIVERS if name in gdal["drivers_missing"]]:
        yield Finding("error", f"GDAL lacks the drivers {', '.join(lacking)}", "pip install --force-reinstall rasterio")
    if not gdal["projects"]:
        remedy = "unset PROJ_DATA and PROJ_LIB, or pip install --force-reinstall rasterio pyproj"
        yield Finding(
            "error",
            "PROJ computes no polar stereographic coordinates: its data is missing or of another version",
            remedy,
        )
    if "GPKG" not in gdal["vector_drivers"]:
        yield Finding("note", "polygons cannot be written as GeoPackage", "pip install --force-reinstall pyogrio")
