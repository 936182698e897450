"""Broken and hostile files: refused in one line or read as what they are, in bounded time and memory, touching nothing else."""

from __future__ import annotations

import json

import pytest

from tests.faults import corpus
from tests.faults.conftest import contents

MEMORY = 2 << 30
BATCH = 60


def survey(forkserver, task, paths, folder, **arguments):
    """Run a task over files in batches; return (fine, refused, wrong). A crash counts as wrong, and the batch goes on behind it."""
    report = folder / "report.json"
    fine = refused = 0
    wrong = []
    todo = [str(p) for p in paths]
    while todo:
        batch, todo = todo[:BATCH], todo[BATCH:]
        outcome = forkserver.run(
            f"tests.faults.hostile:{task}", paths=batch, report=str(report), memory=MEMORY, timeout=3600, **arguments
        )
        told = json.loads(report.read_text())
        print({k: told.get(k) for k in ("fine", "refused", "slowest", "peak_mb")})
        fine, refused, wrong = fine + told["fine"], refused + told["refused"], wrong + told["wrong"]
        if told["at"]:
            wrong.append(
                f"{told['at']}: ended the process ({outcome.code}, timed out: {outcome.timed_out}): {outcome.err[-600:]}"
            )
            todo = batch[batch.index(told["at"]) + 1 :] + todo
    return fine, refused, wrong


def hold_scenes(work, tmp_path, number, seed, options=None):
    folder = tmp_path / "scenes"
    folder.mkdir()
    paths = corpus.sound(folder)
    broken = []
    for index, (suffix, content) in enumerate(corpus.mutants(paths, number, seed)):
        broken.append(folder / f"{index:04d}{suffix}")
        broken[-1].write_bytes(content)
    before = contents(folder)
    fine, refused, wrong = survey(
        work.forkserver,
        "scenes",
        broken,
        tmp_path,
        model=str(work.model),
        out=str(tmp_path / "out"),
        options=options or {},
    )
    assert not wrong, "\n\n".join(wrong)
    assert contents(folder) == before, "a file beside the scenes was touched"
    assert refused > number // 4
    assert fine + refused == number


def test_300_broken_rasters_are_refused_or_read(work, tmp_path):
    hold_scenes(work, tmp_path, 300, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 4])
def test_900_broken_rasters_are_refused_or_read(work, tmp_path, seed):
    hold_scenes(work, tmp_path, 900, seed, {"on_bad_block": "nodata"} if seed == 4 else None)


def test_rasters_made_for_harm_are_refused_or_read(work, tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    corpus.sound(folder)
    paths = []
    for name, content in corpus.special(folder):
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    before = contents(folder)
    _, refused, wrong = survey(
        work.forkserver, "scenes", paths, tmp_path, model=str(work.model), out=str(tmp_path / "out")
    )
    assert not wrong, "\n\n".join(wrong)
    assert refused > 25
    assert contents(folder) == before
