"""What happens in a child of the forkserver: the command line, with a fault at a stated step.

A *step* is a thing that a run does: a file under the watched folder is opened for writing, renamed or removed (Python tells of
these before they happen), a layer is written, a window is started, GDAL begins or ends a copy. Steps come in the same order in
every run, so that "killed at step 17" means the same place every time.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

_EVENTS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
_WRAPPED = (
    ("seaice_cli.raster.writing.blocks", "BlockWriter.write", "write"),
    ("seaice_cli.raster.writing.blocks", "BlockWriter.close", "close"),
    ("seaice_cli.network.engines.openvino", "OpenVinoEngine._start", "window"),
    ("seaice_cli.raster.writing.cog", "copy_raster", "copy"),
)


class Plan:
    """Counts steps, tells them if asked, and does what was planned at one of them."""

    def __init__(self, *, watch="", trace="", at=-1, do="", patches=(), signal_at=None):
        self._watch, self._trace, self._at, self._do = str(watch), trace, at, do
        self._count = -1
        self._lock = threading.Lock()
        for target, value in patches:
            _patch(target, value)

    def install(self):
        """Watch from now on."""
        for module, name, step in _WRAPPED:
            self._wrap(importlib.import_module(module), name, step)
        sys.addaudithook(self._hear)

    def _hear(self, event, arguments):
        if event == "open" and len(arguments) == 3 and self._under(arguments[0]):
            writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if writes or (isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")):
                self.step(f"open {Path(arguments[0]).name}")
        elif event in _EVENTS and (self._under(arguments[0]) or _in_a_folder(event, arguments)):
            self.step(f"{event} {Path(os.fsdecode(arguments[0])).name}")

    def _under(self, path):
        return (
            bool(self._watch)
            and isinstance(path, (str, bytes, os.PathLike))
            and os.fsdecode(path).startswith(self._watch)
        )

    def _wrap(self, module, name, step):
        owner, attribute = module, name
        if "." in name:
            owner = getattr(module, name.split(".")[0])
            attribute = name.split(".")[1]
        plain, static = getattr(owner, attribute), isinstance(vars(owner)[attribute], staticmethod)

        def stepping(*args, **kwargs):
            self.step(step)
            result = plain(*args, **kwargs)
            if step == "copy":
                self.step("copied")
            return result

        setattr(owner, attribute, staticmethod(stepping) if static else stepping)

    def step(self, name):
        """Count a step, and strike if it is the one."""
        with self._lock:
            self._count += 1
            count = self._count
        if self._trace:
            descriptor = os.open(self._trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, f"{name}\n".encode())
            os.close(descriptor)
        if count == self._at:
            _strike(self._do)


def _in_a_folder(event, arguments):
    """Tell whether a file is removed by its name in an open folder, as `shutil.rmtree` does."""
    return event in ("os.remove", "os.rmdir") and arguments[1] >= 0


def _strike(what):
    if what.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, what))
        if what in ("SIGKILL", "SIGTERM", "SIGINT"):
            time.sleep(0.05)  # the handler runs at the next bytecode of the main thread
        return
    if what == "MemoryError":
        raise MemoryError
    raise OSError(getattr(errno, what), os.strerror(getattr(errno, what)))


def _patch(target, value):
    module, name = target.split(":")
    owner = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    setattr(owner, last, value)


def _kill_later(seconds):
    """Let a process of its own kill this one, wherever it then is."""
    if not os.fork():
        victim = os.getppid()
        time.sleep(seconds)
        if os.getppid() == victim:
            os.kill(victim, signal.SIGKILL)
        os._exit(0)


def seaice(command, plan):
    """Run `seaice COMMAND...`, as a fresh process would.

    Args:
        command: The arguments.
        plan: Those of `Plan`; besides "kill_after" (seconds) and "fatal_file_size" (a file that grows beyond the limit ends the
            process at that byte, as a kill in the middle of a write would).
    """
    from seaice_cli.cli.main import main

    plan = dict(plan)
    after, fatal = plan.pop("kill_after", None), plan.pop("fatal_file_size", False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if fatal else signal.SIG_IGN)
    if plan:
        Plan(**plan).install()
    if after is not None:
        _kill_later(after)
    sys.argv = ["seaice", *command]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def race(command, runs, patches):
    """Run one command several times at once, a little apart; the exit code tells how many ended in another way than 0 or 1."""
    children = []
    for number in range(runs):
        child = os.fork()
        if not child:
            time.sleep(0.12 * number)
            os._exit(seaice(command, {"patches": patches}))
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return sum(code not in (0, 1) for code in codes) + (0 not in codes)


def touching(path, at, command):
    """Run a command that finds its scene overwritten, with the same bytes, at one of its steps."""

    class Overwriting(Plan):
        def step(self, name):
            self._count += 1
            if self._count == at:
                file = Path(path)
                file.write_bytes(file.read_bytes())

    Overwriting().install()
    return seaice(command, {})


def remotely(command, environment, plan=None):
    """Run a command with GDAL's patience shortened."""
    from rasterio._env import set_gdal_config

    os.environ |= environment
    for key, value in environment.items():
        set_gdal_config(key, value)
    return seaice(command, plan or {})


def vanishing(folder, at, command, patches):
    """Run a command whose target's folder is removed at one of its steps."""
    import shutil

    class Removing(Plan):
        def step(self, name):
            self._count += 1
            if self._count == at:
                self._watch = ""
                shutil.rmtree(folder)

    Removing(watch=f"{folder}/", patches=patches).install()
    return seaice(command, {})


def dying(command, how):
    """Run a command whose reading thread ends in the middle: with an error that nobody foresaw, or without a word."""
    from seaice_cli.raster.windows import chips, prefetch

    plain = chips._Strip.move_to

    def stumbling(self, start, stop):
        if start:
            raise RuntimeError("the disk has gone") if how == "error" else SystemExit
        plain(self, start, stop)

    chips._Strip.move_to = stumbling
    if how == "silence":
        put = prefetch.Prefetched._put
        prefetch.Prefetched._put = lambda self, item: put(self, item) if item[0] == "item" else False
    return seaice(command, {})


def without(command, module):
    """Run a command where a package is not installed."""
    import importlib.util

    plain = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *rest: None if name == module else plain(name, *rest)
    return seaice(command, {})


def failing_engine(command, after, patches):
    """Run a command whose engine fails after so many windows."""
    from seaice_cli.network.engines.openvino import OpenVinoEngine

    plain, count = OpenVinoEngine._start, 0

    class Broken:
        def wait(self):
            raise RuntimeError("Exception from src/inference: out of luck")

    def start(chip, idle):
        nonlocal count
        count += 1
        request = plain(chip, idle)
        if count <= after:
            return request
        request.wait()
        return Broken()

    OpenVinoEngine._start = staticmethod(start)
    return seaice(command, {"patches": patches})


def with_few_files(command, files):
    """Run a command with a limit on open files."""
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    return seaice(command, {})


def offline(command):
    """Run a command that may not open a connection, from Python or by GDAL."""
    import socket

    def refuse(*_):
        raise RuntimeError("a connection was opened")

    socket.socket.connect = refuse
    socket.create_connection = refuse
    return seaice(command, {})


def counting_modules(command):
    """Run a command; fail if a library came along that unpickles."""
    code = seaice(command, {})
    return code or int("torch" in sys.modules)


def training(command, plan):
    """Run `seaice train` without the graph, whose export takes longer than all else."""
    _patch("seaice_cli.network.export:onnx_bytes", lambda *_, **__: b"graph")
    return seaice(command, plan)
