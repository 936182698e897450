"""The library names parameters, the command line names flags."""

import ast
import logging
import re

import click
import pytest
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.cli.shared.flags import as_flags
from tests.conftest import ROOT

LIBRARY = [p for p in (ROOT / "seaice_cli").rglob("*.py") if "cli" not in p.relative_to(ROOT / "seaice_cli").parts]
PARAMETER = re.compile(r"`([a-z][a-z0-9_]*)`")
OTHERS = {"seaice", "cloud", "group", "ignore", "image"}
"""Names in backticks that are no parameters."""


def _texts(path):
    """Return the strings of a module that are no docstrings, those of an error across lines joined, with f-string values as {}."""
    tree = ast.parse(path.read_text())
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.JoinedStr):
                yield "".join(v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and not isinstance(parent, (ast.Expr, ast.JoinedStr))
            ):
                yield node.value


def _parameters(command):
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return {p.name for p in command.params}.union(*map(_parameters, below))


def test_no_text_of_the_library_names_a_flag():
    """Style sheets, commands of other programs, and the help texts of training options, which are the command line's, set aside."""
    assert len(LIBRARY) > 100
    others = (
        "How often each",
        "color-mix",
        "pip install",
        "docker run",
        "seaice models export",
        "--query-gpu",
        "--format=csv",
    )
    for text in (text for path in LIBRARY for text in _texts(path)):
        if "{" in text.replace("{}", "") or any(other in text for other in others):
            continue
        assert not re.search(r"(?<![\w-])--[a-z]", text), text


def test_every_name_in_backticks_is_a_parameter_that_becomes_a_flag():
    known = _parameters(cli) | OTHERS
    named = {name for path in LIBRARY for text in _texts(path) for name in PARAMETER.findall(text)}
    assert {"tile", "min_area", "on_bad_block", "t_srs", "split_floes", "values"} <= named
    assert named <= known, named - known


def _context(*names):
    context = click.Context(cli)
    context.invoked_subcommand = names[0] if names else None
    return context


def test_a_parameter_is_written_as_the_flag_of_the_command_that_was_called():
    assert as_flags("choose with `ice` or `t_srs`", _context("floes")) == "choose with --class or --t-srs"
    assert as_flags("choose with `ice`", _context("eval")) == "choose with --ice"
    assert as_flags("resume it (`resume`)", _context("train")) == "resume it (--resume)"
    assert as_flags("`nothing of ours` and `such`", _context()) == "`nothing of ours` and `such`"


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (["predict", "{scene}", "-o", "m.png"], "--format png"),
        (["predict", "{scene}", "-o", "m.tif", "--overlap", "2000"], "--overlap 2000 must be smaller than --tile"),
        (["predict", "{scene}", "-o", "m.tif", "--rescale", "1,1"], "--rescale needs"),
        (["predict", "{scene}", "-o", "m.tif", "--device", "tpu"], "--device tpu"),
        (["predict", "{scene}", "-o", "m.tif", "--bbox", "5,5,1,1"], "--bbox 5,5,1,1"),
        (["predict", "{scene}", "-o", "m.tif", "--bands", "1,9,2"], "choose others with --bands"),
        (["predict", "{scene}", "-o", "m.tif", "--nodata", "700"], "--nodata 700"),
        (["predict", "{scene}", "-o", "m.tif", "--dry-run", "--preview", "p.jpg"], "--preview p.jpg"),
        (["vectorize", "{scene}", "v.gpkg", "--smooth"], "--smooth: needs --probability"),
        (["vectorize", "{scene}", "v.gpkg", "--threshold", "0.5"], "--threshold: is for --smooth"),
        (["vectorize", "{scene}", "v.gpkg", "--min-area", "-1"], "--min-area -1"),
        (["vectorize", "{scene}", "v.gpkg"], "name one with --band"),
        (["floes", "missing.gpkg"], "--attributes floe"),
    ],
)
def test_errors_of_commands_name_flags(arguments, flag, write_scene, noise, tmp_path, monkeypatch, two_class_model):
    monkeypatch.chdir(tmp_path)
    scene = str(write_scene(noise(40, 40, bands=5), photometric="minisblack"))
    extra = ["--model", str(two_class_model)] if arguments[0] == "predict" else []
    if "--bands" not in arguments and arguments[0] == "predict":
        scene = str(write_scene(noise(40, 40)))
    done = CliRunner().invoke(cli, [a.format(scene=scene) for a in arguments] + extra)
    assert done.exit_code == 1
    assert flag in done.output
    assert "`" not in done.output.replace("`seaice vectorize`", "").replace("`seaice predict`", "")


def test_what_is_logged_names_flags_too(write_scene, two_class_model, tmp_path):
    def command():
        logging.getLogger("seaice_cli").warning("look at `any_resolution`")

    runner = CliRunner()
    cli.add_command(click.Command("tell", callback=command))
    try:
        done = runner.invoke(cli, ["tell"])
    finally:
        del cli.commands["tell"]
    assert "WARNING look at --any-resolution" in done.output
