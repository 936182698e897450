"""A dataset of which GDAL cannot tell an attribute, and what a command is to say then."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from rasterio._err import CPLE_AppDefinedError
from rasterio.io import DatasetReader

from seaice_cli.cli.main import cli

PLAIN = (
    "name",
    "closed",
    "mode",
    "close",
    "start",
    "stop",
    "read",
    "read_masks",
    "dataset_mask",
    "read_crs",
    "read_transform",
)
"""What every opening reads, closes and names, and reading pixels."""
NAMES = [n for n in dir(DatasetReader) if not n.startswith("_") and n not in PLAIN]


class Watched:
    """Attributes of the datasets in a folder: which are asked for, and one that cannot be told."""

    def __init__(self, monkeypatch, folder):
        self._folder, self.asked, self.failing = str(folder), set(), None
        for name in NAMES:
            monkeypatch.setattr(DatasetReader, name, self._watched(name, getattr(DatasetReader, name)))

    def _watched(self, name, plain):
        def look(dataset):
            if dataset.name.startswith(self._folder):
                self.asked.add(name)
                if name == self.failing:
                    raise CPLE_AppDefinedError(1, 1, "GDAL cannot tell")

        if not callable(plain):

            def get(dataset):
                look(dataset)
                return plain.__get__(dataset)

            return property(get)

        def call(dataset, *arguments, **options):
            look(dataset)
            return plain(dataset, *arguments, **options)

        return call


def hold(monkeypatch, folder, command, prepare=lambda: None, *, findings=False):
    """Assert one line and exit code 1 where an attribute that the command asks for fails.

    Args:
        monkeypatch: The fixture.
        folder: Where the command's files are.
        command: Arguments of `seaice`.
        prepare: Called before every run.
        findings: Whether the command tells of faults on stdout.
    """

    def run():
        prepare()
        return CliRunner().invoke(cli, [str(a) for a in command])

    watched = Watched(monkeypatch, folder)
    outcome = run()
    assert outcome.exit_code == 0, outcome.output
    asked, refusals = sorted(watched.asked), 0
    for watched.failing in asked:
        outcome = run()
        assert "unforeseen" not in outcome.output, (watched.failing, outcome.output)
        lines = [line for line in outcome.stderr.splitlines() if line.startswith("Error: ")]
        if outcome.exit_code:
            refusals += 1
            told = outcome.output if findings else lines[0]
            assert outcome.exit_code == 1
            assert len(lines) <= 1
            assert "GDAL cannot tell" in told or "cannot be read" in told, (watched.failing, outcome.output)
            assert str(folder) in told
    assert refusals > 2, (refusals, asked)


def survey(folder, paths, readers):
    """Run commands on damaged files; a child of the forkserver calls it. Print how many runs were refused."""
    refused = 0
    for path in paths:
        Path(folder, "labels.csv").write_text(f"image,label\n{folder}/scene.tif,{path}\n")
        Path(folder, "images.csv").write_text(f"image,label\n{path},{folder}/label.tif\n")
        for reader in readers:
            outcome = CliRunner().invoke(cli, reader.format(folder, path).split())
            lines = [line for line in outcome.stderr.splitlines() if line.startswith("Error: ")]
            assert outcome.exit_code in (0, 1), (reader, path, outcome.output)
            assert "unforeseen" not in outcome.output, (reader, path, outcome.output)
            assert len(lines) <= 1, (reader, path, outcome.output)
            refused += outcome.exit_code
    print(json.dumps({"refused": refused}))
