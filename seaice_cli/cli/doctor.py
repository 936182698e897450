"""`seaice doctor`: what this installation and this machine have, and what mends what is missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from seaice_cli.cli.shared.address_space import MAPS, Command
from seaice_cli.cli.shared.flags import answer
from seaice_cli.cli.shared.parameters import as_json

if TYPE_CHECKING:
    from seaice_cli.diagnosis.report import Diagnosis


@click.command(cls=Command, need=MAPS)
@as_json
def doctor(as_json: bool) -> None:
    """Check this installation: what is here, what is missing, and the command that installs it.

    The exit code is 0 if prediction can work, else 1.

    Example: seaice doctor
    """
    from seaice_cli.diagnosis.report import diagnose

    found = diagnose()
    answer(json.dumps(found.to_json(), indent=2) if as_json else _tabulate(found))
    if not found.ok:
        raise click.exceptions.Exit(1)


def _tabulate(found: Diagnosis) -> str:
    m, g, e = found.machine, found.gdal, found.engine
    told = "unknown" if m["instructions"] is None else ", ".join(m["instructions"]) or "none"
    rows = [
        ("versions", ", ".join(f"{name} {version or 'missing'}" for name, version in found.versions.items())),
        ("system", m["system"]),
        ("processor", f"{m['processor']}; {m['threads']} of {m['processors']} threads; {told}"),
        ("memory", f"{m['memory_mb']} MiB, {m['memory_free_mb']} MiB free"),
        ("GPU", "; ".join(found.gpus) or "none"),
    ]
    if e:
        rows.append(("engine", f"{e['auto']}; OpenVINO {e['openvino']} in {e['precision']} on the CPU"))
    if g:
        lacks = f"; without {', '.join(g['drivers_missing'])}" if g["drivers_missing"] else ""
        rows += [
            ("GDAL", f"{g['gdal']}; {', '.join((*g['drivers'], *g['vector_drivers']))}{lacks}"),
            ("PROJ", f"{g['proj']}; {g['proj_data']}"),
        ]
    rows += [("model", f"{one['name']} in {one['directory']}") for one in found.models if not one["fault"]]
    rows += [("cache", f"{c['folder']} ({c['size_mb']} MB): {c['about']}") for c in found.caches.values()]
    lines = [f"{name:<10} {text}" for name, text in rows]
    lines += [f"{f.level:<10} {f.text}\n{'':<10}   -> {f.remedy}" for f in found.findings]
    return "\n".join(
        [*lines, "prediction can work here" if found.ok else "prediction cannot work here: mend the errors above"]
    )
