"""Loaded by every worker of the tests: scenes have several parts, and a worker that is armed dies at a stated step."""

from __future__ import annotations

import importlib

from tests.faults.conftest import PARTS_OF_EIGHT
from tests.faults.injection import Plan

_plan: Plan | None = None


def dask_setup(worker):
    """Called by Dask when the worker starts."""
    global _plan  # noqa: PLW0603 - one of the process
    _plan = Plan(patches=[PARTS_OF_EIGHT])
    _plan.install()
    _plan._wrap(importlib.import_module("seaice_cli.storage"), "Storage.put", "put")
    _plan._wrap(importlib.import_module("seaice_cli.storage"), "Storage.fetch", "fetch")
    _plan._wrap(importlib.import_module("seaice_cli.outputs"), "rename", "publish")


def arm(at, watch="", trace="", do="SIGKILL"):
    """Count steps from now on, and do what is wanted at one of them."""
    _plan._count, _plan._at, _plan._watch, _plan._trace, _plan._do = -1, at, watch, trace, do


def disarm():
    """Let the worker live; return how many steps it has counted."""
    _plan._at, _plan._trace = -1, ""
    return _plan._count
