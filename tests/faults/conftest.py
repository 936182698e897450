"""What every fault test needs: the forkserver, and a scene with a model whose windows matter."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from tests.faults.forkserver import ForkServer
from tests.models import pixel_model

PARTS_OF_EIGHT = ("seaice_cli.prediction.job:WINDOWS_PER_PART", 8)
"""Eight windows a part, so that a small scene has several."""


@dataclass(frozen=True)
class Work:
    """A scene, a model, and what an undisturbed run makes of them."""

    forkserver: ForkServer
    folder: Path
    scene: Path
    model: Path

    def predict(self, out, *options, **plan):
        """Run `seaice predict` with its target in the folder `out`, which is watched."""
        out.mkdir(exist_ok=True)
        limits = {k: plan.pop(k) for k in ("timeout", "memory", "address_space", "file_size") if k in plan}
        patches = [PARTS_OF_EIGHT, *plan.pop("patches", ())]
        command = ("predict", self.scene, "-o", out / "mask.tif", "--model", self.model, "--json", *options)
        return self.forkserver.seaice(*command, plan={"watch": f"{out}/", "patches": patches, **plan}, **limits)

    def fresh(self, name="out"):
        """Return an empty folder."""
        out = self.folder / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        return out


@pytest.fixture(scope="session")
def forkserver():
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def work(forkserver, tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    scene = write_scene(folder / "scene.tif", speckle(520, 430))
    return Work(forkserver, folder, scene, pixel_model(folder / "model", blur=3, tile=128, overlap=32))


def speckle(height, width, bands=3, seed=0):
    """Return (bands, height, width) noise with structure at every scale that windows could spoil."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 16 + 1, width // 16 + 1)).repeat(16, 0).repeat(16, 1)[:height, :width]
    return np.clip(coarse * 0.5 + rng.integers(0, 128, (bands, height, width)), 0, 255).astype(np.uint8)


def write_scene(path, pixels, **profile):
    """Write a small georeferenced GeoTIFF in blocks of 128 pixels."""
    layout = {"tiled": True, "blockxsize": 128, "blockysize": 128, "compress": "deflate"}
    place = {"transform": Affine(250, 0, -1e6, 0, -250, 5e5), "crs": "EPSG:3413"}
    shape = dict(zip(("count", "height", "width"), pixels.shape, strict=True))
    with rasterio.open(
        path, "w", driver="GTiff", dtype=pixels.dtype.name, **shape, **(layout | place | profile)
    ) as file:
        file.write(pixels)
    return path


_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def contents(folder):
    """Return every file under a folder by its path in it, but for the time of day that a GeoPackage notes."""
    return {
        str(p.relative_to(folder)): _TIME.sub(b"", p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()
    }


def summary(outcome):
    """Return what a run with --json has printed."""
    return json.loads(outcome.out)
