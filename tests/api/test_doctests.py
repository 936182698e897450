"""The examples in the docstrings of the library's face run as they stand there."""

import doctest
import importlib
import warnings

import pytest

import seaice_cli

FACES = sorted({seaice_cli._HOMES[name] for name in seaice_cli._HOMES if "api" in seaice_cli._HOMES[name]})
WITHOUT = {"seaice_cli.api.training"}
"""Its example trains for minutes; tests/api/test_training.py trains for two steps."""


@pytest.mark.parametrize("name", [n for n in FACES if n not in WITHOUT])
def test_examples(name, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        done = doctest.testmod(
            importlib.import_module(name), extraglobs={"seaice": seaice_cli}, optionflags=doctest.ELLIPSIS
        )
    assert done.attempted > 1
    assert done.failed == 0
