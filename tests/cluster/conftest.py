"""A cluster, an S3 server, and scenes with a model whose windows matter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.processes import MOTO, S3, Cluster, environment, seaice
from tests.faults.conftest import speckle, write_scene
from tests.models import pixel_model


@dataclass
class Maps:
    """Scenes, a model, and the masks of one machine."""

    folder: Path
    scenes: list[Path]
    model: Path
    masks: dict[str, bytes]

    def options(self):
        return ("--model", self.model, "--precision", "float32")


@pytest.fixture(scope="session")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    scenes = [write_scene(folder / f"scene{i}.tif", speckle(520, 430, seed=i)) for i in range(4)]
    model = pixel_model(folder / "model", blur=3, tile=128, overlap=32)
    found = Maps(folder, scenes, model, {})
    one = folder / "one"
    done = seaice("predict", *scenes, "-o", one, *found.options(), folder=folder)
    assert done.returncode == 0, done.stderr
    found.masks = {path.name: path.read_bytes() for path in one.glob("*.tif")}
    assert len(found.masks) == len(scenes)
    return found


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    if not MOTO.exists():
        pytest.skip("there is no S3 server; `make test-cluster` installs one")
    server = S3(tmp_path_factory.mktemp("s3"))
    yield server
    server.process.kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two workers, which no kill is meant for but that of an armed one."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def cluster_with_s3(tmp_path_factory, s3):
    folder = tmp_path_factory.mktemp("cluster")
    variables = {**s3.variables, "XDG_CACHE_HOME": str(folder / "cache")}
    cluster = Cluster(folder, env=environment(**variables))
    yield cluster, variables
    cluster.close()
